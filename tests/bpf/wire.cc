// SPDX-License-Identifier: Apache-2.0
#include "tests/bpf/wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace sonde {
namespace {

constexpr int kPatienceMs = 60'000;  // only a failure waits so long

sockaddr_in address_of(int listener) {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  MUST(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  return address;
}

}  // namespace

void scenario_failed(const char* what, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: scenario: not so: %s (%s)\n", file, line, what,
               std::strerror(errno));
  _exit(1);
}

int Wire::connect() const {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  MUST(fd >= 0);
  connect_again(fd);
  return fd;
}

int Wire::connect_from_known_port() const {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const int yes = 1;
  sockaddr_in local{};
  local.sin_family = AF_INET;
  local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  local.sin_port = htons(client_port_);
  MUST(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0);
  MUST(bind(fd, reinterpret_cast<sockaddr*>(&local), sizeof(local)) == 0);
  connect_again(fd);
  return fd;
}

int Wire::connect6(const char* address) const {
  sockaddr_in6 to{};
  socklen_t size = sizeof(to);
  MUST(getsockname(listener6_, reinterpret_cast<sockaddr*>(&to), &size) == 0);
  MUST(inet_pton(AF_INET6, address, &to.sin6_addr) == 1);
  const int fd = socket(AF_INET6, SOCK_STREAM, 0);
  MUST(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0);
  return fd;
}

void Wire::connect_again(int fd) const {
  const sockaddr_in to = address_of(listener_);
  MUST(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) == 0);
}

int Wire::accept() const {
  const int fd = ::accept(listener_, nullptr, nullptr);
  MUST(fd >= 0);
  return fd;
}

int Wire::accept6() const {
  const int fd = ::accept(listener6_, nullptr, nullptr);
  MUST(fd >= 0);
  return fd;
}

std::pair<int, int> Wire::pair() const {
  const int client = connect();
  return {client, accept()};
}

void Wire::take_backlog() const {
  MUST(listen(listener_, 0) == 0);
  MUST(listen(listener6_, 0) == 0);
}

void Wire::close_listeners() const {
  close(listener_);
  close(listener6_);
}

void Wire::pause() const {
  char byte = 'p';
  MUST(write(tell_, &byte, 1) == 1);
  MUST(read(hear_, &byte, 1) == 1);
}

void send_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = write(fd, text.data(), text.size());
    MUST(sent > 0);
    text.remove_prefix(static_cast<size_t>(sent));
  }
}

void say(int fd, std::string_view text) {
  MUST(write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

std::string hear(int fd, size_t most) {
  std::string out(most, '\0');
  const ssize_t got = read(fd, out.data(), out.size());
  MUST(got >= 0);
  out.resize(static_cast<size_t>(got));
  return out;
}

void ping_pong(int client, int server) {
  say(client, "ping");
  MUST(hear(server) == "ping");
  say(server, "pong");
  MUST(hear(client) == "pong");
}

std::string hear_all(int fd, size_t bytes, size_t most) {
  std::string out;
  while (out.size() < bytes) {
    const std::string more = hear(fd, std::min(most, bytes - out.size()));
    MUST(!more.empty());
    out += more;
  }
  return out;
}

void await_event(int fd, short events) {
  pollfd polled{fd, events, 0};
  MUST(poll(&polled, 1, kPatienceMs) == 1 && (polled.revents & events) != 0);
}

void await_bytes(int fd, int bytes) {
  int waiting = 0;
  for (int ms = 0; ms < kPatienceMs && waiting < bytes; ms++) {
    MUST(ioctl(fd, FIONREAD, &waiting) == 0);
    usleep(waiting < bytes ? 1000 : 0);
  }
  MUST(waiting >= bytes);
}

void reset_on_close(int fd) {
  const linger now{1, 0};
  MUST(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)) == 0);
  close(fd);
}

void wait_for(pid_t child) {
  int status = 0;
  MUST(waitpid(child, &status, 0) == child);
  MUST(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

pid_t in_child(const std::function<void()>& work) {
  const pid_t child = fork();
  MUST(child >= 0);
  if (child == 0) {
    alarm(kPatienceMs / 1000);  // its parent may be gone, and it would hold our output open
    work();
    _exit(0);
  }
  return child;
}

std::string pattern(size_t bytes, uint64_t seed) {
  std::string out(bytes, '\0');
  uint64_t x = seed * 0x9e3779b97f4a7c15;
  for (char& c : out) {
    x = x * 6364136223846793005 + 1442695040888963407;
    c = static_cast<char>('a' + (x >> 33) % 26);
  }
  return out;
}

}  // namespace sonde
