// SPDX-License-Identifier: Apache-2.0
// Flows when records are lost, come twice, or in the wrong order.
#include "tests/support/flows_fixture.h"

namespace sonde::test {
namespace {

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

}  // namespace
}  // namespace sonde::test
