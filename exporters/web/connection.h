// SPDX-License-Identifier: Apache-2.0
// Connection: one client of the web server: reads a head, lets it be answered, writes the answer,
// in turn. Never blocks. Owned by the web thread.
#pragma once

#include <poll.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "exporters/http.h"
#include "exporters/web/counters.h"
#include "exporters/web/limits.h"
#include "exporters/web/request.h"
#include "exporters/web/transport.h"

namespace sonde::web {

// Finds and calls the handler. Never throws.
using Answer = std::function<HttpResponse(const RequestHead&)>;

class Connection {
 public:
  // limits, counters and answer must outlive it.
  Connection(std::unique_ptr<Transport> transport, const Limits& limits, Counters& counters,
             const Answer& answer, uint64_t now);

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int fd() const { return transport_->fd(); }
  short wanted_events() const { return wanted_; }  // for poll
  uint64_t deadline() const { return deadline_; }
  // An answer that was not there yet may be now: advance then. 0: none is waited for.
  uint64_t ask_again_ns() const { return ask_again_ns_; }
  bool closed() const { return state_ == State::kClosed; }
  // A request may stand in the buffer already: advance without waiting for poll.
  bool has_work() const { return has_work_; }
  // What is being sent; null if nothing, or if it is made as it goes.
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
  // What of a request its answer's form depends on.
  struct Wishes {
    bool head_only = false;
    bool is_1_1 = false;
    bool keep_alive = false;
  };
  void begin_answer(HttpResponse response, const Wishes& wishes, uint64_t now);
  void write(uint64_t now);
  // false: not all went out.
  bool write_all();
  // The next part of stream_ into out_, framed, or when to ask again; false: it failed.
  bool make_part(uint64_t now);
  void finish_answer(uint64_t now);
  void drain();
  void close() { state_ = State::kClosed; }
  void drop(Drop why);

  const std::unique_ptr<Transport> transport_;
  const Limits& limits_;
  Counters& counters_;
  const Answer& answer_;
  State state_ = State::kReading;
  bool keep_alive_ = true;
  bool has_work_ = false;
  bool ended_ = false;  // the client will send no more
  short wanted_ = POLLIN;
  uint64_t deadline_;
  uint64_t ask_again_ns_ = 0;
  std::array<char, kMaxHeadBytes> in_;
  size_t in_size_ = 0;
  size_t drained_ = 0;
  std::string out_;  // the answer's head, or the next part of its stream
  std::shared_ptr<const std::string> body_;
  std::unique_ptr<BodyStream> stream_;
  bool chunked_ = false;
  std::string part_;    // of the stream, before it is framed
  size_t written_ = 0;  // of out_ and body_ together
};

}  // namespace sonde::web
