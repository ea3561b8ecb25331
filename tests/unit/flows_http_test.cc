// SPDX-License-Identifier: Apache-2.0
// Flows and the turns an HTTP exchange may take: interim answers, early ones, other protocols
// behind it, ends in the middle, bodies of any size.
#include <set>

#include "tests/support/flows_fixture.h"
#include "userspace/flows/server_names.h"

namespace sonde::test {
namespace {

constexpr uint64_t kGiB = uint64_t{1} << 30;

std::string put(uint64_t body, const std::string& extra = "") {
  return "PUT /up HTTP/1.1\r\nHost: shop\r\n" + extra + "Content-Length: " + std::to_string(body) +
         "\r\n\r\n";
}

TEST_F(FlowsTest, TheFirstByteOfTheAnswerIsTheFinalAnswers) {
  kernel->open();
  kernel->ask(put(4, "Expect: 100-continue\r\n"));
  const uint64_t start = kernel->now;
  kernel->answer("HTTP/1.1 100 Continue\r\n\r\n");
  kernel->ask("body");
  kernel->answer("HTTP/1.1 103 Early Hints\r\n\r\n");
  EXPECT_EQ(recorder.finished.size(), 0u);
  EXPECT_EQ(flows->in_flight(), 1u);
  kernel->answer(ok(2));
  const uint64_t first = kernel->now;
  kernel->answer("ok");
  ASSERT_EQ(recorder.finished.size(), 1u);
  EXPECT_EQ(last().start_ns, start);
  EXPECT_EQ(last().first_response_ns, first);
  EXPECT_EQ(last().end_ns, kernel->now);
  EXPECT_EQ(last().request_body_bytes, 4u);
}

TEST_F(FlowsTest, AnInterimAnswerInOneRecordWithTheFinalOneChangesNothing) {
  kernel->open();
  kernel->ask(kGet);
  kernel->answer("HTTP/1.1 103 Early Hints\r\n\r\n" + ok(2) + "ok");
  ASSERT_EQ(recorder.finished.size(), 1u);
  EXPECT_EQ(last().first_response_ns, kernel->now);
  EXPECT_EQ(last().end_ns, kernel->now);
}

TEST_F(FlowsTest, AnUploadBehindALeaveNeedsOnlyHeads) {
  kernel->open();
  for (int i = 0; i < 3; ++i) {
    kernel->ask(put(5 * kGiB, "Expect: 100-continue\r\n"));
    kernel->answer("HTTP/1.1 100 Continue\r\n\r\n");
    for (int k = 0; k < 5; ++k) {
      kernel->ask_unreadable(kGiB);
    }
    kernel->answer(ok(0));
    ASSERT_EQ(recorder.finished.size(), static_cast<size_t>(i) + 1);
    EXPECT_EQ(last().request_body_bytes, 5 * kGiB);
    EXPECT_TRUE(last().request_body_known);
  }
  EXPECT_EQ(counters().holes_cut, 0u);
}

TEST_F(FlowsTest, BodiesOfGigabytesAreExactThoughCut) {
  kernel->open();
  for (size_t i = 1; i <= 3; ++i) {
    kernel->ask(put(9 * kGiB + 1000) + std::string(1000, 'u'));
    for (int k = 0; k < 9; ++k) {
      kernel->ask_unreadable(kGiB);
    }
    kernel->answer(ok(7 * kGiB + 1000) + std::string(1000, 'x'));
    for (int k = 0; k < 7; ++k) {
      kernel->answer_unreadable(kGiB);
    }
    const uint64_t end = kernel->now;
    kernel->sweep();
    ASSERT_EQ(recorder.finished.size(), i);
    EXPECT_EQ(last().request_body_bytes, 9 * kGiB + 1000);
    EXPECT_EQ(last().response_body_bytes, 7 * kGiB + 1000);
    EXPECT_TRUE(last().request_body_known && last().response_body_known);
    EXPECT_EQ(last().end_ns, end);
  }
}

TEST_F(FlowsTest, AnUpgradeEndsTheExchangeAndTheRestIsCounted) {
  open_and_settle();
  kernel->ask("GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n");
  kernel->answer("HTTP/1.1 101 Switching Protocols\r\n\r\n");
  ASSERT_EQ(recorder.finished.size(), 2u);
  EXPECT_EQ(recorder.finished.back().value("http.response.status_code"), "101");
  EXPECT_EQ(last().end_ns, kernel->now);
  EXPECT_EQ(kernel->policy.mode, PolicyMode::kCount);
  EXPECT_FALSE(recorder.advice.back().learn);
  EXPECT_EQ(counters().upgraded, 1u);
  const uint64_t captured = kernel->captured;
  for (int i = 0; i < 10; ++i) {
    kernel->ask(kGet);
    kernel->answer(std::string(1000, 'x'));
    kernel->answer(std::string(1000, 'y'));
  }
  EXPECT_EQ(kernel->captured, captured);
  EXPECT_GE(counters().upgraded_bytes, 9 * (2000 + kGet.size()));
  kernel->close();
  EXPECT_EQ(counters().upgraded_bytes, 10 * (2000 + kGet.size()));
  EXPECT_EQ(recorder.finished.size(), 2u);
  EXPECT_EQ(counters().requests_begun, 2u);
}

TEST_F(FlowsTest, ATunnelsListenerStaysWatched) {
  for (uint64_t id = 1; id <= 5; ++id) {
    Kernel one(*flows, recorder, Role::kServer, id);
    one.open();
    one.ask("CONNECT far:443 HTTP/1.1\r\nHost: far:443\r\n\r\n");
    one.answer("HTTP/1.1 200 Connection established\r\n\r\n");
    one.ask("\x16\x03\x01");
    one.close();
  }
  EXPECT_EQ(recorder.finished.size(), 5u);
  EXPECT_EQ(counters().upgraded, 5u);
  EXPECT_EQ(counters().upgraded_bytes, 15u);
  kernel = std::make_unique<Kernel>(*flows, recorder, Role::kServer, 6);
  kernel->open();
  exchange(*kernel);
  EXPECT_EQ(recorder.finished.size(), 6u);
}

TEST_F(FlowsTest, AnEarlyAnswerWaitsForItsRequestsEnd) {
  open_and_settle();
  kernel->ask(put(3'000'000) + std::string(1000, 'u'));
  kernel->answer(ok(5) + "early");
  const uint64_t end = kernel->now;
  EXPECT_EQ(recorder.finished.size(), 1u);
  EXPECT_TRUE(flows->wants_sweep());
  kernel->ask_unreadable(1'000'000);
  kernel->sweep();
  EXPECT_EQ(recorder.finished.size(), 1u);
  kernel->ask_unreadable(1'999'000);
  kernel->sweep();
  ASSERT_EQ(recorder.finished.size(), 2u);
  EXPECT_EQ(last().end_ns, end);
  EXPECT_EQ(last().request_body_bytes, 3'000'000u);
  EXPECT_EQ(last().response_body_bytes, 5u);
  EXPECT_FALSE(flows->wants_sweep());
}

TEST_F(FlowsTest, AnEarlyAnswerWhoseRequestNeverEndsCountsWhatMoved) {
  for (const bool reset : {false, true}) {
    start({});
    kernel->open();
    kernel->ask(put(3'000'000));
    kernel->ask_unreadable(500'000);
    kernel->answer("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
    kernel->ask_unreadable(500'000);
    kernel->close(reset);
    EXPECT_EQ(last().outcome, Outcome::kComplete);
    EXPECT_EQ(recorder.finished.back().value("error.type"), "");
    EXPECT_EQ(last().request_body_bytes, 1'000'000u);
    EXPECT_TRUE(last().request_body_known);
    EXPECT_TRUE(balances(*flows));
    EXPECT_EQ(counters().requests_finished, 1u);
  }
}

TEST_F(FlowsTest, AnEarlyAnswerOnAnEvictedConnectionIsLost) {
  start({.max_connections = 1});
  kernel->open();
  kernel->ask(put(3'000'000));
  kernel->answer(ok(0));
  Kernel other(*flows, recorder, Role::kServer, 2);
  other.open();
  EXPECT_EQ(counters().requests_lost, 1u);
  EXPECT_EQ(recorder.finished.size(), 0u);
}

TEST_F(FlowsTest, AResetInTheMiddleTellsWhatMoved) {
  kernel->open();
  kernel->ask(kGet);
  kernel->answer(ok(5 * kGiB));
  for (int i = 0; i < 3; ++i) {
    kernel->answer_unreadable(kGiB);
  }
  kernel->close(true);
  ASSERT_EQ(recorder.finished.size(), 1u);
  EXPECT_EQ(last().outcome, Outcome::kReset);
  EXPECT_EQ(recorder.finished[0].value("error.type"), "reset");
  EXPECT_EQ(recorder.finished[0].value("http.response.status_code"), "200");
  EXPECT_EQ(last().response_body_bytes, 3 * kGiB);
  EXPECT_TRUE(last().response_body_known);
}

TEST_F(FlowsTest, AResetInTheMiddleOfARequestTellsWhatMoved) {
  kernel->open();
  kernel->ask(put(5 * kGiB));
  kernel->ask_unreadable(2 * kGiB);
  kernel->close(true);
  ASSERT_EQ(recorder.finished.size(), 1u);
  EXPECT_EQ(recorder.finished[0].value("error.type"), "reset");
  EXPECT_EQ(last().request_body_bytes, 2 * kGiB);
  EXPECT_EQ(last().first_response_ns, 0u);
}

TEST_F(FlowsTest, AnAnswerLostBehindALeaveDoesNotLoseItsRequest) {
  open_and_settle();
  kernel->ask(put(5000, "Expect: 100-continue\r\n"));
  kernel->lose_next = true;
  kernel->answer("HTTP/1.1 100 Continue\r\n\r\n");
  kernel->ask(std::string(5000, 'u'));
  kernel->answer(ok(3) + "abc");
  EXPECT_EQ(counters().requests_lost, 0u);
  ASSERT_EQ(recorder.finished.size(), 2u);
  EXPECT_EQ(last().request_body_bytes, 5000u);
  EXPECT_EQ(last().response_body_bytes, 3u);
}

TEST_F(FlowsTest, WhatStandsBehindADoubtfulRequestIsNoRequest) {
  open_and_settle();
  kernel->ask(
      "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + kGet +
      kGet);
  kernel->answer(ok(1) + "x");
  EXPECT_EQ(counters().requests_begun, 2u);
  EXPECT_EQ(counters().framing_doubtful, 1u);
  exchange(*kernel);
  EXPECT_EQ(recorder.finished.size(), 3u);
}

TEST_F(FlowsTest, AListenerIsCalledByOnlySoManyNames) {
  kernel->open();
  std::set<std::string> names;
  for (int i = 0; i < 1000; ++i) {
    kernel->ask("GET / HTTP/1.1\r\nHost: h" + std::to_string(i) + ":" + std::to_string(1000 + i) +
                "\r\n\r\n");
    kernel->answer(ok(0));
    names.insert(recorder.finished.back().value("server.address") + ":" +
                 recorder.finished.back().value("server.port"));
  }
  EXPECT_EQ(names.size(), ServerNames::kMaxNames + 1);
  EXPECT_TRUE(names.contains("127.0.0.1:8080"));
  EXPECT_EQ(counters().server_names_replaced, 1000 - ServerNames::kMaxNames);
  kernel->ask("GET / HTTP/1.1\r\nHost: h3:1003\r\n\r\n");
  kernel->answer(ok(0));
  EXPECT_EQ(recorder.finished.back().value("server.address"), "h3");
}

TEST_F(FlowsTest, AClientMayCallAsManyServersAsItLikes) {
  kernel = std::make_unique<Kernel>(*flows, recorder, Role::kClient);
  kernel->open();
  for (int i = 0; i < 300; ++i) {
    kernel->ask("GET / HTTP/1.1\r\nHost: h" + std::to_string(i) + "\r\n\r\n");
    kernel->answer(ok(0));
    EXPECT_EQ(recorder.finished.back().value("server.address"), "h" + std::to_string(i));
  }
  EXPECT_EQ(counters().server_names_replaced, 0u);
}

TEST_F(FlowsTest, DetailsAreKeptOnlyIfWanted) {
  for (const bool wanted : {false, true}) {
    start({.keep_details = wanted});
    kernel->open();
    for (int i = 0; i < 4; ++i) {  // parsed, remembered, recalled
      kernel->ask("GET /a?b=c HTTP/1.1\r\nUser-Agent: x/1\r\n\r\n");
      kernel->answer(ok(0));
      EXPECT_EQ(recorder.finished.back().value("url.query"), wanted ? "b=c" : "");
      EXPECT_EQ(recorder.finished.back().value("user_agent.original"), wanted ? "x/1" : "");
      EXPECT_EQ(recorder.finished.back().path, "/a");
    }
  }
}

}  // namespace
}  // namespace sonde::test
