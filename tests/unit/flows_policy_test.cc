// SPDX-License-Identifier: Apache-2.0
// Flows and their advice: what policies cut, what is told late, what is learned.
#include "tests/support/flows_fixture.h"

namespace sonde::test {
namespace {

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

// Beyond the limit of a turn calls are told by their edges: there stand the sizes of the chunks.
TEST_F(FlowsTest, AChunkedAnswerOfAnyLengthIsExactIfItsCallsBeginWithAChunk) {
  kernel->open();
  kernel->ask(kGet);
  kernel->answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 500; ++i) {
    kernel->answer("2710\r\n" + std::string(10'000, 'x') + "\r\n");
  }
  kernel->answer("0\r\n\r\n");
  ASSERT_EQ(recorder.finished.size(), 1u);
  EXPECT_TRUE(last().response_body_known);
  EXPECT_EQ(last().response_body_bytes, 5'000'000u);
  EXPECT_EQ(counters().holes_cut, 0u);
  EXPECT_LT(kernel->captured, 1'500'000u);
}

TEST_F(FlowsTest, AChunkBeyondWhatIsShippedOfItsCallIsExact) {
  kernel->open();
  kernel->ask(kGet);
  kernel->answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  kernel->answer("f4240\r\n" + std::string(1'000'000, 'x') + "\r\n0\r\n\r\n");
  ASSERT_EQ(recorder.finished.size(), 1u);
  EXPECT_TRUE(last().response_body_known);
  EXPECT_EQ(last().response_body_bytes, 1'000'000u);
  EXPECT_EQ(counters().holes_cut, 0u);
  EXPECT_LT(kernel->captured, 70'000u);
}

// Where a chunk's size stands in the middle of such a call, it is not told.
TEST_F(FlowsTest, AChunkedAnswerWithAHiddenChunkEndsWithItsTurn) {
  kernel->open();
  kernel->ask(kGet);
  kernel->answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "3e8\r\n" + std::string(1000, 'x') + "\r\n";
  for (int i = 0; i < 1000; ++i) {
    kernel->answer(chunk + chunk);
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

class FullTest : public FlowsTest {
 protected:
  static constexpr size_t kBody = 1'000'000;

  FullTest() { kernel->open(); }
  void chunked() {
    kernel->ask(kGet);
    kernel->answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  }
  // So many exchanges with bodies of a known length until the policy changes.
  size_t sized_until_advice(size_t most) {
    const size_t before = recorder.advice.size();
    size_t done = 0;
    while (done < most && recorder.advice.size() == before) {
      exchange(*kernel, kBody);
      EXPECT_EQ(last().response_body_bytes, kBody);
      ++done;
    }
    return done;
  }
};

// A little over 64 KiB of each of these answers is shipped: 32 MiB for nothing are too much,
// then 64.
TEST_F(FullTest, IsLeftWhenItWasForNothingForLong) {
  for (const size_t patience : {511, 1021, 2042}) {
    chunked();
    ASSERT_EQ(kernel->policy.mode, PolicyMode::kFull);
    EXPECT_EQ(sized_until_advice(4000), patience);
    EXPECT_EQ(recorder.advice.back().policy.mode, PolicyMode::kHead);
    EXPECT_TRUE(recorder.advice.back().learn);
    ASSERT_EQ(kernel->policy.mode, PolicyMode::kHead);
    const uint64_t shipped = kernel->captured;
    EXPECT_EQ(sized_until_advice(10), 10u) << "it stays so";
    EXPECT_LT(kernel->captured - shipped, 10u * 1000);
  }
  for (const Finished& each : recorder.finished) {
    EXPECT_TRUE(each.request.response_body_known);
  }
  EXPECT_EQ(counters().requests_lost, 0u);
}

TEST_F(FullTest, StaysWhereBothKindsMix) {
  chunked();
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(sized_until_advice(50), 50u);
    chunked();
  }
  EXPECT_EQ(kernel->policy.mode, PolicyMode::kFull);
  EXPECT_EQ(recorder.advice.size(), 1u);
}

TEST_F(FullTest, IsLeftByAllConnectionsOfTheEndpoint) {
  chunked();
  Kernel other(*flows, recorder, Role::kServer, 2);
  other.open();
  other.ask(kGet);
  other.answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  ASSERT_EQ(other.policy.mode, PolicyMode::kFull);
  sized_until_advice(1000);
  ASSERT_EQ(kernel->policy.mode, PolicyMode::kHead);
  exchange(other);
  EXPECT_EQ(other.policy.mode, PolicyMode::kHead);
  EXPECT_FALSE(recorder.advice.back().learn);
}

// The same of pipelining.
TEST_F(FullTest, StaysWhilePipelined) {
  for (int i = 0; i < 400; ++i) {
    kernel->ask(kGet + kGet);
    kernel->answer(ok(20'000) + std::string(20'000, 'x') + ok(20'000) + std::string(20'000, 'x'));
  }
  EXPECT_EQ(recorder.finished.size(), 800u);
  EXPECT_EQ(kernel->policy.mode, PolicyMode::kFull);
  EXPECT_EQ(recorder.advice.size(), 1u);
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

}  // namespace
}  // namespace sonde::test
