// SPDX-License-Identifier: Apache-2.0
#include "exporters/web/connection.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>

#include "exporters/web/response.h"
#include "userspace/base/clock.h"

namespace sonde::web {
namespace {

constexpr size_t kMaxDrainBytes = 1 << 20;
constexpr uint64_t kDrainTimeout = 2'000'000'000;

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

Connection::Connection(Fd fd, const Limits& limits, Counters& counters, const Answer& answer,
                       uint64_t now)
    : fd_(std::move(fd)),
      limits_(limits),
      counters_(counters),
      answer_(answer),
      deadline_(now + limits.head_timeout_ns) {}

short Connection::wanted_events() const { return state_ == State::kWriting ? POLLOUT : POLLIN; }

void Connection::drop(Drop why) {
  counters_.dropped(why);
  close();
}

void Connection::advance(uint64_t now) {
  has_work_ = false;
  switch (state_) {
    case State::kReading: {
      const bool was_idle = in_size_ == 0;
      if (!receive()) {
        return;
      }
      if (was_idle && in_size_ > 0) {
        deadline_ = now + limits_.head_timeout_ns;
      }
      parse(now);
      return;
    }
    case State::kWriting:
      write(now);
      return;
    case State::kDraining:
      drain();
      return;
    case State::kClosed:
      return;
  }
}

void Connection::expire() {
  switch (state_) {
    case State::kReading:
      // Between two requests there is nothing to lose.
      in_size_ > 0 ? drop(Drop::kHeadTimeout) : close();
      return;
    case State::kWriting:
      drop(Drop::kWriteTimeout);
      return;
    case State::kDraining:
    case State::kClosed:
      close();
      return;
  }
}

bool Connection::receive() {
  if (in_size_ == in_.size()) {
    return true;
  }
  const ssize_t got = ::recv(fd_.get(), in_.data() + in_size_, in_.size() - in_size_, 0);
  if (got > 0) {
    in_size_ += static_cast<size_t>(got);
    return true;
  }
  if (got < 0) {
    if (!would_block(errno)) {
      drop(Drop::kBroken);
      return false;
    }
    return in_size_ > 0;
  }
  ended_ = true;
  if (in_size_ == 0) {
    close();
    return false;
  }
  return true;  // whole requests may stand before the end
}

void Connection::parse(uint64_t now) {
  RequestHead head;
  switch (parse_head({in_.data(), in_size_}, head)) {
    case Parsed::kNeedMore:
      if (ended_) {
        drop(Drop::kBroken);
      }
      return;
    case Parsed::kBad:
      return refuse(400, now);
    case Parsed::kTooLarge:
      return refuse(431, now);
    case Parsed::kUnsupportedVersion:
      return refuse(505, now);
    case Parsed::kOk:
      break;
  }
  if (head.has_body) {
    return refuse(413, now);
  }
  const HttpResponse response = answer_(head);
  const bool head_only = head.method == "HEAD";
  const bool keep_alive = head.keep_alive;
  // The views into the buffer end here.
  in_size_ -= head.size;
  std::memmove(in_.data(), in_.data() + head.size, in_size_);
  begin_answer(response, head_only, keep_alive, now);
}

void Connection::refuse(int status, uint64_t now) {
  in_size_ = 0;
  begin_answer(text_response(status, "refused\n"), false, false, now);
}

void Connection::begin_answer(const HttpResponse& response, bool head_only, bool keep_alive,
                              uint64_t now) {
  counters_.answered(response.status);
  keep_alive_ = keep_alive;
  out_ = response_head(response, keep_alive, wall_ns());
  body_ = head_only ? nullptr : response.body;
  written_ = 0;
  state_ = State::kWriting;
  deadline_ = now + limits_.write_timeout_ns;
  write(now);
}

void Connection::write(uint64_t now) {
  const size_t total = out_.size() + (body_ == nullptr ? 0 : body_->size());
  while (written_ < total) {
    iovec parts[2];
    size_t count = 0;
    if (written_ < out_.size()) {
      parts[count++] = {out_.data() + written_, out_.size() - written_};
    }
    if (body_ != nullptr) {
      const size_t skip = written_ > out_.size() ? written_ - out_.size() : 0;
      parts[count++] = {const_cast<char*>(body_->data()) + skip, body_->size() - skip};
    }
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = count;
    const ssize_t sent = ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
    if (sent < 0) {
      return would_block(errno) ? void() : drop(Drop::kBroken);
    }
    written_ += static_cast<size_t>(sent);
  }
  finish_answer(now);
}

void Connection::finish_answer(uint64_t now) {
  body_ = nullptr;
  out_.clear();
  if (keep_alive_) {
    state_ = State::kReading;
    has_work_ = in_size_ > 0 || ended_;
    deadline_ = now + (in_size_ > 0 ? limits_.head_timeout_ns : limits_.idle_timeout_ns);
    return;
  }
  // Closing with bytes unread would reset the connection, and the answer might be lost with it.
  ::shutdown(fd_.get(), SHUT_WR);
  state_ = State::kDraining;
  deadline_ = now + kDrainTimeout;
}

void Connection::drain() {
  std::array<char, 4096> nowhere;
  const ssize_t got = ::recv(fd_.get(), nowhere.data(), nowhere.size(), 0);
  if (got < 0 && would_block(errno)) {
    return;
  }
  drained_ += got > 0 ? static_cast<size_t>(got) : 0;
  if (got <= 0 || drained_ > kMaxDrainBytes) {
    close();
  }
}

}  // namespace sonde::web
