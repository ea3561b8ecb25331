// SPDX-License-Identifier: Apache-2.0
#include "userspace/extraction/message.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace sonde::extraction {
namespace {

struct Head {
  uint32_t kind;
  uint32_t files;  // a bit for each of them that is there
};

constexpr size_t kRoom = CMSG_SPACE(2 * sizeof(int));

}  // namespace

Result<std::pair<Fd, Fd>> socket_pair() {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return fail_errno("make a pair of sockets", errno);
  }
  return std::pair(Fd(ends[0]), Fd(ends[1]));
}

bool send(int socket, uint32_t kind, std::string_view text, std::array<int, 2> files) {
  Head head{.kind = kind, .files = 0};
  std::array<int, 2> sent{};
  size_t count = 0;
  for (size_t i = 0; i < files.size(); ++i) {
    if (files[i] >= 0) {
      head.files |= 1u << i;
      sent[count++] = files[i];
    }
  }
  text = text.substr(0, kMaxText);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): the kernel's type knows no const
  iovec parts[2] = {{&head, sizeof(head)}, {const_cast<char*>(text.data()), text.size()}};
  alignas(cmsghdr) std::array<char, kRoom> control{};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  if (count > 0) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(count * sizeof(int));
    std::memcpy(CMSG_DATA(rights), sent.data(), count * sizeof(int));
  }
  ssize_t done = 0;
  do {
    done = ::sendmsg(socket, &message, MSG_NOSIGNAL);
  } while (done < 0 && errno == EINTR);
  return done == static_cast<ssize_t>(sizeof(head) + text.size());
}

std::optional<Message> receive(int socket, int wait_ms) {
  pollfd ready{.fd = socket, .events = POLLIN, .revents = 0};
  int found = 0;
  do {
    found = ::poll(&ready, 1, wait_ms);
  } while (found < 0 && errno == EINTR);
  if (found <= 0) {
    return std::nullopt;
  }
  Head head{};
  std::string text(kMaxText, '\0');
  iovec parts[2] = {{&head, sizeof(head)}, {text.data(), text.size()}};
  alignas(cmsghdr) std::array<char, kRoom> control{};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t size = 0;
  do {
    size = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  Message out;
  std::array<int, 2> files{-1, -1};
  for (cmsghdr* rights = CMSG_FIRSTHDR(&message); size > 0 && rights != nullptr;
       rights = CMSG_NXTHDR(&message, rights)) {
    if (rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS) {
      const size_t bytes = rights->cmsg_len - CMSG_LEN(0);
      std::memcpy(files.data(), CMSG_DATA(rights), std::min(bytes, sizeof(files)));
    }
  }
  std::array<Fd, 2> came{Fd(files[0]), Fd(files[1])};
  size_t next = 0;
  for (size_t i = 0; i < files.size(); ++i) {
    if ((head.files >> i & 1) != 0) {
      out.files[i] = std::move(came[next++]);
    }
  }
  if (size < static_cast<ssize_t>(sizeof(head)) ||
      (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    return std::nullopt;
  }
  text.resize(static_cast<size_t>(size) - sizeof(head));
  out.kind = head.kind;
  out.text = std::move(text);
  return out;
}

}  // namespace sonde::extraction
