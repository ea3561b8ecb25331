// SPDX-License-Identifier: Apache-2.0
#include "exporters/web/connection.h"

#include <fmt/core.h>
#include <poll.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <utility>

#include "exporters/web/response.h"
#include "userspace/base/clock.h"
#include "userspace/base/log.h"

namespace sonde::web {
namespace {

constexpr size_t kMaxDrainBytes = 1 << 20;
constexpr uint64_t kDrainTimeout = 2'000'000'000;
constexpr uint64_t kAskAgain = 100'000'000;  // what is not there yet

}  // namespace

Connection::Connection(std::unique_ptr<Transport> transport, const Limits& limits,
                       Counters& counters, const Answer& answer, uint64_t now)
    : transport_(std::move(transport)),
      limits_(limits),
      counters_(counters),
      answer_(answer),
      deadline_(now + limits.head_timeout_ns) {}

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
      if (now < ask_again_ns_) {
        // While it waits poll tells of nothing but that the client went away.
        return drop(Drop::kBroken);
      }
      ask_again_ns_ = 0;
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
      if (!transport_->established()) {
        drop(Drop::kHandshake);
      } else if (in_size_ > 0) {
        drop(Drop::kHeadTimeout);
      } else {
        close();  // between two requests there is nothing to lose
      }
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
  const IoResult got = transport_->read(std::span(in_).subspan(in_size_));
  wanted_ = got.state == Io::kWantsWrite ? POLLOUT : POLLIN;
  switch (got.state) {
    case Io::kDone:
      in_size_ += got.bytes;
      has_work_ = transport_->has_pending();
      return true;
    case Io::kWantsRead:
    case Io::kWantsWrite:
      return in_size_ > 0;
    case Io::kEnded:
      ended_ = true;
      if (in_size_ == 0) {
        close();
        return false;
      }
      return true;  // whole requests may stand before the end
    case Io::kRefused:
      drop(Drop::kHandshake);
      return false;
    case Io::kBroken:
      break;
  }
  drop(Drop::kBroken);
  return false;
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
  HttpResponse response = answer_(head);
  const Wishes wishes = {
      .head_only = head.method == "HEAD", .is_1_1 = head.is_1_1, .keep_alive = head.keep_alive};
  // The views into the buffer end here.
  in_size_ -= head.size;
  std::memmove(in_.data(), in_.data() + head.size, in_size_);
  begin_answer(std::move(response), wishes, now);
}

void Connection::refuse(int status, uint64_t now) {
  in_size_ = 0;
  begin_answer(text_response(status, "refused\n"), {}, now);
}
void Connection::begin_answer(HttpResponse response, const Wishes& wishes, uint64_t now) {
  counters_.answered(response.status);
  Framing framing = Framing::kLength;
  if (response.stream != nullptr) {
    framing = wishes.is_1_1 ? Framing::kChunked : Framing::kClose;
  }
  keep_alive_ = wishes.keep_alive && framing != Framing::kClose;
  chunked_ = framing == Framing::kChunked;
  out_ = response_head(response, framing, keep_alive_, wall_ns());
  written_ = 0;
  if (!wishes.head_only) {
    body_ = std::move(response.body);
    stream_ = std::move(response.stream);
  }
  state_ = State::kWriting;
  deadline_ = now + limits_.write_timeout_ns;
  write(now);
}

// Of a stream one part at a time, so that clients take turns.
void Connection::write(uint64_t now) {
  if (!write_all()) {
    return;
  }
  if (stream_ == nullptr) {
    return finish_answer(now);
  }
  if (!make_part(now)) {
    return drop(Drop::kBroken);
  }
  if (ask_again_ns_ != 0) {
    return;
  }
  wanted_ = POLLOUT;
  if (write_all() && stream_ == nullptr) {
    finish_answer(now);
  }
}

bool Connection::write_all() {
  const std::string_view body = body_ == nullptr ? std::string_view() : *body_;
  while (written_ < out_.size() + body.size()) {
    const size_t of_head = std::min(written_, out_.size());
    const IoResult sent =
        transport_->write(std::string_view(out_).substr(of_head), body.substr(written_ - of_head));
    if (sent.state == Io::kWantsRead || sent.state == Io::kWantsWrite) {
      wanted_ = sent.state == Io::kWantsRead ? POLLIN : POLLOUT;
      return false;
    }
    if (sent.state != Io::kDone) {
      drop(Drop::kBroken);
      return false;
    }
    written_ += sent.bytes;
  }
  return true;
}

bool Connection::make_part(uint64_t now) {
  part_.clear();
  BodyStream::Next next = BodyStream::Next::kFailed;
  try {
    next = stream_->next(part_);
  } catch (const std::exception& error) {
    log::error("web answer cut short error={}", error.what());
  }
  if (next == BodyStream::Next::kFailed) {
    return false;
  }
  if (next == BodyStream::Next::kLater && part_.empty()) {
    ask_again_ns_ = now + kAskAgain;
    deadline_ = now + limits_.write_timeout_ns;  // nobody is slow but we
    wanted_ = POLLRDHUP;
    return true;
  }
  written_ = 0;
  out_.clear();
  if (!chunked_) {
    out_.swap(part_);
  } else if (!part_.empty()) {  // an empty chunk would be the end
    out_ = fmt::format("{:x}\r\n", part_.size());
    out_ += part_;
    out_ += "\r\n";
  }
  if (next == BodyStream::Next::kEnd) {
    stream_ = nullptr;
    out_ += chunked_ ? "0\r\n\r\n" : "";
  }
  return true;
}

void Connection::finish_answer(uint64_t now) {
  body_ = nullptr;
  out_ = {};
  part_ = {};
  wanted_ = POLLIN;
  if (keep_alive_) {
    state_ = State::kReading;
    has_work_ = in_size_ > 0 || ended_ || transport_->has_pending();
    deadline_ = now + (in_size_ > 0 ? limits_.head_timeout_ns : limits_.idle_timeout_ns);
    return;
  }
  // Closing with bytes unread would reset the connection, and the answer might be lost with it.
  transport_->end();
  state_ = State::kDraining;
  deadline_ = now + kDrainTimeout;
}

void Connection::drain() {
  std::array<char, 4096> nowhere;
  const IoResult got = transport_->read(nowhere);
  if (got.state == Io::kWantsRead || got.state == Io::kWantsWrite) {
    return;
  }
  drained_ += got.bytes;
  has_work_ = transport_->has_pending();
  if (got.state != Io::kDone || drained_ > kMaxDrainBytes) {
    close();
  }
}

}  // namespace sonde::web
