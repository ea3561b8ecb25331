// SPDX-License-Identifier: Apache-2.0
#include "exporters/web/server.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <exception>

#include "userspace/base/clock.h"
#include "userspace/base/log.h"

namespace sonde::web {
namespace {

constexpr size_t kAcceptsPerRound = 64;
constexpr uint64_t kAcceptPause = 1'000'000'000;
constexpr uint64_t kMaxWait = 3'600'000'000'000;

}  // namespace

Result<Listener> WebServer::listen(const Options& options) {
  Result<Listener> listener = listen_on(options.address);
  if (!listener) {
    Error error = std::move(listener.error());
    if (error.code == EADDRINUSE) {
      error.what += " (is another Sonde running?)";
    }
    error.what += "; change " + options.setting;
    return std::unexpected(std::move(error));
  }
  return listener;
}

Result<std::unique_ptr<WebServer>> WebServer::start(Options options,
                                                    std::vector<HttpRoute> routes) {
  Result<Listener> listener = listen(options);
  if (!listener) {
    return std::unexpected(std::move(listener.error()));
  }
  return start(std::move(options), *std::move(listener), std::move(routes));
}

Result<std::unique_ptr<WebServer>> WebServer::start(Options options, Listener listener,
                                                    std::vector<HttpRoute> routes) {
  Fd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.ok()) {
    return fail_errno("web server: eventfd", errno);
  }
  auto guard = Guard::load(options.guard);
  if (!guard) {
    return with_context("web server", guard.error());
  }
  if (const std::string_view warning = exposure(**guard);
      !listener.is_loopback && !warning.empty()) {
    log::warn("web.listen={}: {}", options.address, warning);
  }
  return std::unique_ptr<WebServer>(new WebServer(std::move(options), std::move(routes),
                                                  *std::move(guard), std::move(listener),
                                                  std::move(wake)));
}

Result<> WebServer::reload() {
  auto guard = Guard::load(options_.guard);
  if (!guard) {
    return with_context("web server", guard.error());
  }
  guard_.store(*std::move(guard));
  return {};
}

WebServer::WebServer(Options options, std::vector<HttpRoute> routes, std::unique_ptr<Guard> guard,
                     Listener listener, Fd wake)
    : options_(std::move(options)),
      routes_(std::move(routes)),
      listener_(std::move(listener.fd)),
      port_(listener.port),
      wake_(std::move(wake)),
      answer_([this](const RequestHead& head) { return answer(head); }),
      guard_(std::move(guard)),
      thread_([this] { run(); }) {}

WebServer::~WebServer() {
  const uint64_t one = 1;
  // An eventfd that was never written to has room.
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof(one));
  thread_.join();
}

void WebServer::run() {
  // Not by who starts it: for another thread that is a file of /proc, and writing is given up.
  pthread_setname_np(pthread_self(), "sonde-web");
  // OpenSSL writes without MSG_NOSIGNAL; a client that went away is no reason to die.
  sigset_t broken_pipe;
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
  if (options_.begin) {
    options_.begin();
  }
  std::vector<pollfd> polled;
  while (true) {
    const uint64_t before = monotonic_ns();
    polled.clear();
    polled.push_back({wake_.get(), POLLIN, 0});
    // A negative descriptor is left out by poll.
    polled.push_back({before < accept_again_ns_ ? -1 : listener_.get(), POLLIN, 0});
    for (const auto& connection : connections_) {
      polled.push_back({connection->fd(), connection->wanted_events(), 0});
    }
    if (::poll(polled.data(), polled.size(), poll_timeout_ms(before)) < 0 && errno != EINTR) {
      log::error("web server stopped: poll failed errno={}", errno);
      return;
    }
    if (polled[0].revents != 0) {
      return;
    }
    round_ns_ = monotonic_ns();
    for (size_t i = 0; i < connections_.size(); ++i) {
      Connection& connection = *connections_[i];
      const bool may_go_on =
          connection.ask_again_ns() != 0 && connection.ask_again_ns() <= round_ns_;
      if (polled[i + 2].revents != 0 || connection.has_work() || may_go_on) {
        connection.advance(round_ns_);
      }
      if (connection.deadline() <= round_ns_) {
        connection.expire();
      }
    }
    std::erase_if(connections_, [](const auto& connection) { return connection->closed(); });
    if (polled[1].revents != 0) {
      accept_all(round_ns_);
    }
  }
}

int WebServer::poll_timeout_ms(uint64_t now) const {
  uint64_t next = now + kMaxWait;
  if (accept_again_ns_ > now) {
    next = accept_again_ns_;
  }
  for (const auto& connection : connections_) {
    next = connection->has_work() ? now : std::min(next, connection->deadline());
    next = connection->ask_again_ns() != 0 ? std::min(next, connection->ask_again_ns()) : next;
    if (next <= now) {
      return 0;
    }
  }
  return static_cast<int>((next - now) / 1'000'000) + 1;
}

void WebServer::accept_all(uint64_t now) {
  for (size_t i = 0; i < kAcceptsPerRound; ++i) {
    Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd.ok()) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        accept_again_ns_ = now + kAcceptPause;  // poll would call again at once, for nothing
      }
      return;
    }
    counters_.connection();
    auto transport = guard_.load()->accept(std::move(fd));
    if (transport == nullptr) {
      counters_.dropped(Drop::kBroken);
      continue;
    }
    auto made = std::make_unique<Connection>(std::move(transport), options_.limits, counters_,
                                             answer_, now);
    if (connections_.size() >= options_.limits.max_connections) {
      counters_.dropped(Drop::kTooMany);
      made->refuse(503, now);  // as far as the socket's buffer takes it
      continue;
    }
    connections_.push_back(std::move(made));
  }
}

// A scrape that several wait for is one.
size_t WebServer::response_bytes() const {
  std::vector<const std::string*> bodies;
  for (const auto& connection : connections_) {
    if (connection->body() != nullptr) {
      bodies.push_back(connection->body().get());
    }
  }
  std::ranges::sort(bodies);
  const auto repeated = std::ranges::unique(bodies);
  bodies.erase(repeated.begin(), repeated.end());
  size_t sum = 0;
  for (const std::string* body : bodies) {
    sum += body->size();
  }
  return sum;
}

HttpResponse WebServer::answer(const RequestHead& head) const {
  const HttpRequest request = {
      .path = head.path, .query = head.query, .headers = head.headers, .received_ns = round_ns_};
  const auto route = std::ranges::find(routes_, head.path, &HttpRoute::path);
  if (route == routes_.end() || !route->is_public) {
    const std::string authorization = header_value(request, "authorization");
    if (auto refused = guard_.load()->refusal(authorization, round_ns_)) {
      return *std::move(refused);
    }
  }
  if (route == routes_.end()) {
    return text_response(404, "not found\n");
  }
  if (head.method != "GET" && head.method != "HEAD") {
    HttpResponse refused = text_response(405, "only GET and HEAD\n");
    refused.headers.emplace_back("Allow", "GET, HEAD");
    return refused;
  }
  return answer(*route, request);
}

HttpResponse WebServer::answer(const HttpRoute& route, const HttpRequest& request) const {
  if (response_bytes() >= options_.limits.max_response_bytes) {
    return text_response(503, "too many answers are waiting to be taken\n");
  }
  try {
    return route.handler(request);
  } catch (const std::exception& error) {
    log::error("web handler failed path={} error={}", route.path, error.what());
    return text_response(500, "internal error\n");
  }
}

}  // namespace sonde::web
