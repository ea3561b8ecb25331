// SPDX-License-Identifier: Apache-2.0
// How AF_UNIX connections end, although the kernel has no event for it.
#include <algorithm>
#include <cerrno>

#include "tests/bpf/unix_harness.h"

namespace sonde {
namespace {

class UnixEndsTest : public UnixTest {};

// Nobody reads on to the end: only the sweep can tell, and it tells all.
TEST_P(UnixEndsTest, BothCloseWithoutReadingOn) {
  const std::string answer = pattern(300'000);
  run([&](const Wire&) {
    const int listener = listen_on(path_);
    const int client = connect_to(path_);
    const pid_t other = in_child([&, c = client] {
      close(c);
      const int server = accept_at(listener);
      MUST(hear(server) == "ask");
      send_all(server, answer);
    });
    say(client, "ask");
    MUST(hear_all(client, answer.size()) == answer);
    close(client);
    wait_for(other);
  });
  EXPECT_EQ(client().close.position_in, answer.size());
  EXPECT_EQ(server().close.position_out, answer.size());
  EXPECT_EQ(client().close.state.last_turn_bytes, answer.size());
  EXPECT_EQ(server().close.state.last_turn_bytes, answer.size());
  EXPECT_LE(server().close.state.last_turn_end_ns, server().close.time_ns);
  EXPECT_EQ(told_.ends.size(), 2u);
  expect_joined(client(), server());
}

// Its read of nothing tells both ends, without a sweep.
TEST_P(UnixEndsTest, WhoReadsOnTellsBothEnds) {
  begin([this](const Wire& wire) {
    const int listener = listen_on(path_);
    const int client = connect_to(path_);
    const int server = accept_at(listener);
    exchange(client, server);
    close(server);
    MUST(hear(client).empty());
    MUST(hear(client).empty());
    wire.pause();
  });
  reach_pause();
  EXPECT_EQ(client().text, kAsClient);
  EXPECT_EQ(server().text, kAsServer);
  resume();
  finish();
  EXPECT_EQ(client().text, kAsClient) << "told twice";
}

TEST_P(UnixEndsTest, AFailingSendTellsTheEnd) {
  begin([this](const Wire& wire) {
    const int listener = listen_on(path_);
    const int client = connect_to(path_);
    const int server = accept_at(listener);
    exchange(client, server);
    close(client);
    MUST(send(server, "late", 4, MSG_NOSIGNAL) == -1 && errno == EPIPE);
    wire.pause();
  });
  reach_pause();
  EXPECT_EQ(client().text, kAsClient);
  EXPECT_EQ(server().text, kAsServer);
  resume();
  finish();
}

// What is there still comes after the other end has closed.
TEST_P(UnixEndsTest, DataReadAfterTheOtherEndClosed) {
  run([this](const Wire&) {
    const int listener = listen_on(path_);
    const int client = connect_to(path_);
    const int server = accept_at(listener);
    say(client, "ping");
    MUST(hear(server) == "ping");
    say(server, "pong");
    close(server);
    char byte = 0;
    MUST(recv(client, &byte, 0, 0) == 0);  // nothing was asked for: no end
    MUST(hear(client) == "pong");
    MUST(hear(client).empty());
  });
  EXPECT_EQ(client().text, kAsClient);
  EXPECT_EQ(server().text, kAsServer);
}

TEST_P(UnixEndsTest, HalfClosedIsNotOver) {
  run([this](const Wire&) {
    const int listener = listen_on(path_);
    const int client = connect_to(path_);
    const int server = accept_at(listener);
    say(client, "ping");
    MUST(shutdown(client, SHUT_WR) == 0);
    MUST(hear(server) == "ping");
    MUST(hear(server).empty());
    say(server, "pong");
    MUST(hear(client) == "pong");
  });
  EXPECT_EQ(client().text, kAsClient);
  EXPECT_EQ(server().text, kAsServer);
}

TEST_P(UnixEndsTest, ClosedWithBytesUnreadIsAReset) {
  run([this](const Wire&) {
    const int listener = listen_on(path_);
    const int client = connect_to(path_);
    const int server = accept_at(listener);
    exchange(client, server);
    say(client, "never read");
    close(server);
    char byte = 0;
    MUST(recv(client, &byte, 1, 0) == -1 && errno == ECONNRESET);
  });
  EXPECT_EQ(client().text,
            "turn 1 out @0 4 'ping'\n"
            "turn 2 in @0 4 'pong' after 4\n"
            "turn 3 out @4 10 'never read' after 4\n"
            "close in 4 out 14 after 10 reset\n");
}

// Where a close is seen itself, it needs neither a sweep nor a survivor.
TEST_P(UnixEndsTest, AtItsOwnClose) {
  if (!sees_functions()) {
    GTEST_SKIP() << "this door sees no close";
  }
  begin([this](const Wire& wire) {
    const int listener = listen_on(path_);
    const int client = connect_to(path_);
    const int server = accept_at(listener);
    exchange(client, server);
    close(client);
    wire.pause();
    close(server);
    wire.pause();
  });
  reach_pause();
  EXPECT_EQ(client().text, kAsClient);
  EXPECT_FALSE(server().closed);
  resume();
  reach_pause();
  EXPECT_EQ(server().text, kAsServer);
  resume();
  finish();
}

SONDE_FOR_EACH_DOOR(UnixEndsTest);

}  // namespace
}  // namespace sonde
