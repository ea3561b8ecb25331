// SPDX-License-Identifier: Apache-2.0
// A web server to try, and clients that speak to it byte for byte.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "exporters/web/server.h"
#include "userspace/base/fd.h"

namespace sonde::web {

// Of a client with a server that says nothing: only a failure waits so long.
inline constexpr int kPatienceS = 60;

inline constexpr std::string_view kGet = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
inline constexpr std::string_view kGetClose =
    "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

class Client {
 public:
  explicit Client(uint16_t port, int receive_buffer = 0)
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (receive_buffer != 0) {
      ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
    }
    const timeval patience{.tv_sec = kPatienceS, .tv_usec = 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_.get(), reinterpret_cast<sockaddr*>(&to), sizeof(to)), 0);
  }

  void send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) {
        return;
      }
      text.remove_prefix(static_cast<size_t>(sent));
    }
  }
  void end() { ::shutdown(fd_.get(), SHUT_WR); }

  // Everything until the server closes; "<timeout>" behind it if it does not.
  std::string read_all() {
    while (more()) {
    }
    return std::exchange(text_, {});
  }
  // Until the text holds so many of these.
  std::string read_until(std::string_view what, size_t times = 1) {
    while (count(what) < times && more()) {
    }
    return std::exchange(text_, {});
  }

 private:
  size_t count(std::string_view what) const {
    size_t found = 0;
    for (size_t at = text_.find(what); at != std::string::npos; at = text_.find(what, at + 1)) {
      ++found;
    }
    return found;
  }
  bool more() {
    char buffer[65536];
    const ssize_t got = ::recv(fd_.get(), buffer, sizeof(buffer), 0);
    if (got < 0 && errno == EAGAIN) {
      text_ += "<timeout>";
    }
    if (got <= 0) {
      return false;
    }
    text_.append(buffer, static_cast<size_t>(got));
    return true;
  }

  Fd fd_;
  std::string text_;
};

inline HttpRoute hello() {
  return {"/hello", [](const HttpRequest& request) {
            return text_response(200, "hello " + std::string(request.query) + "\n");
          }};
}

inline std::unique_ptr<WebServer> serve(std::vector<HttpRoute> routes, Limits limits = {},
                                        GuardFiles guard = {}) {
  auto server = WebServer::start(
      {.address = "127.0.0.1:0", .guard = std::move(guard), .limits = limits}, std::move(routes));
  EXPECT_TRUE(server.has_value()) << server.error().what;
  return std::move(*server);
}

inline uint64_t counted_now(const WebServer& server, std::string_view family,
                            std::string_view label) {
  for (const MetricFamily& each : server.metrics()) {
    for (const MetricPoint& point : each.points) {
      if (each.name == family && (point.labels->empty() || point.labels->at(0).second == label)) {
        return std::get<uint64_t>(point.value);
      }
    }
  }
  return 0;
}

// A client sees its answer, or its end, before the server's thread has counted it.
inline uint64_t counted(const WebServer& server, std::string_view family, std::string_view label,
                        uint64_t at_least = 1) {
  constexpr std::chrono::milliseconds kPause{2};
  for (int left = kPatienceS * 1000 / static_cast<int>(kPause.count());
       left > 0 && counted_now(server, family, label) < at_least; --left) {
    std::this_thread::sleep_for(kPause);
  }
  return counted_now(server, family, label);
}

}  // namespace sonde::web
