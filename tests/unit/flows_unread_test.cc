// SPDX-License-Identifier: Apache-2.0
// Flows under restraint: turns that are counted, not read, are exchanges of which nobody knows what
// they said; what was read of them stays known.
#include "tests/support/flows_fixture.h"

namespace sonde::test {
namespace {

class FlowsUnreadTest : public FlowsTest {
 protected:
  const Finished& done(size_t i) const { return recorder.finished.at(i); }
  std::string status(size_t i) const { return done(i).value("http.response.status_code"); }
  std::string route(size_t i) const { return done(i).value("http.route"); }
};

TEST_F(FlowsUnreadTest, TurnsAreExchangesOfUnknownRouteAndStatus) {
  open_and_settle();
  kernel->restraint = Restraint::kCount;
  const uint64_t before = kernel->captured;
  for (int i = 0; i < 3; ++i) {
    exchange(*kernel, 5000);
  }
  kernel->close();
  EXPECT_EQ(kernel->captured, before);
  ASSERT_EQ(recorder.finished.size(), 4u);
  EXPECT_FALSE(done(0).request.unread);
  for (size_t i = 1; i < 4; ++i) {
    EXPECT_TRUE(done(i).request.unread);
    EXPECT_FALSE(done(i).request.failed);
    EXPECT_EQ(done(i).request.outcome, Outcome::kComplete);
    EXPECT_EQ(status(i), "unknown");
    EXPECT_EQ(route(i), "unknown");
    EXPECT_EQ(done(i).value("http.request.method"), "_OTHER");
    EXPECT_EQ(done(i).path, "");
    EXPECT_FALSE(done(i).request.request_body_known);
    EXPECT_FALSE(done(i).request.response_body_known);
  }
  EXPECT_EQ(counters().requests_unread, 3u);
  EXPECT_EQ(counters().requests_lost, 0u);
  EXPECT_EQ(recorder.advice.size(), 1u);  // they teach nothing
}

TEST_F(FlowsUnreadTest, TheirTimesAreThoseOfTheTurns) {
  open_and_settle();
  kernel->restraint = Restraint::kCount;
  kernel->ask(kGet);
  const uint64_t start = kernel->now;
  kernel->now += 5'000'000;
  kernel->answer(ok(9));
  const uint64_t first = kernel->now;
  kernel->now += 3'000'000;
  kernel->answer("123456789");
  const uint64_t end = kernel->now;
  kernel->now += 1'000'000;
  kernel->ask(kGet);
  ASSERT_EQ(recorder.finished.size(), 2u);
  EXPECT_EQ(last().start_ns, start);
  EXPECT_EQ(last().first_response_ns, first);
  EXPECT_EQ(last().end_ns, end);
}

TEST_F(FlowsUnreadTest, WhatWasReadBeforeStaysKnown) {
  open_and_settle();
  kernel->ask(kGet);
  kernel->restraint = Restraint::kCount;
  kernel->answer(ok(0));
  kernel->ask(kGet);
  kernel->restraint = Restraint::kNone;
  kernel->answer("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n");
  exchange(*kernel);
  ASSERT_EQ(recorder.finished.size(), 4u);
  EXPECT_EQ(done(1).path, "/a");
  EXPECT_EQ(status(1), "unknown");
  EXPECT_EQ(route(1), "");  // learned from the path
  EXPECT_TRUE(done(1).request.unread);
  EXPECT_EQ(status(2), "503");
  EXPECT_EQ(route(2), "unknown");
  EXPECT_TRUE(done(2).request.failed);
  EXPECT_EQ(status(3), "200");
  EXPECT_FALSE(done(3).request.unread);
  EXPECT_EQ(counters().requests_lost, 0u);
}

// A sweep's word comes at once, while what came before it may still wait in the ring.
TEST_F(FlowsUnreadTest, ASweepThatOvertakesTurnsLosesNone) {
  open_and_settle();
  kernel->restraint = Restraint::kCount;
  exchange(*kernel);
  kernel->delay_next = true;
  kernel->ask(kGet);
  kernel->delay_next = true;
  kernel->answer(ok(9));
  kernel->answer("123456789");
  const uint64_t end = kernel->now;
  kernel->sweep();
  kernel->flush();
  exchange(*kernel);
  kernel->close();
  EXPECT_EQ(counters().requests_lost, 0u);
  ASSERT_EQ(recorder.finished.size(), 4u);
  EXPECT_EQ(done(2).request.end_ns, end);
  EXPECT_EQ(done(2).request.outcome, Outcome::kComplete);
}

TEST_F(FlowsUnreadTest, NewConnectionsAreKnownByALook) {
  kernel->restraint = Restraint::kCount;
  kernel->open();
  exchange(*kernel);
  exchange(*kernel);
  kernel->close();
  EXPECT_EQ(recorder.finished.size(), 2u);
  EXPECT_LE(kernel->captured, 4 * Kernel::kLookBytes);
}

TEST_F(FlowsUnreadTest, OrByWhatTheirEndpointSpeaks) {
  open_and_settle();
  for (uint64_t id = 2; id < 5; ++id) {
    Kernel later(*flows, recorder, Role::kServer, id);
    later.now = kernel->now + 2'000'000'000;
    later.policy = recorder.advice[0].policy;  // a head: no look is taken
    later.restraint = Restraint::kCount;
    later.open();
    exchange(later);
    later.close();
    EXPECT_EQ(later.captured, 0u);
  }
  EXPECT_EQ(recorder.finished.size(), 4u);
  EXPECT_EQ(counters().turns_unread_unknown, 0u);
}

TEST_F(FlowsUnreadTest, WhatNobodyKnowsIsNoExchange) {
  kernel->policy = {.mode = PolicyMode::kHead, .head = {4096, 4096}};
  kernel->obey = false;
  kernel->restraint = Restraint::kCount;
  kernel->open();
  exchange(*kernel);
  EXPECT_EQ(counters().turns_unread_unknown, 2u);
  kernel->restraint = Restraint::kNone;
  exchange(*kernel);
  ASSERT_EQ(recorder.finished.size(), 1u);
  EXPECT_EQ(status(0), "200");
}

TEST_F(FlowsUnreadTest, ARequestThatNobodyAnsweredIsOneAtTheEnd) {
  open_and_settle();
  kernel->restraint = Restraint::kCount;
  kernel->ask(kGet);
  kernel->close(true);
  ASSERT_EQ(recorder.finished.size(), 2u);
  EXPECT_EQ(last().outcome, Outcome::kReset);
  EXPECT_EQ(done(1).value("error.type"), "reset");
}

TEST_F(FlowsUnreadTest, AHeadThatWasBegunIsNotMixedWithWhatComesLater) {
  open_and_settle();
  kernel->ask("GET /half HTT");
  kernel->answer("HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n");
  kernel->restraint = Restraint::kCount;
  exchange(*kernel);
  kernel->restraint = Restraint::kNone;
  exchange(*kernel);
  EXPECT_EQ(status(recorder.finished.size() - 1), "200");
  EXPECT_EQ(done(recorder.finished.size() - 1).path, "/a");
}

TEST_F(FlowsUnreadTest, HeadsOnlyLosesSizesOfFramedBodiesAndNothingElse) {
  kernel->open();
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
                              ("3000\r\n" + std::string(0x3000, 'x')) + "\r\n0\r\n\r\n";
  kernel->ask(kGet);
  kernel->answer(chunked);
  kernel->restraint = Restraint::kHeads;
  for (int i = 0; i < 3; ++i) {
    kernel->ask(kGet);
    kernel->answer(chunked);
  }
  kernel->close();
  ASSERT_EQ(recorder.finished.size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(status(i), "200");
    EXPECT_FALSE(done(i).request.unread);
    EXPECT_EQ(done(i).request.response_body_known, i == 0);
  }
  EXPECT_EQ(counters().requests_lost, 0u);
}

}  // namespace
}  // namespace sonde::test
