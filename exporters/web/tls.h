// SPDX-License-Identifier: Apache-2.0
// TLS 1.2 and 1.3 under the web server, by OpenSSL. Nothing of the host is read but the two files:
// no OpenSSL configuration, no provider modules.
#pragma once

#include <memory>
#include <string>

#include "exporters/web/transport.h"
#include "userspace/base/fd.h"
#include "userspace/base/result.h"

namespace sonde::web {

// Once before anything of OpenSSL is used; any thread, any number of times. false: it will not do.
bool crypto_ready();

// A certificate and its key, in memory. Transports made of it may outlive it.
class TlsIdentity {
 public:
  // PEM files; the certificate's may hold the chain behind it. Fails if they do not belong
  // together.
  static Result<TlsIdentity> load(const std::string& certificate_file, const std::string& key_file);

  TlsIdentity(TlsIdentity&&) noexcept;
  TlsIdentity& operator=(TlsIdentity&&) noexcept;
  ~TlsIdentity();

  // The server's end; null: no memory. fd is non-blocking; the thread that uses the transport must
  // have SIGPIPE blocked or ignored.
  std::unique_ptr<Transport> accept(Fd fd) const;

 private:
  struct Context;  // OpenSSL's headers stay out of ours
  explicit TlsIdentity(std::unique_ptr<Context> context);
  std::unique_ptr<Context> context_;
};

}  // namespace sonde::web
