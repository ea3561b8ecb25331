// SPDX-License-Identifier: Apache-2.0
// Connection: one client of the web server: reads a head, lets it be answered, writes the answer,
// in turn. Never blocks. Owned by the web thread.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "exporters/http.h"
#include "exporters/web/counters.h"
#include "exporters/web/limits.h"
#include "exporters/web/request.h"
#include "userspace/base/fd.h"

namespace sonde::web {

// Finds and calls the handler. Never throws.
using Answer = std::function<HttpResponse(const RequestHead&)>;

class Connection {
 public:
  // limits, counters and answer must outlive it. fd is non-blocking.
  Connection(Fd fd, const Limits& limits, Counters& counters, const Answer& answer, uint64_t now);

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int fd() const { return fd_.get(); }
  short wanted_events() const;  // for poll
  uint64_t deadline() const { return deadline_; }
  bool closed() const { return state_ == State::kClosed; }
  // A request may stand in the buffer already: advance without waiting for poll.
  bool has_work() const { return has_work_; }
  // What is being sent; null if nothing.
  const std::shared_ptr<const std::string>& body() const { return body_; }

  // Poll says that something can be done. Answers at most one request, so that clients take turns.
  void advance(uint64_t now);
  // The deadline has passed.
  void expire();

  // Answers once and closes, whatever the client sends.
  void refuse(int status, uint64_t now);

 private:
  enum class State : uint8_t {
    kReading,
    kWriting,
    kDraining,  // the answer is out; what the client still sends is thrown away, so that it can
                // read the answer
    kClosed,
  };

  // true: bytes came, or may have come before.
  bool receive();
  void parse(uint64_t now);
  void begin_answer(const HttpResponse& response, bool head_only, bool keep_alive, uint64_t now);
  void write(uint64_t now);
  void finish_answer(uint64_t now);
  void drain();
  void close() { state_ = State::kClosed; }
  void drop(Drop why);

  Fd fd_;
  const Limits& limits_;
  Counters& counters_;
  const Answer& answer_;
  State state_ = State::kReading;
  bool keep_alive_ = true;
  bool has_work_ = false;
  bool ended_ = false;  // the client will send no more
  uint64_t deadline_;
  std::array<char, kMaxHeadBytes> in_;
  size_t in_size_ = 0;
  size_t drained_ = 0;
  std::string out_;  // head of the answer
  std::shared_ptr<const std::string> body_;
  size_t written_ = 0;  // of out_ and body_ together
};

}  // namespace sonde::web
