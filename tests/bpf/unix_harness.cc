// SPDX-License-Identifier: Apache-2.0
#include "tests/bpf/unix_harness.h"

#include <sys/un.h>

#include <cstddef>
#include <cstring>

namespace sonde {
namespace {

constexpr size_t kMaxName = sizeof(sockaddr_un::sun_path);

}  // namespace

int unix_socket(std::string_view name) {
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  MUST(fd >= 0 && name.size() <= kMaxName);
  std::memcpy(address.sun_path, name.data(), name.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  if (!name.empty()) {
    MUST(bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0);
  }
  return fd;
}

int listen_on(std::string_view name) {
  const int fd = unix_socket(name);
  MUST(listen(fd, 64) == 0);
  return fd;
}

int connect_to(std::string_view name, int by) {
  by = by >= 0 ? by : unix_socket("");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, name.data(), name.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  MUST(connect(by, reinterpret_cast<sockaddr*>(&address), size) == 0);
  return by;
}

int accept_at(int listener) {
  const int fd = accept(listener, nullptr, nullptr);
  MUST(fd >= 0);
  return fd;
}

void exchange(int client, int server) {
  say(client, "ping");
  MUST(hear(server) == "ping");
  say(server, "pong");
  MUST(hear(client) == "pong");
}

}  // namespace sonde
