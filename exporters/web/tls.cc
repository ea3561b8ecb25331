// SPDX-License-Identifier: Apache-2.0
#include "exporters/web/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>
#include <utility>

namespace sonde::web {
namespace {

// Of TLS 1.2; all of TLS 1.3 are as good. Forward secrecy and authenticated encryption only.
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";

template <auto kFree>
struct Freed {
  void operator()(auto* object) const { kFree(object); }
};
using ContextPtr = std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>>;
using SessionPtr = std::unique_ptr<SSL, Freed<SSL_free>>;

// The oldest error that OpenSSL remembers of this thread, in words; it then remembers none.
std::string why() {
  std::array<char, 256> text{};
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) {
    return "no reason given";
  }
  ERR_error_string_n(code, text.data(), text.size());
  return text.data();
}

class TlsTransport final : public Transport {
 public:
  TlsTransport(Fd fd, SessionPtr session) : fd_(std::move(fd)), session_(std::move(session)) {}

  int fd() const override { return fd_.get(); }
  bool established() const override { return SSL_is_init_finished(session_.get()) != 0; }
  bool has_pending() const override { return SSL_pending(session_.get()) > 0; }

  IoResult read(std::span<char> into) override {
    size_t got = 0;
    const int done = SSL_read_ex(session_.get(), into.data(), into.size(), &got);
    return result(done, got);
  }

  IoResult write(std::string_view head, std::string_view body) override {
    const std::string_view next = head.empty() ? body : head;
    size_t sent = 0;
    const int done = SSL_write_ex(session_.get(), next.data(), next.size(), &sent);
    return result(done, sent);
  }

  void end() override {
    SSL_shutdown(session_.get());
    ERR_clear_error();
  }

 private:
  IoResult result(int done, size_t bytes) {
    if (done == 1) {
      return {Io::kDone, bytes};
    }
    const int error = SSL_get_error(session_.get(), done);
    ERR_clear_error();  // what stays in the queue would be told as the next call's error
    switch (error) {
      case SSL_ERROR_WANT_READ:
        return {Io::kWantsRead};
      case SSL_ERROR_WANT_WRITE:
        return {Io::kWantsWrite};
      case SSL_ERROR_ZERO_RETURN:
        return {Io::kEnded};
      default:
        return {established() ? Io::kBroken : Io::kRefused};
    }
  }

  const Fd fd_;
  const SessionPtr session_;
};

}  // namespace

bool crypto_ready() {
  // No clean-up at exit either: threads may still be in it.
  static const bool ready =
      OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, nullptr) == 1;
  return ready;
}

struct TlsIdentity::Context {
  ContextPtr ssl;
};

TlsIdentity::TlsIdentity(std::unique_ptr<Context> context) : context_(std::move(context)) {}
TlsIdentity::TlsIdentity(TlsIdentity&&) noexcept = default;
TlsIdentity& TlsIdentity::operator=(TlsIdentity&&) noexcept = default;
TlsIdentity::~TlsIdentity() = default;

Result<TlsIdentity> TlsIdentity::load(const std::string& certificate_file,
                                      const std::string& key_file) {
  if (!crypto_ready()) {
    return fail("TLS: OpenSSL does not start: " + why());
  }
  ContextPtr ssl(SSL_CTX_new(TLS_server_method()));
  if (ssl == nullptr) {
    return fail("TLS: " + why());
  }
  // Nobody scrapes so often that sessions are worth keeping, or renegotiating.
  SSL_CTX_set_session_cache_mode(ssl.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(ssl.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
                                     SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_num_tickets(ssl.get(), 0);
  SSL_CTX_set_mode(ssl.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
  // A key that asks for a pass phrase is refused: there is nobody at the terminal.
  SSL_CTX_set_default_passwd_cb(ssl.get(), [](char*, int, int, void*) { return -1; });
  if (SSL_CTX_set_min_proto_version(ssl.get(), TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(ssl.get(), kCiphers) != 1) {
    return fail("TLS: " + why());
  }
  if (SSL_CTX_use_certificate_chain_file(ssl.get(), certificate_file.c_str()) != 1) {
    return fail("certificate " + certificate_file + ": " + why());
  }
  if (SSL_CTX_use_PrivateKey_file(ssl.get(), key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return fail("key " + key_file + ": " + why());
  }
  if (SSL_CTX_check_private_key(ssl.get()) != 1) {
    return fail("key " + key_file + " is not that of certificate " + certificate_file + ": " +
                why());
  }
  return TlsIdentity(std::make_unique<Context>(Context{std::move(ssl)}));
}

std::unique_ptr<Transport> TlsIdentity::accept(Fd fd) const {
  SessionPtr session(SSL_new(context_->ssl.get()));
  if (session == nullptr || SSL_set_fd(session.get(), fd.get()) != 1) {
    ERR_clear_error();
    return nullptr;
  }
  SSL_set_accept_state(session.get());
  return std::make_unique<TlsTransport>(std::move(fd), std::move(session));
}

}  // namespace sonde::web
