// SPDX-License-Identifier: Apache-2.0
// When the ring is full, the loss is exact: counted in the ledger, and told to the connection's
// later records. What fell silent is told by the sweep, once.
#include <fmt/format.h>

#include "tests/bpf/harness.h"

namespace sonde {
namespace {

class LossesTest : public BpfTest {
 protected:
  LossesTest() { options_.ring_bytes = 64 * 1024; }
};

constexpr size_t kCalls = 200;
constexpr size_t kBytes = 100;

TEST_P(LossesTest, AFullRingLosesExactly) {
  begin([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    say(client, "begin");
    MUST(hear(server) == "begin");
    for (size_t i = 0; i < kCalls; i++) {
      say(client, pattern(kBytes));
      MUST(hear_all(server, kBytes) == pattern(kBytes));
    }
    wire.pause();
    say(client, "end");
    MUST(hear(server) == "end");
  });
  draining_ = false;
  reach_pause();
  const uint64_t calls_lost = counted(SONDE_COUNT_calls_lost);
  EXPECT_GT(calls_lost, 0u);
  EXPECT_LT(calls_lost, 2 * kCalls);
  EXPECT_EQ(counted(SONDE_COUNT_bytes_lost), calls_lost * kBytes);
  EXPECT_GE(counted(SONDE_COUNT_records_lost), calls_lost);  // the host's processes lose some, too
  EXPECT_EQ(counted(SONDE_COUNT_bytes_shipped), 10 + (2 * kCalls - calls_lost) * kBytes);
  draining_ = true;
  drain();
  resume();
  finish();
  constexpr uint64_t kAll = 5 + kCalls * kBytes + 3;
  for (const auto& [end, way] : {std::pair(&client(), 1), {&server(), 0}}) {
    const uint64_t lost = end->lost_records;
    EXPECT_GT(lost, 0u);
    EXPECT_EQ(end->bytes[way], kAll - lost * kBytes);
    // Behind the gap, at its true place.
    const std::string last =
        fmt::format("{} @{} 3 'end' lost {}\n", way == 1 ? "out" : "in", kAll - 3, lost);
    EXPECT_NE(end->text.find(last), std::string::npos) << end->text;
    EXPECT_EQ(end->close.state.last_turn_bytes, kAll);
  }
  EXPECT_EQ(client().lost_records + server().lost_records, calls_lost);
  EXPECT_EQ(counted(SONDE_COUNT_calls_lost), calls_lost);
}

// Its first bytes were lost, the opening with them: when it is told at last, it says that it does
// not begin at zero.
TEST_P(LossesTest, AConnectionWhoseOpeningWasLost) {
  constexpr size_t kLate = 10;  // an opening is short: some of them still find room
  begin([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    for (size_t i = 0; i < kCalls; i++) {
      say(client, pattern(kBytes));
      MUST(hear_all(server, kBytes) == pattern(kBytes));
    }
    std::pair<int, int> late;
    for (size_t i = 0; i < kLate; i++) {
      late = wire.pair();
      say(late.first, "lost");
      MUST(hear(late.second) == "lost");
    }
    wire.pause();
    say(late.second, "told");
    MUST(hear(late.first) == "told");
  });
  draining_ = false;
  reach_pause();
  draining_ = true;
  drain();
  const size_t before = told_.order.size();
  resume();
  finish();
  EXPECT_FALSE(server(0).opened.midway);
  ASSERT_EQ(told_.order.size(), before + 2);  // both ends of the last one
  const ToldEnd& last_server = told_.ends[told_.order[before]];
  const ToldEnd& last_client = told_.ends[told_.order[before + 1]];
  EXPECT_EQ(last_server.text,
            "turn 2 out @0 4 'told' after 4 lost 1\n"
            "close in 4 out 4 after 4 lost 1\n");
  EXPECT_EQ(last_server.opened.position_in, 4u);
  EXPECT_EQ(last_client.opened.position_out, 4u);
  EXPECT_TRUE(last_server.opened.midway);
  EXPECT_TRUE(last_client.opened.midway);
}

// Nobody else would tell it, and what waits for an answer would wait for good.
TEST_P(LossesTest, AnEndIsToldThoughTheRingWasFull) {
  constexpr size_t kOthers = 4;  // ends are short: where nothing else has room, some still find it
  begin([](const Wire& wire) {
    std::vector<std::pair<int, int>> pairs;
    for (size_t i = 0; i <= kOthers; i++) {
      pairs.push_back(wire.pair());
      say(pairs.back().first, "begin");
      MUST(hear(pairs.back().second) == "begin");
    }
    const auto [client, server] = pairs.front();
    for (size_t i = 0; i < kCalls; i++) {
      say(client, pattern(kBytes));
      MUST(hear_all(server, kBytes) == pattern(kBytes));
    }
    for (size_t i = 1; i <= kOthers; i++) {
      close(pairs[i].first);
      close(pairs[i].second);
    }
    reset_on_close(client);
    char byte = 0;
    MUST(read(server, &byte, 1) < 0 && errno == ECONNRESET);
    close(server);
    wire.pause();
  });
  draining_ = false;
  reach_pause();
  EXPECT_GT(counted(SONDE_COUNT_calls_lost), 0u);
  draining_ = true;
  resume();
  finish();
  constexpr uint64_t kAll = 5 + kCalls * kBytes;
  for (const auto& [end, way] : {std::pair(&client(), 1), {&server(), 0}}) {
    EXPECT_TRUE(end->closed);
    EXPECT_EQ(way == 1 ? end->close.position_out : end->close.position_in, kAll);
    EXPECT_EQ(end->close.state.last_turn_bytes, kAll);
    EXPECT_GT(end->lost_records, 0u);
  }
  EXPECT_TRUE(server().close.reset);
  EXPECT_EQ(counted(SONDE_COUNT_connections_closed), 2u * (1 + kOthers));
  EXPECT_GE(counted(SONDE_COUNT_records_swept), 2u);
}

class SweepTest : public BpfTest {
 protected:
  static constexpr Policy kHead{PolicyMode::kHead, {64, 64}, 0};

  void decide_all() {
    for (const ConnectionId id : told_.order) {
      ASSERT_TRUE(kernel_->set_policy(id, kHead));
    }
  }
  void sweep() {
    ASSERT_TRUE(kernel_->sweep(told_));
    drain();
  }
  size_t progress_lines() {
    size_t lines = 0;
    for (const auto& [id, end] : told_.ends) {
      for (size_t at = end.text.find("progress"); at != std::string::npos;
           at = end.text.find("progress", at + 1)) {
        lines++;
      }
    }
    return lines;
  }
};

void long_answer(int client, int server) {
  const std::string text = pattern(20'000);
  for (size_t at = 0; at < text.size(); at += 4000) {
    say(server, std::string_view(text).substr(at, 4000));
    MUST(hear_all(client, 4000).size() == 4000);
  }
}

TEST_P(SweepTest, TellsASilentTurnOnce) {
  begin([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    say(client, "get");
    MUST(hear(server) == "get");
    wire.pause();
    long_answer(client, server);
    wire.pause();
    say(server, "more");
    MUST(hear(client) == "more");
    wire.pause();
    say(client, "get");
    MUST(hear(server) == "get");
    wire.pause();
  });
  reach_pause();
  decide_all();
  resume();
  reach_pause();
  for (int twice = 0; twice < 2; twice++) {
    sweep();
    EXPECT_EQ(progress_lines(), 2u);
  }
  resume();
  reach_pause();
  sweep();  // it moved again
  resume();
  reach_pause();
  sweep();  // the new turn told its end
  EXPECT_EQ(progress_lines(), 4u);
  resume();
  finish();
  EXPECT_EQ(server().text,
            "turn 1 in @0 3 'get'\n"
            "turn 2 out @0 4000 '" +
                pattern(64) +
                "' after 3\n"
                "progress out @20000 20000\n"
                "progress out @20004 20004\n"
                "turn 3 in @3 3 'get' after 20004\n"
                "close in 6 out 20004 after 3\n");
}

// More than the kernel hands over in one read of an iterator.
TEST_P(SweepTest, TellsEachOfManyOnce) {
  constexpr size_t kConnections = 400;
  begin([](const Wire& wire) {
    std::vector<std::pair<int, int>> all;
    for (size_t i = 0; i < kConnections; i++) {
      all.push_back(wire.pair());
      say(all.back().first, "get");
      MUST(hear(all.back().second) == "get");
    }
    wire.pause();
    for (const auto& [client, server] : all) {
      long_answer(client, server);
    }
    wire.pause();
  });
  reach_pause();
  ASSERT_EQ(told_.order.size(), kConnections * 2);
  decide_all();
  resume();
  reach_pause();
  for (int twice = 0; twice < 2; twice++) {
    sweep();
    EXPECT_EQ(progress_lines(), kConnections * 2);
  }
  for (const auto& [id, end] : told_.ends) {
    const char* line = end.opened.role == Role::kServer ? "progress out @20000 20000\n"
                                                        : "progress in @20000 20000\n";
    EXPECT_NE(end.text.find(line), std::string::npos) << end.text;
  }
  resume();
  finish();
}

SONDE_FOR_EACH_DOOR(LossesTest);
SONDE_FOR_EACH_DOOR(SweepTest);

}  // namespace
}  // namespace sonde
