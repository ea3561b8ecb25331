// SPDX-License-Identifier: Apache-2.0
// Flows against a stand-in for the kernel side: policies, totals told late, losses, order, limits.
#include "userspace/flows/flows.h"

#include <gtest/gtest.h>

#include "tests/support/kernel_side.h"

namespace sonde::test {
namespace {

const std::string kGet = "GET /a HTTP/1.1\r\nHost: shop\r\n\r\n";

std::string ok(size_t body, const std::string& extra = "") {
  return "HTTP/1.1 200 OK\r\n" + extra + "Content-Length: " + std::to_string(body) + "\r\n\r\n";
}

class FlowsTest : public testing::Test {
 protected:
  FlowsTest() { start({}); }
  void TearDown() override { EXPECT_TRUE(balances(*flows)); }

  void start(const FlowLimits& limits) {
    flows = std::make_unique<Flows>(recorder, limits);
    kernel = std::make_unique<Kernel>(*flows, recorder, Role::kServer);
  }
  void exchange(Kernel& k, size_t body = 100) {
    k.ask(kGet);
    k.answer(ok(body) + std::string(body, 'x'));
  }
  // One exchange, after which the policy is settled.
  void open_and_settle() {
    kernel->open();
    exchange(*kernel);
    ASSERT_EQ(recorder.finished.size(), 1u);
  }
  const FlowCounters& counters() const { return flows->counters(); }
  const Request& last() const { return recorder.finished.back().request; }

  Recorder recorder;
  std::unique_ptr<Flows> flows;
  std::unique_ptr<Kernel> kernel;
};

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

TEST_F(FlowsTest, TheFirstExchangeTeachesAHeadPolicyOnce) {
  open_and_settle();
  ASSERT_EQ(recorder.advice.size(), 1u);
  EXPECT_TRUE(recorder.advice[0].learn);
  EXPECT_EQ(recorder.advice[0].policy,
            (Policy{.mode = PolicyMode::kHead, .head = {65536, 512}, .burst = 512}));
  for (int i = 0; i < 1000; ++i) {
    exchange(*kernel, 5000);
  }
  EXPECT_EQ(recorder.finished.size(), 1001u);
  EXPECT_EQ(last().response_body_bytes, 5000u);
  EXPECT_TRUE(last().response_body_known);
  EXPECT_EQ(recorder.advice.size(), 1u);
  EXPECT_EQ(counters().holes_cut, 0u);
}

TEST_F(FlowsTest, ALongFirstAnswerHidesNoOtherThoughNobodyAdvises) {
  kernel->obey = false;  // the kernel side is faster than we are
  kernel->open();
  for (int i = 0; i < 5; ++i) {
    exchange(*kernel, 10'000'000);
    exchange(*kernel);
  }
  EXPECT_EQ(recorder.finished.size(), 10u);
  EXPECT_EQ(counters().requests_lost, 0u);
}

TEST_F(FlowsTest, LaterConnectionsOfAnEndpointNeedNoAdvice) {
  open_and_settle();
  for (uint64_t id = 2; id < 50; ++id) {
    Kernel later(*flows, recorder, Role::kServer, id);
    later.now = kernel->now + 2'000'000'000;
    later.policy = recorder.advice[0].policy;
    later.remote_port = static_cast<uint16_t>(30000 + id);
    later.open();
    exchange(later, 9000);
    later.close();
  }
  EXPECT_EQ(recorder.finished.size(), 49u);
  EXPECT_EQ(recorder.advice.size(), 1u);
}

TEST_F(FlowsTest, AConnectionThatOpenedWithItsEndpointUnlearnedIsToldApart) {
  Kernel second(*flows, recorder, Role::kServer, 2);
  second.open();
  open_and_settle();
  exchange(second);
  exchange(second);
  ASSERT_EQ(recorder.advice.size(), 2u);
  EXPECT_EQ(recorder.advice[1].connection, ConnectionId{2});
  EXPECT_FALSE(recorder.advice[1].learn);
  EXPECT_EQ(recorder.advice[1].policy, recorder.advice[0].policy);
}

TEST_F(FlowsTest, UploadsLowerWhatIsAskedOfRequests) {
  kernel->open();
  kernel->ask("PUT / HTTP/1.1\r\nContent-Length: 20000\r\n\r\n" + std::string(20000, 'x'));
  kernel->answer(ok(0));
  ASSERT_EQ(recorder.advice.size(), 1u);
  EXPECT_EQ(recorder.advice[0].policy.head[0], 4096u);
  EXPECT_EQ(recorder.advice[0].policy.burst, 65536u);
  kernel->ask("PUT / HTTP/1.1\r\nContent-Length: 20000\r\n\r\n" + std::string(20000, 'x'));
  kernel->answer(ok(0));
  ASSERT_EQ(recorder.finished.size(), 2u);
  EXPECT_EQ(last().request_body_bytes, 20000u);
  EXPECT_TRUE(last().request_body_known);
  EXPECT_EQ(recorder.advice.size(), 1u);
}

TEST_F(FlowsTest, AnAnswerHeadThatWasCutCountsAndRaisesThePolicy) {
  open_and_settle();
  const std::string large = ok(3, "X: " + std::string(700, 'y') + "\r\n") + "abc";
  kernel->ask(kGet);
  kernel->answer(large);
  EXPECT_EQ(counters().holes_cut, 1u);
  EXPECT_EQ(recorder.advice.size(), 2u);
  EXPECT_TRUE(recorder.advice.back().learn);
  EXPECT_EQ(recorder.advice.back().policy.head[1], 2048u);
  kernel->ask(kGet);
  kernel->answer(large);
  EXPECT_EQ(counters().requests_lost, 0u);
  ASSERT_EQ(recorder.finished.size(), 3u);
  EXPECT_EQ(recorder.finished[1].value("http.response.status_code"), "200");
  EXPECT_FALSE(recorder.finished[1].request.response_body_known);
  EXPECT_EQ(last().number, 2u);
  EXPECT_TRUE(last().response_body_known);
  EXPECT_EQ(last().response_body_bytes, 3u);
}

TEST_F(FlowsTest, NoAnswerIsLostToItsLongHeadThoughNobodyAdvises) {
  open_and_settle();
  kernel->obey = false;
  for (int i = 0; i < 5; ++i) {
    kernel->ask(kGet);
    kernel->answer(ok(3, "X: " + std::string(700, 'y') + "\r\n") + "abc");
    exchange(*kernel);
  }
  kernel->close();
  EXPECT_EQ(recorder.finished.size(), 11u);
  EXPECT_EQ(counters().requests_lost, 0u);
}

TEST_F(FlowsTest, ABodyFromAFileEndsWithTheNextRequest) {
  open_and_settle();
  kernel->ask(kGet);
  kernel->answer(ok(1'000'000));
  kernel->answer_unreadable(600'000);
  kernel->answer_unreadable(400'000);
  const uint64_t end = kernel->now;
  EXPECT_EQ(recorder.finished.size(), 1u);
  EXPECT_TRUE(flows->wants_sweep());
  kernel->now += 1'000'000;
  kernel->ask(kGet);
  ASSERT_EQ(recorder.finished.size(), 2u);
  EXPECT_EQ(last().end_ns, end);
  EXPECT_EQ(last().response_body_bytes, 1'000'000u);
  EXPECT_FALSE(flows->wants_sweep());
}

TEST_F(FlowsTest, ABodyFromAFileEndsWithTheSweep) {
  open_and_settle();
  kernel->ask(kGet);
  kernel->answer(ok(1000));
  kernel->answer_unreadable(400);
  kernel->sweep();
  EXPECT_EQ(recorder.finished.size(), 1u);
  kernel->answer_unreadable(600);
  const uint64_t end = kernel->now;
  kernel->now += 500'000'000;
  kernel->sweep();
  ASSERT_EQ(recorder.finished.size(), 2u);
  EXPECT_EQ(last().end_ns, end);
  EXPECT_FALSE(flows->wants_sweep());
}

TEST_F(FlowsTest, ABodyFromAFileEndsWithTheConnection) {
  open_and_settle();
  kernel->ask(kGet);
  kernel->answer(ok(1000));
  kernel->answer_unreadable(1000);
  const uint64_t end = kernel->now;
  kernel->now += 500'000'000;
  kernel->close();
  ASSERT_EQ(recorder.finished.size(), 2u);
  EXPECT_EQ(last().outcome, Outcome::kComplete);
  EXPECT_EQ(last().end_ns, end);
  EXPECT_FALSE(flows->wants_sweep());
  EXPECT_EQ(flows->connections(), 0u);
}

TEST_F(FlowsTest, ABodyUntilTheEndIsCountedThoughCut) {
  open_and_settle();
  kernel->ask(kGet);
  kernel->answer("HTTP/1.1 200 OK\r\n\r\n");
  for (int i = 0; i < 100; ++i) {
    kernel->answer(std::string(1000, 'x'));
  }
  const uint64_t end = kernel->now;
  EXPECT_FALSE(flows->wants_sweep());
  kernel->close();
  ASSERT_EQ(recorder.finished.size(), 2u);
  EXPECT_EQ(last().outcome, Outcome::kComplete);
  EXPECT_EQ(last().response_body_bytes, 100'000u);
  EXPECT_TRUE(last().response_body_known);
  EXPECT_EQ(last().end_ns, end);
}

TEST_F(FlowsTest, ChunkedAnswersAreReadWholeFromTheirHeadOn) {
  kernel->open();
  kernel->ask(kGet);
  kernel->answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(recorder.advice.size(), 1u);
  EXPECT_EQ(kernel->policy.mode, PolicyMode::kFull);
  for (int i = 0; i < 100; ++i) {
    kernel->answer("3e8\r\n" + std::string(1000, 'x') + "\r\n");
  }
  kernel->answer("0\r\n\r\n");
  ASSERT_EQ(recorder.finished.size(), 1u);
  EXPECT_EQ(last().response_body_bytes, 100'000u);
  EXPECT_TRUE(last().response_body_known);
  EXPECT_EQ(recorder.advice.size(), 1u);
}

TEST_F(FlowsTest, AChunkedAnswerBeyondTheLimitEndsWithItsTurn) {
  kernel->open();
  kernel->ask(kGet);
  kernel->answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 2000; ++i) {
    kernel->answer("3e8\r\n" + std::string(1000, 'x') + "\r\n");
  }
  kernel->answer("0\r\n\r\n");
  const uint64_t end = kernel->now;
  EXPECT_EQ(recorder.finished.size(), 0u);
  kernel->ask(kGet);
  kernel->answer(ok(1) + "x");
  ASSERT_EQ(recorder.finished.size(), 2u);
  const Request& cut = recorder.finished[0].request;
  EXPECT_EQ(cut.end_ns, end);
  EXPECT_FALSE(cut.response_body_known);
  EXPECT_EQ(cut.response_body_bytes, 2000u * 1007 + 5);
  EXPECT_EQ(counters().holes_cut, 1u);
  EXPECT_EQ(counters().requests_lost, 0u);
}

TEST_F(FlowsTest, AHundredPipelinedRequestsAreAHundredExchanges) {
  kernel->open();
  std::string burst;
  std::string answers;
  for (int i = 0; i < 100; ++i) {
    burst += "GET /" + std::to_string(i) + " HTTP/1.1\r\n\r\n";
    answers += ok(static_cast<size_t>(i)) + std::string(static_cast<size_t>(i), 'x');
  }
  kernel->ask(burst);
  EXPECT_EQ(flows->in_flight(), 100u);
  kernel->answer(answers);
  ASSERT_EQ(recorder.finished.size(), 100u);
  for (size_t i = 0; i < 100; ++i) {
    EXPECT_EQ(recorder.finished[i].path, "/" + std::to_string(i));
    EXPECT_EQ(recorder.finished[i].request.response_body_bytes, i);
  }
  ASSERT_EQ(recorder.advice.size(), 1u);
  EXPECT_EQ(recorder.advice[0].policy.mode, PolicyMode::kFull);
  EXPECT_TRUE(recorder.advice[0].learn);
}

TEST_F(FlowsTest, AnswersHiddenByAHeadPolicyAreLostNotMispaired) {
  open_and_settle();
  kernel->ask(kGet + kGet + kGet);  // shorter than the burst: the answers are cut to one head
  kernel->answer(ok(500) + std::string(500, 'x') + ok(0) + ok(0));
  EXPECT_EQ(kernel->policy.mode, PolicyMode::kFull);
  kernel->ask("GET /b HTTP/1.1\r\n\r\nGET /c HTTP/1.1\r\n\r\n");
  kernel->answer(ok(1) + "x" + ok(2) + "xx");
  EXPECT_EQ(counters().requests_lost + recorder.finished.size(), 6u);
  EXPECT_EQ(recorder.finished[recorder.finished.size() - 2].path, "/b");
  EXPECT_EQ(recorder.finished.back().path, "/c");
  EXPECT_EQ(last().response_body_bytes, 2u);
}

TEST_F(FlowsTest, RequestsHiddenByAHeadPolicyAreNoticed) {
  kernel->open();
  kernel->ask("PUT / HTTP/1.1\r\nContent-Length: 5000\r\n\r\n" + std::string(5000, 'x'));
  kernel->answer(ok(0));
  ASSERT_EQ(kernel->policy.head[0], 4096u);
  // The second request lies where the policy shows nothing any more.
  kernel->ask("PUT / HTTP/1.1\r\nContent-Length: 5000\r\n\r\n" + std::string(5000, 'x') + kGet);
  kernel->answer(ok(0) + ok(1) + "x");
  EXPECT_EQ(counters().holes_cut, 1u);
  EXPECT_EQ(counters().answers_unpaired, 1u);
  EXPECT_EQ(kernel->policy.mode, PolicyMode::kFull);
  kernel->ask("GET /after HTTP/1.1\r\n\r\n");
  kernel->answer(ok(3) + "xxx");
  ASSERT_EQ(recorder.finished.size(), 3u);
  EXPECT_EQ(recorder.finished.back().path, "/after");
  EXPECT_EQ(last().response_body_bytes, 3u);
}

TEST_F(FlowsTest, ALostAnswerLosesItsRequestOnly) {
  open_and_settle();
  kernel->ask(kGet);
  kernel->lose_next = true;
  kernel->answer(ok(0));
  kernel->ask("GET /b HTTP/1.1\r\n\r\n");
  kernel->answer(ok(7) + "1234567");
  EXPECT_EQ(counters().requests_lost, 1u);
  EXPECT_EQ(counters().holes_lost, 1u);
  EXPECT_EQ(counters().holes_cut, 0u);
  ASSERT_EQ(recorder.finished.size(), 2u);
  EXPECT_EQ(recorder.finished.back().path, "/b");
  EXPECT_EQ(recorder.advice.size(), 1u);  // no policy helps against losses
}

TEST_F(FlowsTest, ALostRequestLeavesAnAnswerUnpaired) {
  open_and_settle();
  kernel->lose_next = true;
  kernel->ask(kGet);
  kernel->answer(ok(0));
  EXPECT_EQ(counters().answers_unpaired, 1u);
  kernel->ask("GET /b HTTP/1.1\r\n\r\n");
  kernel->answer(ok(7) + "1234567");
  EXPECT_EQ(counters().holes_lost, 1u);
  EXPECT_EQ(counters().requests_lost, 0u);
  ASSERT_EQ(recorder.finished.size(), 2u);
  EXPECT_EQ(recorder.finished.back().path, "/b");
}

TEST_F(FlowsTest, LostRecordsWithinABodyDoNoHarm) {
  kernel->open();
  kernel->ask(kGet);
  kernel->answer(ok(3000) + std::string(1000, 'x'));
  kernel->lose_next = true;
  kernel->answer(std::string(1000, 'x'));
  kernel->answer(std::string(1000, 'x'));
  ASSERT_EQ(recorder.finished.size(), 1u);
  EXPECT_EQ(last().response_body_bytes, 3000u);
  EXPECT_TRUE(last().response_body_known);
  EXPECT_EQ(counters().holes_lost, 0u);
}

TEST_F(FlowsTest, AnAnswerThatOvertakesItsRequestWaitsForIt) {
  start({});
  kernel = std::make_unique<Kernel>(*flows, recorder, Role::kClient);
  kernel->open();
  for (int i = 0; i < 3; ++i) {
    kernel->delay_next = true;
    kernel->ask(kGet);
    kernel->answer(ok(20) + "0123456789");
    kernel->answer("0123456789");
    EXPECT_EQ(recorder.finished.size(), static_cast<size_t>(i));
    kernel->flush();
    ASSERT_EQ(recorder.finished.size(), static_cast<size_t>(i) + 1);
    EXPECT_EQ(last().response_body_bytes, 20u);
  }
  EXPECT_EQ(counters().answers_unpaired, 0u);
}

TEST_F(FlowsTest, AnAnswerThatOvertakesItsRequestWaitsAlsoAfterAHarmlessLoss) {
  start({});
  kernel = std::make_unique<Kernel>(*flows, recorder, Role::kClient);
  kernel->open();
  kernel->ask(kGet);
  kernel->answer(ok(3000) + std::string(1000, 'x'));
  kernel->lose_next = true;
  kernel->answer(std::string(1000, 'x'));
  kernel->answer(std::string(1000, 'x'));
  kernel->delay_next = true;
  kernel->ask(kGet);
  kernel->answer(ok(0));
  kernel->flush();
  EXPECT_EQ(recorder.finished.size(), 2u);
  EXPECT_EQ(counters().answers_unpaired, 0u);
}

TEST_F(FlowsTest, AnAnswerThatTheKernelSideSawFirstWaitsForItsRequest) {
  start({});
  kernel = std::make_unique<Kernel>(*flows, recorder, Role::kClient);
  kernel->obey = false;
  kernel->open();
  exchange(*kernel);
  kernel->answer(ok(2) + "xx");
  kernel->ask("GET /b HTTP/1.1\r\n\r\n");
  ASSERT_EQ(recorder.finished.size(), 2u);
  EXPECT_EQ(recorder.finished[1].path, "/b");
  EXPECT_EQ(last().response_body_bytes, 2u);
  EXPECT_GE(last().end_ns, last().start_ns);
  kernel->ask("GET /c HTTP/1.1\r\n\r\n");
  kernel->answer(ok(3) + "xxx");
  ASSERT_EQ(recorder.finished.size(), 3u);
  EXPECT_EQ(recorder.finished[2].path, "/c");
  EXPECT_EQ(last().response_body_bytes, 3u);
}

TEST_F(FlowsTest, AnAnswerNobodyAskedForIsNotTakenForTheNextRequests) {
  open_and_settle();
  kernel->answer(ok(2) + "xx");
  kernel->now += 5'000'000'000;
  kernel->ask("GET /b HTTP/1.1\r\n\r\n");
  kernel->answer(ok(3) + "xxx");
  EXPECT_EQ(counters().answers_unpaired, 1u);
  ASSERT_EQ(recorder.finished.size(), 2u);
  EXPECT_EQ(last().response_body_bytes, 3u);
}

TEST_F(FlowsTest, AnAnswerHeldForARequestThatNeverComesIsUnpaired) {
  open_and_settle();
  kernel->delay_next = true;
  kernel->ask(kGet);
  kernel->answer(ok(0));
  EXPECT_EQ(counters().answers_unpaired, 0u);
  kernel->close();
  EXPECT_EQ(counters().answers_unpaired, 1u);
}

TEST_F(FlowsTest, ARecordSeenTwiceCountsOnce) {
  kernel->open();
  const std::string text = kGet;
  DataMoved event;
  event.connection = ConnectionId{1};
  event.new_turn = true;
  event.state.turn = 1;
  event.bytes = static_cast<uint32_t>(text.size());
  event.captured = {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
  flows->on(event);
  flows->on(event);
  EXPECT_EQ(counters().requests_begun, 1u);
  // One that overlaps brings only what is new.
  const std::string more = text + "GET /b HTTP/1.1\r\n\r\n";
  event.bytes = static_cast<uint32_t>(more.size());
  event.captured = {reinterpret_cast<const uint8_t*>(more.data()), more.size()};
  flows->on(event);
  EXPECT_EQ(counters().requests_begun, 2u);
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

TEST_F(FlowsTest, AnEndpointThatNobodyClaimsIsSwitchedOffAtTheThirdConnection) {
  for (uint64_t id = 1; id <= 4; ++id) {
    Kernel other(*flows, recorder, Role::kServer, id);
    other.open();
    other.ask("\x16\x03\x01");
    other.close();
  }
  ASSERT_EQ(recorder.advice.size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(recorder.advice[i].policy.mode, PolicyMode::kOff);
    EXPECT_EQ(recorder.advice[i].learn, i == 2) << i;
  }
  EXPECT_EQ(counters().unclassified, 4u);
}

TEST_F(FlowsTest, AnEndpointThatWasOnceClaimedIsNeverSwitchedOff) {
  open_and_settle();
  for (uint64_t id = 2; id <= 6; ++id) {
    Kernel other(*flows, recorder, Role::kServer, id);
    other.open();
    other.ask("\x16\x03\x01");
    EXPECT_FALSE(recorder.advice.back().learn);
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

}  // namespace
}  // namespace sonde::test
