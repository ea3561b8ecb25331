// SPDX-License-Identifier: Apache-2.0
// Guard: who may speak with the web server, and how: TLS and users, each optional, from files.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "exporters/http.h"
#include "exporters/web/tls.h"
#include "exporters/web/users.h"

namespace sonde::web {

struct GuardFiles {
  std::string certificate;  // PEM, with its chain; empty: no TLS
  std::string key;          // PEM
  std::string users;        // see Users; empty: everybody may read
};

// Used by the web thread alone.
class Guard {
 public:
  static Result<std::unique_ptr<Guard>> load(const GuardFiles& files);

  bool has_tls() const { return tls_.has_value(); }
  bool has_users() const { return users_.has_value(); }

  // Null: no memory.
  std::unique_ptr<Transport> accept(Fd fd) const;

  // The refusal, if there is one.
  std::optional<HttpResponse> refusal(const std::string& authorization, uint64_t now_ns);

 private:
  std::optional<TlsIdentity> tls_;
  std::optional<Users> users_;
};

// What an operator should know of a port that other machines reach; empty: nothing.
std::string_view exposure(const Guard& guard);

}  // namespace sonde::web
