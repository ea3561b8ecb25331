// SPDX-License-Identifier: Apache-2.0
// Flows against a stand-in for the kernel side: exchanges, who asks, limits, ends.
#include "tests/support/flows_fixture.h"

namespace sonde::test {
namespace {

TEST_F(FlowsTest, TellsWhenAnExchangeBeganAnsweredAndEnded) {
  kernel->open();
  kernel->ask("GET / HT");
  const uint64_t start = kernel->now;
  kernel->ask("TP/1.1\r\n\r\n");
  kernel->answer("HTTP/1.1 200");
  const uint64_t first = kernel->now;
  kernel->answer(" OK\r\nContent-Length: 4\r\n\r\nab");
  EXPECT_EQ(flows->in_flight(), 1u);
  EXPECT_TRUE(flows->wants_sweep());
  kernel->answer("cd");
  ASSERT_EQ(recorder.finished.size(), 1u);
  EXPECT_EQ(last().start_ns, start);
  EXPECT_EQ(last().first_response_ns, first);
  EXPECT_EQ(last().end_ns, kernel->now);
  EXPECT_EQ(last().pid, Pid{42});
  EXPECT_FALSE(flows->wants_sweep());
  EXPECT_EQ(flows->in_flight(), 0u);
}

TEST_F(FlowsTest, WhoAsksIsFoundWhenNobodyTold) {
  for (const Role role : {Role::kServer, Role::kClient}) {
    start({});
    recorder.finished.clear();
    kernel = std::make_unique<Kernel>(*flows, recorder, role);
    kernel->ask(kGet);  // no opening
    kernel->answer(ok(5) + "12345");
    ASSERT_EQ(recorder.finished.size(), 1u);
    EXPECT_EQ(last().role, role);
    EXPECT_EQ(recorder.finished.back().value("server.port"), "");
    EXPECT_TRUE(balances(*flows));
  }
}

TEST_F(FlowsTest, ConnectionsBeyondTheLimitTakeTheirRequestsAlong) {
  start({.max_connections = 2});
  for (uint64_t id = 1; id <= 5; ++id) {
    Kernel one(*flows, recorder, Role::kServer, id);
    one.open();
    one.ask(kGet);
    EXPECT_TRUE(balances(*flows));
  }
  EXPECT_EQ(flows->connections(), 2u);
  EXPECT_EQ(flows->in_flight(), 2u);
  EXPECT_EQ(counters().connections_evicted, 3u);
  EXPECT_EQ(counters().requests_lost, 3u);
}

TEST_F(FlowsTest, TheLeastRecentlyUsedConnectionGoesFirst) {
  start({.max_connections = 2});
  Kernel a(*flows, recorder, Role::kServer, 1);
  Kernel b(*flows, recorder, Role::kServer, 2);
  Kernel c(*flows, recorder, Role::kServer, 3);
  a.open();
  b.open();
  a.ask(kGet);
  c.open();
  a.answer(ok(0));
  EXPECT_EQ(recorder.finished.size(), 1u);
}

TEST_F(FlowsTest, BytesBeyondTheLimitAreDroppedAndCounted) {
  start({.max_pending_bytes = 1000});
  kernel->open();
  kernel->ask("GET /a HTTP/1.1\r\nX: " + std::string(2000, 'y'));
  EXPECT_GT(counters().bytes_dropped, 2000u);
  kernel->answer(ok(0));
  exchange(*kernel);
  EXPECT_EQ(recorder.finished.size(), 1u);
}

TEST_F(FlowsTest, WhatIsUnansweredAtTheEndIsHandedOn) {
  kernel->open();
  kernel->ask(kGet + kGet);
  kernel->answer(ok(10) + "abc");
  kernel->close(true);
  ASSERT_EQ(recorder.finished.size(), 2u);
  EXPECT_EQ(recorder.finished[0].request.outcome, Outcome::kReset);
  EXPECT_EQ(recorder.finished[0].request.response_body_bytes, 3u);
  EXPECT_EQ(recorder.finished[0].value("http.response.status_code"), "200");
  EXPECT_EQ(recorder.finished[1].request.outcome, Outcome::kReset);
  EXPECT_EQ(recorder.finished[1].request.first_response_ns, 0u);
  EXPECT_EQ(recorder.finished[1].request.end_ns, kernel->now);
  EXPECT_EQ(counters().requests_unanswered, 2u);
}

TEST_F(FlowsTest, EventsOfUnknownConnectionsAreHarmless) {
  flows->on(ConnectionClosed{});
  flows->on(TurnProgress{});
  DataMoved event;
  event.bytes = 10;
  event.position = UINT64_MAX - 3;
  event.new_turn = true;
  flows->on(event);
  EXPECT_EQ(counters().events, 3u);
}

TEST_F(FlowsTest, RequestsBeyondTheLimitAreLostAndTheNextTurnIsClean) {
  start({.max_pending_requests = 10});
  kernel->open();
  std::string burst;
  for (int i = 0; i < 15; ++i) {
    burst += kGet;
  }
  kernel->ask(burst);
  EXPECT_EQ(counters().requests_begun, 11u);
  EXPECT_EQ(counters().requests_lost, 11u);
  std::string answers;
  for (int i = 0; i < 15; ++i) {
    answers += ok(0);
  }
  kernel->answer(answers);
  kernel->ask("GET /b HTTP/1.1\r\n\r\n");
  kernel->answer(ok(1) + "x");
  ASSERT_EQ(recorder.finished.size(), 1u);
  EXPECT_EQ(recorder.finished[0].path, "/b");
}

}  // namespace
}  // namespace sonde::test
