// SPDX-License-Identifier: Apache-2.0
#include "exporters/web/transport.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <utility>

namespace sonde::web {
namespace {

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

class PlainTransport final : public Transport {
 public:
  explicit PlainTransport(Fd fd) : fd_(std::move(fd)) {}

  int fd() const override { return fd_.get(); }

  IoResult read(std::span<char> into) override {
    const ssize_t got = ::recv(fd_.get(), into.data(), into.size(), 0);
    if (got > 0) {
      return {Io::kDone, static_cast<size_t>(got)};
    }
    if (got == 0) {
      return {Io::kEnded};
    }
    return {would_block(errno) ? Io::kWantsRead : Io::kBroken};
  }

  IoResult write(std::string_view head, std::string_view body) override {
    iovec parts[2] = {{const_cast<char*>(head.data()), head.size()},
                      {const_cast<char*>(body.data()), body.size()}};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    const ssize_t sent = ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
    if (sent >= 0) {
      return {Io::kDone, static_cast<size_t>(sent)};
    }
    return {would_block(errno) ? Io::kWantsWrite : Io::kBroken};
  }

  void end() override { ::shutdown(fd_.get(), SHUT_WR); }

 private:
  const Fd fd_;
};

}  // namespace

std::unique_ptr<Transport> plain_transport(Fd fd) {
  return std::make_unique<PlainTransport>(std::move(fd));
}

}  // namespace sonde::web
