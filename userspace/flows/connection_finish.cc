// SPDX-License-Identifier: Apache-2.0
// Connection, third part: exchanges handed on or lost, and the advice that follows from them.
#include <arpa/inet.h>

#include <algorithm>
#include <iterator>

#include "userspace/flows/connection.h"

namespace sonde {
namespace {

constexpr std::string_view kErrors[] = {"", "connection_closed", "connection_reset", "timeout"};
static_assert(std::size(kErrors) == static_cast<size_t>(Outcome::kTimeout) + 1);

std::string text_of(const Address& address) {
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(address.family == 6 ? AF_INET6 : AF_INET, address.bytes.data(), text, sizeof(text));
  return text;
}

}  // namespace

// The front of the queue is over.
void Connection::finish(Outcome outcome, uint64_t time_ns, uint64_t body_bytes, bool known) {
  const bool complete = outcome == Outcome::kComplete;
  ++(complete ? context_.counters.requests_finished : context_.counters.requests_unanswered);
  hand_on(exchanges_.front(), &answer_, outcome, time_ns, body_bytes, known);
  pop_exchange();
  answer_.open = false;
  if (!complete) {
    return;
  }
  failures_ = 0;
  const Stream& request = stream(Side::kRequest);
  if (exchanges_.empty() && request.end() >= request.told_end) {
    lost_since_hole_ = false;  // whatever was lost, it was nothing that mattered
  }
  if (advisor_version_ != context_.advisor.version() ||
      !Advisor::suffices(policy_, facts_.role, needs_)) {
    advise(time_ns);
  }
}

// answer: null if none began.
void Connection::hand_on(const Exchange& exchange, const Answer* answer, Outcome outcome,
                         uint64_t time_ns, uint64_t body_bytes, bool known) {
  const Schema& schema = *protocol_->schema;
  const Pid pid = answer != nullptr && answer->pid != Pid{} ? answer->pid : exchange.pid;
  Request request;
  request.schema = &schema;
  request.connection = facts_.id;
  request.number = exchange.number;
  request.role = facts_.role;
  request.pid = pid != Pid{} ? pid : facts_.pid;
  request.outcome = outcome;
  request.failed = outcome != Outcome::kComplete || (answer != nullptr && answer->failed);
  request.start_ns = exchange.start_ns;
  request.first_response_ns = answer != nullptr ? answer->first_ns : 0;
  request.end_ns = std::max(time_ns, exchange.start_ns);
  request.request_body_bytes = exchange.body_bytes;
  request.request_body_known = exchange.body_known;
  request.response_body_bytes = body_bytes;
  request.response_body_known = known;
  if (repeats(exchange, answer, outcome, request.pid)) {
    request.repeat = &repeat_;
    if (repeat_.note != nullptr && context_.sink.repeated(request, facts_)) {
      return;
    }
  }
  request.path = exchange.head().path;
  const size_t count = std::min(schema.attributes.size(), kMaxAttributes);
  for (size_t i = 0; i < count; ++i) {
    const std::string_view asked = exchange.head().values[i];
    request.values[i] = asked.empty() && answer != nullptr ? answer->head().values[i] : asked;
  }
  if (const int i = schema.error_attribute; i >= 0) {
    std::string_view& error = request.values[static_cast<size_t>(i)];
    error = !request.failed                 ? std::string_view()
            : outcome == Outcome::kComplete ? error
                                            : kErrors[static_cast<size_t>(outcome)];
  }
  if (const int i = schema.address_attribute;
      i >= 0 && request.values[static_cast<size_t>(i)].empty()) {
    request.values[static_cast<size_t>(i)] = server_address();
  }
  if (const int i = schema.port_attribute;
      i >= 0 && request.values[static_cast<size_t>(i)].empty()) {
    request.values[static_cast<size_t>(i)] = server_port();
  }
  context_.sink.request(request, facts_);
}

// Are this exchange's values those of the one before? What the sink noted then holds again. The
// first of a row clears the note.
bool Connection::repeats(const Exchange& exchange, const Answer* answer, Outcome outcome, Pid pid) {
  if (outcome != Outcome::kComplete || exchange.known == nullptr || answer == nullptr ||
      answer->known == nullptr) {
    return false;
  }
  if (exchange.known != repeat_heads_[0] || answer->known != repeat_heads_[1] ||
      pid != repeat_pid_) {
    repeat_heads_ = {exchange.known, answer->known};
    repeat_pid_ = pid;
    repeat_ = {};
  }
  return true;
}

void Connection::pop_exchange() {
  context_.buffered_bytes -= exchanges_.front().known ? 0 : exchanges_.front().kept.size();
  exchanges_.pop_front();
  --context_.in_flight;
}

void Connection::lose_exchanges() {
  while (!exchanges_.empty()) {
    ++context_.counters.requests_lost;
    pop_exchange();
  }
  answer_.paired = false;
}

void Connection::advise(uint64_t now_ns) {
  policy_ = context_.advisor.advise(facts_, needs_, policy_, now_ns);
  advisor_version_ = context_.advisor.version();
}

// Nothing more is taken of this connection; what it holds is freed.
void Connection::give_up() {
  given_up_ = true;
  lose_exchanges();
  answer_.open = false;
  drop_buffer(streams_[0]);
  drop_buffer(streams_[1]);
  context_.buffered_bytes -= held_bytes_;
  held_bytes_ = 0;
  held_.clear();
  parser_.reset();
}

std::string_view Connection::server_address() {
  const Address& address = facts_.role == Role::kServer ? facts_.local : facts_.remote;
  if (address_text_.empty() && address.port != 0) {
    address_text_ = text_of(address);
  }
  return address_text_;
}

std::string_view Connection::server_port() {
  const Address& address = facts_.role == Role::kServer ? facts_.local : facts_.remote;
  if (port_text_.empty() && address.port != 0) {
    port_text_ = std::to_string(address.port);
  }
  return port_text_;
}

}  // namespace sonde
