// SPDX-License-Identifier: Apache-2.0
// What an exchange costs in the parser alone and in the whole of flows: a keep-alive GET of nginx
// and wrk, two records. Prints nanoseconds per exchange, CPU time, best of several rounds.
#include <algorithm>
#include <cstdio>

#include "userspace/base/clock.h"
#include "userspace/flows/flows.h"
#include "userspace/protocols/protocol.h"

namespace sonde {
namespace {

constexpr std::string_view kRequest = "GET /index.html HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";
constexpr std::string_view kResponse =
    "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Fri, 20 Nov 2026 12:00:00 GMT\r\n"
    "Content-Type: text/html\r\nContent-Length: 612\r\nLast-Modified: Tue, 04 Aug 2026 15:13:33 "
    "GMT\r\n"
    "Connection: keep-alive\r\nETag: \"62ebe3bd-264\"\r\nAccept-Ranges: bytes\r\n\r\n";
constexpr uint64_t kBody = 612;
constexpr int kRounds = 15;
constexpr int kExchanges = 100'000;
constexpr uint64_t kConnections = 100;

class Counter : public FlowSink {
 public:
  void request(const Request& request, const ConnectionFacts&) override {
    bytes += request.response_body_bytes;
  }
  void policy(const ConnectionFacts&, const Policy&, bool) override {}
  uint64_t bytes = 0;
};

// body returns whether it found what it should have.
template <typename Body>
bool measure(const char* name, const Body& body) {
  uint64_t best = UINT64_MAX;
  bool right = true;
  for (int i = 0; i < kRounds; ++i) {
    const uint64_t start = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    right = body() && right;
    best = std::min(best, clock_ns(CLOCK_THREAD_CPUTIME_ID) - start);
  }
  std::printf("%-28s %6.1f ns per exchange%s\n", name, static_cast<double>(best) / kExchanges,
              right ? "" : " (WRONG RESULT)");
  return right;
}

bool parse() {
  const auto parser = protocols().front().make_parser();
  uint64_t skip = 0;
  uint64_t sum = 0;
  for (int i = 0; i < kExchanges; ++i) {
    Head request;
    Bytes asked(kRequest);
    parser->step(Side::kRequest, asked, request, skip);
    Head response;
    Bytes answered(kResponse);
    parser->step(Side::kResponse, answered, response, skip);
    sum += response.body_bytes;
  }
  return sum == kBody * kExchanges;
}

DataMoved data(ConnectionId id, Direction direction, std::string_view text, uint64_t bytes) {
  DataMoved event;
  event.connection = id;
  event.direction = direction;
  event.new_turn = true;
  event.bytes = static_cast<uint32_t>(bytes);
  event.captured = {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
  return event;
}

bool flow() {
  Counter sink;
  Flows flows(sink, {});
  for (uint64_t id = 0; id < kConnections; ++id) {
    ConnectionOpened open;
    open.connection = ConnectionId{id};
    open.role = Role::kServer;
    open.local.port = 80;
    flows.on(open);
  }
  const uint64_t answer = kResponse.size() + kBody;
  uint64_t now = 1;
  for (uint64_t i = 0; i < kExchanges; ++i) {
    const ConnectionId id{i % kConnections};
    const uint64_t round = i / kConnections;
    DataMoved asked = data(id, Direction::kIn, kRequest, kRequest.size());
    asked.position = round * kRequest.size();
    asked.state.other_position = round * answer;
    asked.state.turn = static_cast<uint32_t>(round * 2 + 1);
    asked.time_ns = asked.state.last_turn_end_ns = ++now;
    flows.on(asked);
    DataMoved answered = data(id, Direction::kOut, kResponse, answer);
    answered.position = round * answer;
    answered.state.other_position = (round + 1) * kRequest.size();
    answered.state.turn = static_cast<uint32_t>(round * 2 + 2);
    answered.time_ns = answered.state.last_turn_end_ns = ++now;
    flows.on(answered);
  }
  return sink.bytes == kBody * kExchanges;
}

}  // namespace
}  // namespace sonde

int main() {
  const bool parsed = sonde::measure("both heads parsed", sonde::parse);
  const bool flowed = sonde::measure("two records through flows", sonde::flow);
  return parsed && flowed ? 0 : 1;
}
