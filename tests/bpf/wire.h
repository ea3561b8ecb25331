// SPDX-License-Identifier: Apache-2.0
// Wire: what a scenario has in its hands. A scenario runs in a process of its own, since Sonde
// never sees itself; it makes real socket calls and ends the process with a message at the first
// one that does not do as it must.
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace sonde {

// Ends the process of the scenario; the test fails.
[[noreturn]] void scenario_failed(const char* what, const char* file, int line);

#define MUST(condition)                                \
  do {                                                 \
    if (!(condition)) {                                \
      scenario_failed(#condition, __FILE__, __LINE__); \
    }                                                  \
  } while (false)

// Descriptors are closed by the scenario or with its process.
class Wire {
 public:
  // The sockets and pipes are borrowed from the test that forked us.
  Wire(int listener, int listener6, uint16_t client_port, int tell, int hear)
      : listener_(listener),
        listener6_(listener6),
        client_port_(client_port),
        tell_(tell),
        hear_(hear) {}

  int connect() const;
  // From the one local port that is watched even if nobody knows who is the client.
  int connect_from_known_port() const;
  // Over IPv6, to an address in text form (an IPv4 one may be mapped: ::ffff:127.0.0.1).
  int connect6(const char* address) const;
  // Connects a socket that exists already.
  void connect_again(int fd) const;
  int accept() const;
  int accept6() const;
  // A connection: the client's end, then the server's.
  std::pair<int, int> pair() const;
  void close_listeners() const;
  // What they accept from now on bears no trace of them.
  void take_backlog() const;

  // Lets the test go on, and waits until it says so.
  void pause() const;

 private:
  int listener_;
  int listener6_;
  uint16_t client_port_;
  int tell_;
  int hear_;
};

using Scenario = std::function<void(const Wire&)>;

// Blocking calls, however many they take.
void send_all(int fd, std::string_view text);
// One write and one read.
void say(int fd, std::string_view text);
std::string hear(int fd, size_t most = 256);
// The client says "ping", the server "pong".
void ping_pong(int client, int server);
// Reads exactly so many bytes, in calls of at most so many.
std::string hear_all(int fd, size_t bytes, size_t most = 16384);
// Closes a TCP socket without a farewell.
void reset_on_close(int fd);

// Until poll says one of these of it: what the other end did has come. A pause of some milliseconds
// would do on an idle machine only.
void await_event(int fd, short events);
// Until so many bytes wait to be read.
void await_bytes(int fd, int bytes);

// Waits for a child of the scenario that must end well.
void wait_for(pid_t child);
// Forks: the scenario's child does this and ends.
pid_t in_child(const std::function<void()>& work);

// A text in which no two places look alike.
std::string pattern(size_t bytes, uint64_t seed = 1);

// Buffers of the given sizes, one behind the other in text.
template <size_t kCount>
std::array<iovec, kCount> pieces(std::string& text, const std::array<size_t, kCount>& sizes) {
  std::array<iovec, kCount> out{};
  size_t at = 0;
  for (size_t i = 0; i < kCount; i++) {
    out[i] = {text.data() + at, sizes[i]};
    at += sizes[i];
  }
  return out;
}

inline msghdr message_of(iovec* iov, size_t count) {
  msghdr message{};
  message.msg_iov = iov;
  message.msg_iovlen = count;
  return message;
}

}  // namespace sonde
