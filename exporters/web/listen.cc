// SPDX-License-Identifier: Apache-2.0
#include "exporters/web/listen.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <string>

namespace sonde::web {
namespace {

union SocketAddress {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

Result<SocketAddress> parse(std::string_view text) {
  const auto wrong = [&] {
    return fail("'" + std::string(text) +
                "' is no address to listen on; write 127.0.0.1:9464, "
                "[::1]:9464, localhost:9464, or :9464 for every address");
  };
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return wrong();
  }
  const std::string_view digits = text.substr(colon + 1);
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    return wrong();
  }
  std::string host(text.substr(0, colon));
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) {
    host = host.substr(1, host.size() - 2);
  } else if (host.empty()) {
    host = "0.0.0.0";
  } else if (host == "localhost") {
    host = "127.0.0.1";
  }
  SocketAddress out{};
  if (bracketed && inet_pton(AF_INET6, host.c_str(), &out.v6.sin6_addr) == 1) {
    out.v6.sin6_family = AF_INET6;
    out.v6.sin6_port = htons(port);
    return out;
  }
  if (!bracketed && inet_pton(AF_INET, host.c_str(), &out.v4.sin_addr) == 1) {
    out.v4.sin_family = AF_INET;
    out.v4.sin_port = htons(port);
    return out;
  }
  return wrong();
}

}  // namespace

Result<Listener> listen_on(std::string_view text) {
  const Result<SocketAddress> address = parse(text);
  if (!address) {
    return std::unexpected(address.error());
  }
  const int family = address->any.sa_family;
  const socklen_t length = family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  Listener out;
  out.fd = Fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  if (!out.fd.ok() || ::setsockopt(out.fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
      ::bind(out.fd.get(), &address->any, length) != 0 || ::listen(out.fd.get(), 64) != 0) {
    return fail_errno("listen on " + std::string(text), errno);
  }
  SocketAddress bound{};
  socklen_t size = sizeof(bound);
  if (::getsockname(out.fd.get(), &bound.any, &size) != 0) {
    return fail_errno("listen on " + std::string(text), errno);
  }
  constexpr uint32_t kLoopbackNet = 127;
  out.is_loopback = family == AF_INET6 ? IN6_IS_ADDR_LOOPBACK(&bound.v6.sin6_addr)
                                       : ntohl(bound.v4.sin_addr.s_addr) >> 24 == kLoopbackNet;
  out.port = ntohs(family == AF_INET6 ? bound.v6.sin6_port : bound.v4.sin_port);
  return out;
}

}  // namespace sonde::web
