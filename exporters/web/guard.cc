// SPDX-License-Identifier: Apache-2.0
#include "exporters/web/guard.h"

#include <utility>

namespace sonde::web {

Result<std::unique_ptr<Guard>> Guard::load(const GuardFiles& files) {
  auto guard = std::make_unique<Guard>();
  if (files.certificate.empty() != files.key.empty()) {
    return fail("TLS needs both a certificate and its key");
  }
  if (!files.certificate.empty()) {
    auto tls = TlsIdentity::load(files.certificate, files.key);
    if (!tls) {
      return std::unexpected(std::move(tls.error()));
    }
    guard->tls_ = *std::move(tls);
  }
  if (!files.users.empty()) {
    auto users = Users::load(files.users);
    if (!users) {
      return std::unexpected(std::move(users.error()));
    }
    guard->users_ = *std::move(users);
  }
  return guard;
}

std::unique_ptr<Transport> Guard::accept(Fd fd) const {
  return tls_ ? tls_->accept(std::move(fd)) : plain_transport(std::move(fd));
}

std::optional<HttpResponse> Guard::refusal(const std::string& authorization, uint64_t now_ns) {
  if (!users_) {
    return std::nullopt;
  }
  switch (users_->check(authorization, now_ns)) {
    case Access::kGranted:
      return std::nullopt;
    case Access::kTooMany: {
      HttpResponse response = text_response(429, "too many wrong passwords; try again\n");
      response.headers.emplace_back("Retry-After", "1");
      return response;
    }
    case Access::kDenied:
      break;
  }
  HttpResponse response = text_response(401, "a user and a password are wanted\n");
  response.headers.emplace_back("WWW-Authenticate", "Basic realm=\"sonde\", charset=\"UTF-8\"");
  return response;
}

std::string_view exposure(const Guard& guard) {
  if (!guard.has_users()) {
    return "other machines reach this port and nobody is asked for a password: set web.users, or "
           "let a firewall choose who reads";
  }
  return guard.has_tls() ? ""
                         : "passwords come over the network in clear text: set web.tls_certificate "
                           "and web.tls_key";
}

}  // namespace sonde::web
