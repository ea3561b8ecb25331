// SPDX-License-Identifier: Apache-2.0
// Connection, fifth part: exchanges handed on or lost, and the advice that follows from them.
#include <arpa/inet.h>

#include <algorithm>
#include <iterator>

#include "userspace/flows/connection.h"

namespace sonde {
namespace {

constexpr std::string_view kErrors[] = {"", "closed", "reset", "timeout"};
static_assert(std::size(kErrors) == static_cast<size_t>(Outcome::kTimeout) + 1);

std::string text_of(const Address& address) {
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(address.family == 6 ? AF_INET6 : AF_INET, address.bytes.data(), text, sizeof(text));
  return text;
}

// What nobody read is called so; a route is read in the request alone.
void fill_unread(Request& request, bool request_unread) {
  const auto attributes = request.schema->attributes;
  for (size_t i = 0; request.unread && i < attributes.size() && i < kMaxAttributes; ++i) {
    const bool of_request = request.schema->route_attribute == static_cast<int>(i);
    if (request.values[i].empty() && (request_unread || !of_request)) {
      request.values[i] = attributes[i].unread;
    }
  }
}

}  // namespace

// The front of the queue is over.
void Connection::finish(Outcome outcome, uint64_t time_ns, uint64_t body_bytes, bool known) {
  const bool complete = outcome == Outcome::kComplete;
  const bool teaches = !exchanges_.front().unread && !answer_.unread;
  ++(complete ? context_.counters.requests_finished : context_.counters.requests_unanswered);
  hand_on(exchanges_.front(), &answer_, outcome, time_ns, body_bytes, known);
  pop_exchange();
  answer_.open = answer_.whole = false;
  if (!complete) {
    return;
  }
  failures_ = 0;
  const Stream& request = stream(Side::kRequest);
  if (exchanges_.empty() && request.end() >= request.told_end) {
    lost_since_hole_ = false;  // whatever was lost, it was nothing that mattered
  }
  if (teaches && (advisor_version_ != context_.advisor.version() ||
                  !Advisor::suffices(policy_, facts_.role, needs_))) {
    advise(time_ns);
  }
}

// The answer came whole before the request: what moved of that until now is what there is.
void Connection::settle() {
  note_moved_request();
  finish(Outcome::kComplete, answer_.end_ns, answer_.body_bytes, answer_.body_known);
}

// Of the message being received: the bytes of its body that moved so far.
uint64_t Connection::moved_body(Side side) const {
  const Stream& s = stream(side);
  return s.framed ? parser_->body_bytes(side, s.expect == Expect::kBody ? s.body_end - s.next : 0)
                  : s.next - std::min(s.head_end, s.next);
}

void Connection::note_moved_request() {
  const Stream& request = stream(Side::kRequest);
  if (request.within_message() && !exchanges_.empty() &&
      exchanges_.back().number + 1 == next_number_) {
    exchanges_.back().body_bytes = moved_body(Side::kRequest);
    exchanges_.back().body_known = request.expect != Expect::kTurnEnd;
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
  request.unread = exchange.unread || (answer != nullptr && answer->unread);
  context_.counters.requests_unread += request.unread ? 1 : 0;
  request.failed = outcome != Outcome::kComplete || (answer != nullptr && answer->failed);
  request.start_ns = exchange.start_ns;
  request.first_response_ns = answer != nullptr ? answer->first_ns : 0;
  request.end_ns = std::max(time_ns, exchange.start_ns);
  request.request_body_bytes = exchange.body_bytes;
  request.request_body_known = exchange.body_known;
  request.response_body_bytes = body_bytes;
  request.response_body_known = known;
  if (note_ == nullptr) {
    note_ = context_.sink.met(facts_);  // its opening was not seen
  }
  request.note = note_.get();
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
  fill_unread(request, exchange.unread);
  tell_server(schema, request);
  context_.sink.request(request, facts_);
  Habit* const habit = habit_.get();
  if (request.repeat != nullptr && repeat_.note != nullptr && habit != nullptr) {
    habit->repeated = repeat_heads_;
    habit->repeat = repeat_;
    habit->repeat_pid = repeat_pid_;
  }
}

bool Connection::admits(std::string_view name, std::string_view port) {
  if (name == admitted_name_ && port == admitted_port_) {
    return true;
  }
  if (!context_.server_names.admits(facts_.network_namespace, facts_.local.port, name, port)) {
    return false;
  }
  admitted_name_ = name;
  admitted_port_ = port;
  return true;
}

// Who the server is, is said by the client: believed up to a number of names.
void Connection::tell_server(const Schema& schema, Request& request) {
  std::string_view none;
  const auto value = [&](int attribute) -> std::string_view& {
    return attribute >= 0 ? request.values[static_cast<size_t>(attribute)] : none;
  };
  std::string_view& address = value(schema.address_attribute);
  std::string_view& port = value(schema.port_attribute);
  if (facts_.role == Role::kServer && !address.empty() && !admits(address, port)) {
    ++context_.counters.server_names_replaced;
    address = port = {};
  }
  if (schema.address_attribute >= 0 && address.empty()) {
    address = server_address();
  }
  if (schema.port_attribute >= 0 && port.empty()) {
    port = server_port();
  }
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
  if (answer_.whole) {
    settle();
  }
  while (!exchanges_.empty()) {
    lose_front();
  }
  answer_.paired = false;
}

void Connection::lose_front() {
  ++context_.counters.requests_lost;
  context_.sink.lost(facts_, FlowLoss::kAnswer, 1);
  pop_exchange();
}

void Connection::each_pending(const Flows::Pending& f) const {
  for (size_t i = 0; i < exchanges_.size(); ++i) {
    const Exchange& exchange = exchanges_.at(i);
    Request request;
    request.schema = protocol_->schema;
    request.connection = facts_.id;
    request.number = exchange.number;
    request.role = facts_.role;
    request.pid = exchange.pid != Pid{} ? exchange.pid : facts_.pid;
    request.start_ns = exchange.start_ns;
    const KeptValues& head = exchange.head();
    std::copy_n(head.values.begin(), std::min(request.schema->attributes.size(), kMaxAttributes),
                request.values.begin());
    request.path = head.path;
    request.unread = exchange.unread;
    fill_unread(request, exchange.unread);
    f(request, facts_);
  }
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
  if (!facts_.unix_path.empty()) {
    return facts_.unix_path;
  }
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
