// SPDX-License-Identifier: Apache-2.0
// Flows: any events in any order - overlapping and huge ranges, wrong turns, unknown connections -
// must neither crash nor upset the ledger nor pass the limits. Each event is a few bytes of the
// input; most bytes of streams come from a small vocabulary, so that conversations arise.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "userspace/base/bytes.h"
#include "userspace/flows/flows.h"

namespace sonde {
namespace {

constexpr size_t kMaxConnections = 3;
constexpr size_t kMaxPendingRequests = 8;

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

class CheckingSink : public FlowSink {
 public:
  void request(const Request& request, const ConnectionFacts& facts) override {
    require(request.end_ns >= request.start_ns && request.connection == facts.id);
    require(request.role != Role::kUnknown);
    size_t sum = request.path.size();
    for (const std::string_view value : request.values) {
      for (const char c : value) {
        sum += static_cast<uint8_t>(c);  // touches every byte: a view into freed memory is caught
      }
    }
    require(sum < (1u << 24));
  }
  void policy(const ConnectionFacts&, const Policy&, bool) override {}
};

constexpr std::string_view kWords[] = {
    "GET /a HTTP/1.1\r\n\r\n",
    "POST /b HTTP/1.1\r\nContent-Length: 5\r\n\r\n",
    "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n",
    "PUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "CONNECT h:1 HTTP/1.1\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 4611686018427387904\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.1 204 No\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 101 Up\r\n\r\n",
    "HTTP/1.0 200 OK\r\n\r\n",
    "PUT /d HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    "POST /e HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    "POST /f HTTP/1.1\r\nTransfer-Encoding: x\r\n\r\n",
    "GET /g HTTP/1.1\r\nHost: h\r\n",
    "GET http://h:1/?q HTTP/1.1\r\nUser-Agent: u\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "\r\n",
    "5\r\nhello\r\n",
    "0\r\n\r\n",
    "hello",
    "\x16\x03\x01",
};

struct Sides {
  uint64_t position[2] = {};
  uint32_t turn = 0;
  uint32_t lost = 0;
  uint64_t now = 1;
};

class Script {
 public:
  explicit Script(Bytes in) : in_(in) {}

  void run() {
    uint8_t op = 0;
    while (in_.read(op)) {
      event(op);
      const FlowCounters& c = flows_.counters();
      require(c.requests_begun ==
              c.requests_finished + c.requests_unanswered + c.requests_lost + flows_.in_flight());
      require(flows_.connections() <= kMaxConnections);
      require(flows_.in_flight() <= kMaxConnections * kMaxPendingRequests);
    }
  }

 private:
  template <typename T>
  T next() {
    T value{};
    in_.read(value);
    return value;
  }

  // Mostly where the stream stands, sometimes near it, sometimes anywhere.
  uint64_t position(uint64_t here, uint8_t how) {
    switch (how & 7) {
      case 0:
        return next<uint64_t>();
      case 1:
        return here + next<uint8_t>();
      case 2:
        return here - std::min<uint64_t>(here, next<uint8_t>());
      default:
        return here;
    }
  }

  void event(uint8_t op) {
    const auto id = static_cast<ConnectionId>(op & 3);
    Sides& s = sides_[op & 3];
    ++s.now;
    switch ((op >> 2) & 7) {
      case 0:
        open(id, s);
        break;
      case 1:
        progress(id, s);
        break;
      case 2:
        close(id, s);
        break;
      default:
        data(id, s, (op & 0x80) != 0 ? Direction::kOut : Direction::kIn, (op & 0x40) != 0);
    }
  }

  void open(ConnectionId id, Sides& s) {
    const auto how = next<uint8_t>();
    s = {};
    ConnectionOpened event;
    event.connection = id;
    event.role = static_cast<Role>(how % 3);
    event.midway = (how & 4) != 0;
    event.local.port = event.remote.port = (how & 8) != 0 ? 80 : 0;
    if ((how & 0x18) == 0x10) {
      event.local.family = event.remote.family = kUnixFamily;
      event.unix_name = kWords[how >> 5];
    }
    event.position_in = s.position[0] = position(0, how >> 4);
    flows_.on(event);
  }

  void data(ConnectionId id, Sides& s, Direction direction, bool new_turn) {
    const auto how = next<uint8_t>();
    const auto word = next<uint8_t>();
    const auto d = static_cast<size_t>(direction);
    std::string_view text = kWords[word % std::size(kWords)];
    const size_t cut = (word >> 4) * 2;
    text = (how & 0x10) != 0   ? text.substr(0, cut)
           : (how & 0x20) != 0 ? text.substr(std::min(cut, text.size()))
                               : text;
    const std::vector<uint8_t> bytes(text.begin(), text.end());
    DataMoved event;
    event.connection = id;
    event.direction = direction;
    event.time_ns = s.now;
    event.new_turn = new_turn;
    s.turn += new_turn ? 1 : 0;
    s.lost += (how & 0xc0) == 0xc0 ? 1 : 0;
    event.position = position(s.position[d], how);
    event.bytes = static_cast<uint32_t>(bytes.size()) + ((how & 8) != 0 ? next<uint8_t>() : 0);
    event.captured = bytes;
    event.state = {.other_position = s.position[1 - d],
                   .last_turn_bytes = how,
                   .last_turn_end_ns = s.now - 1,
                   .turn = s.turn,
                   .lost_records = s.lost};
    s.position[d] = event.position + event.bytes;
    flows_.on(event);
  }

  void progress(ConnectionId id, Sides& s) {
    const auto how = next<uint8_t>();
    TurnProgress event;
    event.connection = id;
    event.direction = (how & 8) != 0 ? Direction::kOut : Direction::kIn;
    event.position = position(s.position[(how & 8) != 0 ? 1 : 0], how);
    event.turn_last_ns = s.now;
    flows_.on(event);
  }

  void close(ConnectionId id, Sides& s) {
    const auto how = next<uint8_t>();
    ConnectionClosed event;
    event.connection = id;
    event.time_ns = s.now;
    event.reset = (how & 8) != 0;
    event.timeout = (how & 16) != 0;
    event.state.turn = s.turn;
    event.position_in = position(s.position[0], how);
    event.position_out = position(s.position[1], how >> 5);
    flows_.on(event);
  }

  Bytes in_;
  CheckingSink sink_;
  Flows flows_{sink_,
               {.max_connections = kMaxConnections,
                .max_pending_bytes = 200,
                .max_pending_bytes_total = 400,
                .max_pending_requests = kMaxPendingRequests,
                .keep_details = true}};
  std::array<Sides, 4> sides_;
};

}  // namespace
}  // namespace sonde

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sonde::Script(sonde::Bytes(std::span(data, size))).run();
  return 0;
}
