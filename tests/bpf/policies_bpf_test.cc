// SPDX-License-Identifier: Apache-2.0
// Policies decide how many bytes are told; the turns stay exact whatever they say.
#include <algorithm>

#include "tests/bpf/harness.h"

namespace sonde {
namespace {

constexpr uint32_t kLongTurn = 300'000;

class PoliciesTest : public BpfTest {
 protected:
  // For later connections to and at our port.
  void learn(const Policy& policy) {
    const uint32_t here = network_namespace();
    const Address server{{127, 0, 0, 1}, port_, 4};
    ASSERT_TRUE(kernel_->learn_policy(Role::kServer, server, {}, here, policy));
    ASSERT_TRUE(kernel_->learn_policy(Role::kClient, {}, server, here, policy));
  }
  static uint32_t network_namespace() {
    char link[64] = {};
    EXPECT_GT(readlink("/proc/self/ns/net", link, sizeof(link) - 1), 0);
    return static_cast<uint32_t>(std::stoul(std::string(link).substr(5)));
  }
};

constexpr Policy head(uint32_t in, uint32_t out, uint32_t burst = 0) {
  return {PolicyMode::kHead, {in, out}, burst};
}

// A request of this length and an answer of that, the answer by many calls.
void exchange(int client, int server, size_t request, size_t answer) {
  send_all(client, pattern(request));
  MUST(hear_all(server, request) == pattern(request));
  const std::string text = pattern(answer);
  for (size_t at = 0; at < answer; at += 8192) {
    const std::string_view part = std::string_view(text).substr(at, 8192);
    send_all(server, part);
    MUST(hear_all(client, part.size()) == part);
  }
}

TEST_P(PoliciesTest, ALearnedHeadHoldsFromTheFirstByte) {
  learn(head(100, 50));
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    exchange(client, server, 300, 20'000);
    exchange(client, server, 40, 30);
    exchange(client, server, 300, 20);
  });
  EXPECT_EQ(server().captured[0], pattern(100) + pattern(40) + pattern(100));
  EXPECT_EQ(server().captured[1], pattern(50) + pattern(30) + pattern(20));
  EXPECT_EQ(client().captured[1], pattern(50) + pattern(40) + pattern(50));
  EXPECT_EQ(client().captured[0], pattern(100) + pattern(30) + pattern(20));
  EXPECT_EQ(server().text,
            "turn 1 in @0 300 [100]\n"
            "turn 2 out @0 8192 '" +
                pattern(50) +
                "' after 300\n"
                "turn 3 in @300 40 '" +
                pattern(40) +
                "' after 20000\n"
                "turn 4 out @20000 30 '" +
                pattern(30) +
                "' after 40\n"
                "turn 5 in @340 300 [100] after 30\n"
                "turn 6 out @20030 20 '" +
                pattern(20) +
                "' after 300\n"
                "close in 640 out 20050 after 20\n");
  EXPECT_EQ(counted(SONDE_COUNT_bytes_shipped) + counted(SONDE_COUNT_bytes_cut),
            2u * (640 + 20'050));
}

// The answer to a pipelined burst holds many messages: a head of it would tell of one.
TEST_P(PoliciesTest, ABurstMakesTheNextTurnShipWhole) {
  learn(head(4096, 16, 1000));
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    exchange(client, server, 1000, 500);   // not longer
    exchange(client, server, 1001, 3000);  // longer: the answer whole
  });
  EXPECT_EQ(server().captured[1], pattern(16) + pattern(3000));
  EXPECT_EQ(server().captured[0], pattern(1000) + pattern(1001));
}

// The very first turn is the burst, and what it is, is learned from it.
TEST_P(PoliciesTest, ABurstIsJudgedByThePolicyThatItBrought) {
  begin([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    send_all(client, pattern(1001));
    MUST(hear_all(server, 1001) == pattern(1001));
    wire.pause();
    send_all(server, pattern(3000));
    MUST(hear_all(client, 3000) == pattern(3000));
  });
  reach_pause();
  for (const ConnectionId id : told_.order) {
    ASSERT_TRUE(kernel_->set_policy(id, head(16, 16, 1000)));
  }
  resume();
  finish();
  EXPECT_EQ(server().captured[1], pattern(3000));
  EXPECT_EQ(client().captured[0], pattern(3000));
}

// What an answer of one call holds at its ends, where most programs put the lengths of its pieces.
std::string edges(std::string_view text, size_t front) {
  return std::string(text.substr(0, front)) + std::string(text.substr(text.size() - 256));
}

TEST_P(PoliciesTest, OfALongCallTheEndIsToldToo) {
  static constexpr size_t kAnswer = 200'000;
  learn({.mode = PolicyMode::kFull});
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    say(client, "plain");
    MUST(hear(server) == "plain");
    const pid_t reader = in_child(
        [c = client] { MUST(hear_all(c, 2 * kAnswer + 300).size() == 2 * kAnswer + 300); });
    std::string text = pattern(kAnswer);
    MUST(write(server, text.data(), text.size()) == kAnswer);
    auto parts = pieces(text, std::array<size_t, 4>{10, kAnswer - 110, 0, 100});
    const msghdr message = message_of(parts.data(), parts.size());
    MUST(sendmsg(server, &message, 0) == kAnswer);
    say(server, pattern(300));
    wait_for(reader);
  });
  EXPECT_TRUE(server().captured[1] ==
              edges(pattern(kAnswer), 65'536) + edges(pattern(kAnswer), 65'536) + pattern(300));
  EXPECT_NE(server().text.find("out @199744 256 [256]"), std::string::npos) << server().text;
  EXPECT_NE(server().text.find("out @399744 256 [256]"), std::string::npos);
  EXPECT_EQ(server().bytes[1], 2 * kAnswer + 300);
}

TEST_P(PoliciesTest, ALongTurnIsToldByTheEdgesOfItsCalls) {
  static constexpr size_t kCalls = 12;
  static constexpr size_t kCall = 100'000;
  learn({.mode = PolicyMode::kFull});
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    say(client, "plain");
    MUST(hear(server) == "plain");
    const pid_t reader =
        in_child([c = client] { MUST(hear_all(c, kCalls * kCall + 100).size() != 0); });
    for (size_t i = 0; i < kCalls; i++) {
      const std::string text = pattern(kCall, i + 1);
      MUST(write(server, text.data(), text.size()) == kCall);
    }
    say(server, pattern(100));
    wait_for(reader);
  });
  std::string wanted;
  for (size_t i = 0; i < kCalls; i++) {
    // 1 MiB is used up within the eleventh.
    wanted += edges(pattern(kCall, i + 1), i < 10 ? 65'536 : i == 10 ? 48'576 : 256);
  }
  EXPECT_TRUE(server().captured[1] == wanted + pattern(100)) << server().captured[1].size();
  EXPECT_EQ(server().bytes[1], kCalls * kCall + 100);
}

TEST_P(PoliciesTest, ADecisionIsTakenAtTheNextTurn) {
  begin([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    say(client, "a question ");
    MUST(hear(server) == "a question ");
    wire.pause();
    say(client, "and more of it");  // the same turn
    MUST(hear(server) == "and more of it");
    say(server, "answer");
    MUST(hear(client) == "answer");
    say(client, "next");
    MUST(hear(server) == "next");
  });
  reach_pause();
  for (const ConnectionId id : told_.order) {
    ASSERT_TRUE(kernel_->set_policy(id, head(2, 3)));
  }
  resume();
  finish();
  EXPECT_EQ(client().text,
            "turn 1 out @0 11 'a question '\n"
            "out @11 14 'and more of it'\n"
            "turn 2 in @0 6 'an' after 25\n"
            "turn 3 out @25 4 'nex' after 6\n"
            "close in 6 out 29 after 4\n");
  EXPECT_EQ(server().text,
            "turn 1 in @0 11 'a question '\n"
            "in @11 14 'and more of it'\n"
            "turn 2 out @0 6 'ans' after 25\n"
            "turn 3 in @25 4 'ne' after 6\n"
            "close in 29 out 6 after 4\n");
}

TEST_P(PoliciesTest, CountTellsTurnsWithoutBytes) {
  learn({PolicyMode::kCount, {}, 0});
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    exchange(client, server, 10, 20'000);
    exchange(client, server, 10, 5);
  });
  EXPECT_EQ(client().text,
            "turn 1 out @0 10\n"
            "turn 2 in @0 8192 after 10\n"
            "turn 3 out @10 10 after 20000\n"
            "turn 4 in @20000 5 after 10\n"
            "close in 20005 out 20 after 5\n");
  EXPECT_EQ(counted(SONDE_COUNT_bytes_shipped), 0u);
  EXPECT_EQ(counted(SONDE_COUNT_bytes_cut), 2u * 20'025);
}

TEST_P(PoliciesTest, OffTellsNothing) {
  learn({PolicyMode::kOff, {}, 0});
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    exchange(client, server, 10, 20'000);
  });
  EXPECT_TRUE(told_.ends.empty());
  EXPECT_EQ(counted(SONDE_COUNT_bytes_shipped), 0u);
  EXPECT_EQ(counted(SONDE_COUNT_bytes_cut), 0u);
  EXPECT_GE(counted(SONDE_COUNT_bytes_off), 2u * 20'010);
}

// A call may move more than one call's records hold: the last of them stands for the rest.
TEST_P(PoliciesTest, FullTellsLongTurnsWhole) {
  learn({PolicyMode::kFull, {}, 0});
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    const std::string text = pattern(kLongTurn);
    const int large = 4 << 20;
    MUST(setsockopt(client, SOL_SOCKET, SO_SNDBUF, &large, sizeof(large)) == 0);
    const pid_t reader = in_child([&, s = server] { MUST(hear_all(s, kLongTurn, 4096) == text); });
    send_all(client, text);
    wait_for(reader);
  });
  EXPECT_TRUE(server().captured[0] == pattern(kLongTurn));
  EXPECT_EQ(server().bytes[0], kLongTurn);
  EXPECT_EQ(client().bytes[1], kLongTurn);
  EXPECT_EQ(client().close.state.last_turn_bytes, kLongTurn);
}

TEST_P(PoliciesTest, AnExcludedProcessTellsNothingNorDoItsChildren) {
  begin([](const Wire& wire) {
    wire.pause();
    const auto [client, server] = wire.pair();
    say(client, "from the parent");
    wait_for(in_child([s = server] { MUST(hear(s) == "from the parent"); }));
    wait_for(in_child([&] {
      const auto [a, b] = wire.pair();
      say(a, "from a child");
      MUST(hear(b) == "from a child");
    }));
  });
  reach_pause();
  ASSERT_TRUE(kernel_->watch_process(Pid{static_cast<uint32_t>(child_)}, false));
  resume();
  finish();
  EXPECT_TRUE(told_.ends.empty());
  EXPECT_EQ(counted(SONDE_COUNT_bytes_shipped), 0u);
  EXPECT_GE(counted(SONDE_COUNT_calls_off), 4u);
}

// The kernel side remembers who is excluded: it must not do so for longer than that is true.
TEST_P(PoliciesTest, AnExcludedProcessMayBeWatchedAgain) {
  begin([](const Wire& wire) {
    wire.pause();
    const auto [client, server] = wire.pair();
    for (int i = 0; i < 3; i++) {
      say(client, "unseen");
      MUST(hear(server) == "unseen");
    }
    wire.pause();
    say(client, "seen");
    MUST(hear(server) == "seen");
    const auto [later, accepted] = wire.pair();
    say(later, "from its beginning");
    MUST(hear(accepted) == "from its beginning");
  });
  reach_pause();
  ASSERT_TRUE(kernel_->watch_process(Pid{static_cast<uint32_t>(child_)}, false));
  resume();
  reach_pause();
  EXPECT_TRUE(told_.ends.empty());
  ASSERT_TRUE(kernel_->watch_process(Pid{static_cast<uint32_t>(child_)}, true));
  resume();
  finish();
  const auto met = std::ranges::find_if(
      told_.ends, [](const auto& end) { return end.second.captured[1] == "seen"; });
  ASSERT_NE(met, told_.ends.end());
  EXPECT_TRUE(met->second.opened.midway);
  EXPECT_EQ(client().captured[1], "from its beginning");
  EXPECT_EQ(server().captured[0], "from its beginning");
}

// What a process becomes is decided anew: a shell's verdict is not that of the server it starts.
TEST_P(PoliciesTest, AnExcludedProcessVerdictEndsWithItsProgram) {
  begin([](const Wire& wire) {
    wire.pause();
    const auto [client, server] = wire.pair();
    MUST(dup2(client, STDOUT_FILENO) == STDOUT_FILENO);
    wait_for(in_child([] { execl("/bin/echo", "echo", "from another program", nullptr); }));
    MUST(hear(server) == "from another program\n");
  });
  reach_pause();
  ASSERT_TRUE(kernel_->watch_process(Pid{static_cast<uint32_t>(child_)}, false));
  resume();
  finish();
  // The connection left no trace while it was the shell's: it is met by its first bytes.
  ASSERT_EQ(told_.ends.size(), 1u);
  const ToldEnd& met = told_.ends.begin()->second;
  EXPECT_EQ(met.captured[1], "from another program\n");
  EXPECT_FALSE(met.opened.midway);
}

TEST_P(PoliciesTest, PortsThatAreOffTellNothing) {
  std::bitset<65536> off;
  off.set();
  ASSERT_TRUE(kernel_->set_ports_off(off));
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    exchange(client, server, 10, 10);
  });
  EXPECT_TRUE(told_.ends.empty());
  EXPECT_GE(counted(SONDE_COUNT_calls_off), 4u);
}

// What is asked for is one thing, what we hold ourselves to another; the turns stay exact.
TEST_P(PoliciesTest, RestrainedToHeadsNothingShipsWhole) {
  learn({PolicyMode::kFull, {}, 0});
  kernel_->restrain(Restraint::kHeads);
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    exchange(client, server, 10, 20'000);
    exchange(client, server, 6000, 10);
  });
  EXPECT_EQ(server().captured[0], pattern(10) + pattern(SONDE_PROBE_HEAD));
  EXPECT_EQ(server().captured[1], pattern(SONDE_PROBE_HEAD) + pattern(10));
  EXPECT_EQ(server().unread, 0u);
  EXPECT_EQ(server().close.state.last_turn_bytes, 10u);
}

TEST_P(PoliciesTest, RestrainedToCountingTurnsAreToldAndNotRead) {
  learn(head(4096, 4096));
  kernel_->restrain(Restraint::kCount);
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    exchange(client, server, 300, 20'000);
    exchange(client, server, 40, 30);
  });
  EXPECT_EQ(server().text,
            "turn 1 in @0 300 unread\n"
            "turn 2 out @0 8192 after 300 unread\n"
            "turn 3 in @300 40 after 20000 unread\n"
            "turn 4 out @20000 30 after 40 unread\n"
            "close in 340 out 20030 after 30\n");
  EXPECT_EQ(client().unread, 4u);
  EXPECT_EQ(counted(SONDE_COUNT_bytes_shipped), 0u);
  EXPECT_EQ(counted(SONDE_COUNT_bytes_cut), 2u * 20'370);
}

// So that what new ones are is known.
TEST_P(PoliciesTest, RestrainedToCountingALookIsTakenAtTheUndecided) {
  kernel_->restrain(Restraint::kCount);
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    for (int i = 0; i < 4; i++) {
      exchange(client, server, 300, 30);
    }
  });
  EXPECT_EQ(server().captured[0], pattern(SONDE_LOOK_BYTES) + pattern(SONDE_LOOK_BYTES));
  EXPECT_EQ(server().captured[1], pattern(30) + pattern(30));
  EXPECT_EQ(server().unread, 8u);
}

TEST_P(PoliciesTest, ARestraintHoldsFromTheNextTurnAndEndsSo) {
  learn(head(4096, 4096));
  begin([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    exchange(client, server, 10, 10);
    wire.pause();
    exchange(client, server, 20, 20);
    wire.pause();
    exchange(client, server, 30, 30);
  });
  reach_pause();
  kernel_->restrain(Restraint::kCount);
  resume();
  reach_pause();
  kernel_->restrain(Restraint::kNone);
  resume();
  finish();
  for (const ToldEnd* end : {&client(), &server()}) {
    EXPECT_EQ(end->captured[0], pattern(10) + pattern(30));
    EXPECT_EQ(end->captured[1], pattern(10) + pattern(30));
    EXPECT_EQ(end->unread, 2u);
  }
}

TEST_P(PoliciesTest, AProcessIsRestrainedAloneWithItsChildren) {
  learn(head(4096, 4096));
  begin([](const Wire& wire) {
    wire.pause();
    const auto [client, server] = wire.pair();
    wait_for(in_child([c = client] { say(c, "from a child"); }));
    MUST(hear(server) == "from a child");
    wire.pause();
    say(client, "free again");
    MUST(hear(server) == "free again");
    say(server, "so it is");
    MUST(hear(client) == "so it is");
  });
  reach_pause();
  const Pid pid{static_cast<uint32_t>(child_)};
  ASSERT_TRUE(kernel_->watch_process(pid, true, Restraint::kCount));
  resume();
  reach_pause();
  EXPECT_EQ(counted(SONDE_COUNT_bytes_shipped), 0u);
  ASSERT_TRUE(kernel_->watch_process(pid, true));
  kernel_->restrain(Restraint::kNone);
  resume();
  finish();
  EXPECT_EQ(client().captured[0], "so it is");
  EXPECT_EQ(server().captured[1], "so it is");
}

// The measure that the governor goes by.
TEST_P(PoliciesTest, WhatOurProgramsCostIsMeasured) {
  const auto before = kernel_->cost_ns();
  ASSERT_TRUE(before);
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    for (int i = 0; i < 500; i++) {
      exchange(client, server, 100, 100);
    }
  });
  const auto after = kernel_->cost_ns();
  ASSERT_TRUE(after);
  // 2,000 calls at least: nobody looks at one in less than a hundred nanoseconds.
  EXPECT_GT(*after - *before, 2'000u * 20);
}

SONDE_FOR_EACH_DOOR(PoliciesTest);

}  // namespace
}  // namespace sonde
