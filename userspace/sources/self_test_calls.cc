// SPDX-License-Identifier: Apache-2.0
#include "userspace/sources/self_test_calls.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <iterator>

#include "userspace/base/fd.h"

namespace sonde {
namespace {

msghdr one_message(iovec* iov, size_t count) {
  msghdr message{};
  message.msg_iov = iov;
  message.msg_iovlen = count;
  return message;
}

// Three buffers: the first small, the second empty.
std::array<iovec, 3> split(char* data, size_t size) {
  return {{{data, 5}, {data, 0}, {data + 5, size - 5}}};
}

bool send_write(int fd, std::string_view text) {
  return write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

// The descriptor says nothing: what it leads to does.
bool send_by_a_copy(int fd, std::string_view text) {
  const Fd copy(dup(fd));
  return send_write(copy.get(), text);
}

bool send_writev(int fd, std::string_view text) {
  auto parts = split(const_cast<char*>(text.data()), text.size());
  return writev(fd, parts.data(), 3) == static_cast<ssize_t>(text.size());
}

bool send_sendmsg(int fd, std::string_view text) {
  auto parts = split(const_cast<char*>(text.data()), text.size());
  const msghdr message = one_message(parts.data(), 3);
  return sendmsg(fd, &message, 0) == static_cast<ssize_t>(text.size());
}

bool send_sendmmsg(int fd, std::string_view text) {
  iovec iov{const_cast<char*>(text.data()), text.size()};
  mmsghdr message{one_message(&iov, 1), 0};
  return sendmmsg(fd, &message, 1, 0) == 1;
}

bool send_file(int fd, std::string_view text) {
  const Fd file(memfd_create("sonde-self-test", MFD_CLOEXEC));
  off_t offset = 0;
  return write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
         sendfile(fd, file.get(), &offset, text.size()) == static_cast<ssize_t>(text.size());
}

bool receive_read(int fd, size_t bytes) {
  char buffer[256];
  return read(fd, buffer, sizeof(buffer)) == static_cast<ssize_t>(bytes);
}

// A peek first, and a call that would block after: neither moves a byte.
bool receive_recv(int fd, size_t bytes) {
  char buffer[256];
  return recv(fd, buffer, sizeof(buffer), MSG_PEEK) == static_cast<ssize_t>(bytes) &&
         recv(fd, buffer, sizeof(buffer), 0) == static_cast<ssize_t>(bytes) &&
         recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

bool receive_readv(int fd, size_t bytes) {
  char buffer[256];
  auto parts = split(buffer, sizeof(buffer));
  return readv(fd, parts.data(), 3) == static_cast<ssize_t>(bytes);
}

bool receive_recvmsg(int fd, size_t bytes) {
  char buffer[256];
  auto parts = split(buffer, sizeof(buffer));
  msghdr message = one_message(parts.data(), 3);
  return recvmsg(fd, &message, 0) == static_cast<ssize_t>(bytes);
}

constexpr Trial kTrials[] = {
    {"write, read", send_write, receive_read, true},
    {"write, recv after a peek", send_write, receive_recv, true},
    {"write to a copy, read", send_by_a_copy, receive_read, true},
    {"writev, readv", send_writev, receive_readv, true},
    {"sendmsg, recvmsg", send_sendmsg, receive_recvmsg, true},
    {"sendmmsg of one, recv", send_sendmmsg, receive_recv, true},
    {"sendfile, read", send_file, receive_read, false},
};

}  // namespace

std::span<const Trial> tcp_trials() { return kTrials; }
std::span<const Trial> unix_trials() {
  return std::span(kTrials).first(std::size(kTrials) - 1);  // all but the file
}

// Its number is that of getpid there, and what it returns looks like a length. In a child, since
// not every kernel has such calls, and one without ends who tries.
void tempt([[maybe_unused]] int fd) {
#if defined(__x86_64__)
  constexpr int kWritev = 20;
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGSEGV, SIG_DFL);
    iovec part{const_cast<char*>("never sent"), 10};
    long result = kWritev;
    asm volatile("int $0x80"
                 : "+a"(result)
                 : "D"(fd), "S"(&part), "d"(1)
                 : "memory", "r8", "r9", "r10", "r11");
    _exit(0);
  }
  if (child > 0) {
    waitpid(child, nullptr, 0);
  }
#endif
}

}  // namespace sonde
