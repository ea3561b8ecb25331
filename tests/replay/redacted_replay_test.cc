// SPDX-License-Identifier: Apache-2.0
// A redacted tape tells of the same exchanges as a raw one: method, path, status, sizes, times -
// whatever the pieces were and wherever the policy cut them.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "userspace/cli/tape_redaction.h"
#include "userspace/flows/flows.h"
#include "userspace/protocols/http1_redact.h"
#include "userspace/sources/decode.h"

namespace sonde {
namespace {

using Record = std::vector<uint8_t>;

// Writes each finished exchange as a line.
class Lines : public FlowSink {
 public:
  void request(const Request& request, const ConnectionFacts& /*connection*/) override {
    std::string line = fmt::format(
        "{} {} {}+{}{} {}+{}{} {} {} {}:", request.path, request.number, request.start_ns,
        request.request_body_bytes, request.request_body_known ? "" : "?", request.end_ns,
        request.response_body_bytes, request.response_body_known ? "" : "?",
        request.first_response_ns, static_cast<int>(request.outcome),
        static_cast<int>(request.role));
    for (const std::string_view value : request.values) {
      line += fmt::format(" {}", value);
    }
    lines.push_back(line);
  }
  void policy(const ConnectionFacts& /*connection*/, const Policy& /*policy*/,
              bool /*learn*/) override {}

  std::vector<std::string> lines;
};

struct Feed {
  Flows& flows;
  void on(const ProcessChanged& /*change*/) {}
  template <typename E>
  void on(const E& event) {
    flows.on(event);
  }
};

std::vector<std::string> replay(const std::vector<Record>& records) {
  Lines lines;
  Flows flows(lines, FlowLimits{});
  for (const Record& record : records) {
    EXPECT_EQ(decode_to(record, Feed{flows}), DecodeStep::kOk);
  }
  return lines.lines;
}

std::vector<Record> redact(std::vector<Record> records) {
  TapeRedaction redaction(&make_http1_redactor);
  for (Record& record : records) {
    EXPECT_TRUE(redaction.keep(record));
  }
  return records;
}

// The turns of one server-side connection; the first asks.
using Dialogue = std::vector<std::string>;

// As the kernel side would ship it: in pieces, of each turn no more than head bytes.
std::vector<Record> records_of(const Dialogue& dialogue, size_t piece, size_t head) {
  std::vector<Record> out;
  const auto add = [&](const Event& event) { encode(event, out.emplace_back()); };
  ConnectionOpened open;
  open.connection = ConnectionId{1};
  open.role = Role::kServer;
  add(open);
  uint64_t position[2] = {0, 0};
  uint64_t now = 1000;
  TurnState state;
  for (size_t i = 0; i < dialogue.size(); i++) {
    const std::string_view turn = dialogue[i];
    const size_t d = i % 2;
    state.turn++;
    for (size_t at = 0; at < turn.size() && at < head; at += piece) {
      const auto part = turn.substr(at, piece);
      state.other_position = position[1 - d];
      DataMoved data;
      data.connection = ConnectionId{1};
      data.time_ns = now += 10;
      data.direction = d == 0 ? Direction::kIn : Direction::kOut;
      data.new_turn = at == 0;
      data.state = state;
      data.position = position[d] + at;
      data.bytes = static_cast<uint32_t>(part.size());
      data.captured = {reinterpret_cast<const uint8_t*>(part.data()),
                       std::min(part.size(), head - at)};
      add(data);
    }
    position[d] += turn.size();
    state.last_turn_bytes = turn.size();
    state.last_turn_end_ns = now += 10;
  }
  ConnectionClosed closed;
  closed.connection = ConnectionId{1};
  closed.time_ns = now + 10;
  closed.state = state;
  closed.position_in = position[0];
  closed.position_out = position[1];
  add(closed);
  return out;
}

std::string answer(std::string_view status, size_t body) {
  return fmt::format(
      "HTTP/1.1 {} Some words\r\nServer: nginx\r\nSet-Cookie: a=b\r\nContent-Length: {}\r\n\r\n{}",
      status, body, std::string(body, 'b'));
}

const std::vector<Dialogue> kDialogues = {
    {"GET /a/1 HTTP/1.1\r\nHost: a\r\nCookie: c=d\r\n\r\n", answer("200", 700),
     "POST /b?key=secret HTTP/1.1\r\nContent-Length: 300\r\nAuthorization: Basic Zm9v\r\n\r\n" +
         std::string(300, 'q'),
     answer("404", 0), "HEAD /c HTTP/1.1\r\n\r\n",
     "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", "DELETE /d HTTP/1.1\r\n\r\n",
     "HTTP/1.1 204 No Content\r\n\r\n", "GET /e HTTP/1.1\r\n\r\n", answer("500", 9)},
    {"GET /p1 HTTP/1.1\r\n\r\nHEAD /p2 HTTP/1.1\r\n\r\nGET /p3 HTTP/1.1\r\n\r\n",
     answer("200", 30) + "HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n" + answer("304", 0),
     "GET /after HTTP/1.1\r\n\r\n", answer("200", 1)},
    {"PUT /up HTTP/1.1\r\nTransfer-Encoding: "
     "chunked\r\n\r\n5;x=y\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\nT: u\r\n\r\n",
     "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Made\r\nTransfer-Encoding: "
     "chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
     "GET /z HTTP/1.1\r\n\r\n", answer("200", 3)},
    {"GET /old HTTP/1.0\r\n\r\n",
     "HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\nuntil the connection ends"},
    {"GET http://me:pw@shop/abs?x=1 HTTP/1.1\r\nHost: shop\r\n\r\n", answer("301", 0)},
    {"GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
     "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n\x81\x05hello", "\x81\x05hello"},
    {"BREW /pot HTTP/1.1\r\n\r\n", answer("418", 20), "GET /tea HTTP/1.1\r\n\r\n",
     answer("200", 20)},
};

TEST(RedactedReplay, TellsTheSameExchanges) {
  for (const Dialogue& dialogue : kDialogues) {
    for (const size_t piece : {size_t{4096}, size_t{64}, size_t{17}, size_t{3}, size_t{1}}) {
      // Uncommon methods and the hosts of absolute targets are kept only where they are seen whole.
      if (piece < 64 && (dialogue[0].starts_with("BREW") || dialogue[0].starts_with("GET http:"))) {
        continue;
      }
      for (const size_t head : {SIZE_MAX, size_t{256}, size_t{120}}) {
        const auto records = records_of(dialogue, piece, head);
        const auto raw = replay(records);
        EXPECT_EQ(replay(redact(records)), raw)
            << dialogue[0] << " piece " << piece << " head " << head;
        EXPECT_GE(raw.size(), 1u);
        if (head == SIZE_MAX) {
          EXPECT_GE(raw.size(), dialogue[0].starts_with("GET /ws") ? 1 : dialogue.size() / 2)
              << dialogue[0];
        }
      }
    }
  }
}

TEST(RedactedReplay, KeepsNoSecret) {
  for (const Dialogue& dialogue : kDialogues) {
    for (const size_t piece : {size_t{4096}, size_t{1}}) {
      std::string kept;
      for (const Record& record : redact(records_of(dialogue, piece, SIZE_MAX))) {
        Event event;
        ASSERT_EQ(decode(record, event), DecodeStep::kOk);
        if (const auto* data = std::get_if<DataMoved>(&event)) {
          kept.append(data->captured.begin(), data->captured.end());
        }
      }
      for (const std::string_view secret : {"secret", "Zm9v", "c=d", "a=b", "me:", "pw", "hello",
                                            "abc", "Some", "until", "bb", "qq"}) {
        EXPECT_EQ(kept.find(secret), std::string::npos) << secret << " in " << kept;
      }
    }
  }
}

}  // namespace
}  // namespace sonde
