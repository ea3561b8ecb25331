// SPDX-License-Identifier: Apache-2.0
// Policies decide how many bytes are told; the turns stay exact whatever they say.
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
  EXPECT_EQ(client().captured[1], "from another program\n");
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

SONDE_FOR_EACH_DOOR(PoliciesTest);

}  // namespace
}  // namespace sonde
