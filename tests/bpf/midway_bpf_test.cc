// SPDX-License-Identifier: Apache-2.0
// Coming and going in the middle of things: connections that are older than the hooks, and those
// that go on when the hooks are down.
#include "tests/bpf/connection_states.h"
#include "tests/bpf/harness.h"

namespace sonde {
namespace {

class MidwayTest : public BpfTest {
 protected:
  MidwayTest() { watch_at_once_ = false; }
};

// Its streams stand somewhere. The server is known by its listener, the client by nothing.
TEST_P(MidwayTest, OpenBeforeWeCame) {
  begin([](const Wire& wire) {
    const int client = wire.connect_from_known_port();
    const int server = wire.accept();
    ping_pong(client, server);
    say(client, "unread");  // in flight when we come
    wire.pause();
    MUST(hear(server) == "unread");
    say(server, "answer");
    MUST(hear(client) == "answer");
  });
  reach_pause();
  watch();
  resume();
  finish();
  ASSERT_EQ(told_.ends.size(), 2u);
  const ToldEnd& there = server();
  const ToldEnd& here = told_.ends[told_.order[0]].opened.role == Role::kServer
                            ? told_.ends[told_.order[1]]
                            : told_.ends[told_.order[0]];
  EXPECT_NE(here.opened.role, Role::kServer);
  for (const ToldEnd* end : {&here, &there}) {
    EXPECT_TRUE(end->opened.midway);
    EXPECT_EQ(end->opened.opened_ns, 0u);
  }
  expect_joined(here, there);
  EXPECT_EQ(there.opened.position_in, 4u);
  EXPECT_EQ(there.opened.position_out, 4u);
  EXPECT_EQ(there.text,
            "turn 1 in @4 6 'unread'\n"
            "turn 2 out @4 6 'answer' after 6\n"
            "close in 10 out 10 after 6\n");
  EXPECT_EQ(here.opened.position_in, 4u);
  EXPECT_EQ(here.opened.position_out, 10u);
  EXPECT_EQ(here.text,
            "turn 1 in @4 6 'answer'\n"
            "close in 10 out 10 after 6\n");
}

TEST_P(MidwayTest, ItsListenerIsGone) {
  begin([](const Wire& wire) {
    const int client = wire.connect_from_known_port();
    const int server = wire.accept();
    wire.close_listeners();
    ping_pong(client, server);
    wire.pause();
    ping_pong(client, server);
  });
  reach_pause();
  listener_.reset();
  listener6_.reset();
  watch();
  resume();
  finish();
  ASSERT_EQ(told_.ends.size(), 2u);
  expect_joined(told_.ends[told_.order[0]], told_.ends[told_.order[1]]);
  EXPECT_EQ(server().text,
            "turn 1 in @4 4 'ping'\n"
            "turn 2 out @4 4 'pong' after 4\n"
            "close in 8 out 8 after 4\n");
}

// Which end accepted it, only its bytes will tell; that both are of one connection is known at
// once.
TEST_P(MidwayTest, NothingIsLeftOfItsListener) {
  begin([](const Wire& wire) {
    wire.take_backlog();
    const int client = wire.connect_from_known_port();
    const int server = wire.accept();
    wire.close_listeners();
    ping_pong(client, server);
    wire.pause();
    ping_pong(client, server);
  });
  reach_pause();
  listener_.reset();
  listener6_.reset();
  watch();
  resume();
  finish();
  ASSERT_EQ(told_.ends.size(), 2u);
  const ToldEnd& client = told_.ends[told_.order[0]];
  const ToldEnd& server = told_.ends[told_.order[1]];
  for (const ToldEnd* end : {&client, &server}) {
    EXPECT_EQ(end->opened.role, Role::kUnknown);
    EXPECT_EQ(end->opened.position_in, 4u);
    EXPECT_EQ(end->opened.position_out, 4u);
  }
  expect_joined(client, server);
}

// Half of it is over already: the FIN that was read is no byte.
TEST_P(MidwayTest, HalfClosedBeforeWeCame) {
  begin([](const Wire& wire) {
    const int client = wire.connect_from_known_port();
    const int server = wire.accept();
    say(client, "ping");
    MUST(shutdown(client, SHUT_WR) == 0);
    MUST(hear(server) == "ping");
    MUST(hear(server).empty());
    wire.pause();
    say(server, "pong");
    MUST(hear(client) == "pong");
  });
  reach_pause();
  watch();
  resume();
  finish();
  ASSERT_EQ(told_.ends.size(), 2u);
  expect_joined(told_.ends[told_.order[0]], told_.ends[told_.order[1]]);
  EXPECT_EQ(server().text,
            "turn 1 out @0 4 'pong'\n"
            "close in 4 out 4 after 4\n");
}

// Which of its ports is the service's, nobody knows: it is left alone only if both are off. (The
// other one is any port; if only that one counted, --include port=N would lose older clients of N.)
TEST_P(MidwayTest, OfAPortThatMayBeOff) {
  begin([](const Wire& wire) {
    const int client = wire.connect_from_known_port();
    const int server = wire.accept();
    wire.pause();
    ping_pong(client, server);
  });
  reach_pause();
  watch();
  std::bitset<65536> off;
  off.set();
  ASSERT_TRUE(kernel_->set_ports_off(off.reset(client_port_)));
  resume();
  finish();
  EXPECT_EQ(told_.ends.size(), 1u) << "the server's is off: its role is known by its listener";
}

TEST_P(MidwayTest, OfPortsThatAreOff) {
  begin([](const Wire& wire) {
    const int client = wire.connect_from_known_port();
    const int server = wire.accept();
    wire.pause();
    ping_pong(client, server);
  });
  reach_pause();
  watch();
  std::bitset<65536> off;
  ASSERT_TRUE(kernel_->set_ports_off(off.set()));
  resume();
  finish();
  EXPECT_TRUE(told_.ends.empty());
}

// The kernel may skip the run that would have seen the answer to the SYN: the streams are found all
// the same, the role is not forgotten.
TEST_P(MidwayTest, EstablishedUnseen) {
  watch();
  begin([](const Wire& wire) {
    const int client = wire.connect_from_known_port();
    const int server = wire.accept();
    wire.pause();
    ping_pong(client, server);
    ping_pong(client, server);
  });
  reach_pause();
  ASSERT_GE(forget_establishment(child_, client_port_), 1);
  resume();
  finish();
  ASSERT_EQ(told_.ends.size(), 2u);
  expect_joined(client(), server());
  EXPECT_EQ(client().opened.local.port, client_port_);
  EXPECT_EQ(client().text,
            "turn 1 out @0 4 'ping'\n"
            "turn 2 in @0 4 'pong' after 4\n"
            "turn 3 out @4 4 'ping' after 4\n"
            "turn 4 in @4 4 'pong' after 4\n"
            "close in 8 out 8 after 4\n");
}

TEST_P(MidwayTest, NothingIsToldOnceTheHooksAreDown) {
  // Ours came behind the fork: the scenario holds no hook open.
  begin([](const Wire& wire) {
    wire.pause();
    const auto [client, server] = wire.pair();
    say(client, "before");
    MUST(hear(server) == "before");
    wire.pause();
    say(server, "after");
    MUST(hear(client) == "after");
  });
  reach_pause();
  watch();
  resume();
  reach_pause();
  kernel_->stop();
  resume();
  finish();
  EXPECT_EQ(client().text, "turn 1 out @0 6 'before'\n");
  EXPECT_EQ(server().text, "turn 1 in @0 6 'before'\n");
}

SONDE_FOR_EACH_DOOR(MidwayTest);

}  // namespace
}  // namespace sonde
