// SPDX-License-Identifier: Apache-2.0
// Flows and what the connections of an endpoint have in common: short cuts that must never show.
#include <deque>
#include <random>

#include "tests/support/flows_fixture.h"
#include "userspace/flows/habits.h"

namespace sonde::test {
namespace {

// Notes each exchange that may come again, and takes the flow's word that it did.
class Noting : public Recorder {
 public:
  void request(const Request& request, const ConnectionFacts& connection) override {
    Recorder::request(request, connection);
    if (request.repeat != nullptr) {
      *request.repeat = {.note = &noted_.emplace_back(finished.back()), .version = 1};
    }
  }
  bool repeated(const Request& request, const ConnectionFacts& /*connection*/) override {
    Finished again = *static_cast<Finished*>(request.repeat->note);
    again.request = request;
    finished.push_back(std::move(again));
    ++short_cuts;
    return true;
  }

  size_t short_cuts = 0;

 private:
  std::deque<Finished> noted_;
};

// Short connections of several endpoints. Heads repeat themselves, and are of few lengths.
void speak(Recorder& recorder, uint32_t seed) {
  Flows flows(recorder, {});
  std::minstd_rand random(seed);
  const auto one_of = [&](uint32_t count) { return static_cast<uint32_t>(random() % count); };
  for (uint64_t id = 1; id <= 2000; ++id) {
    Kernel end(flows, recorder, one_of(2) == 0 ? Role::kServer : Role::kClient, id);
    end.now += id * 100'000'000;
    end.local_host = static_cast<uint8_t>(1 + one_of(2));
    end.local_port = static_cast<uint16_t>(8080 + one_of(2));
    end.remote_port = static_cast<uint16_t>(9090 + one_of(2));
    end.open();
    for (uint32_t left = one_of(3); left != UINT32_MAX; --left) {
      const std::string path = one_of(9) == 0 ? "/" + std::to_string(one_of(3)) : "/0";
      const bool head = one_of(12) == 0;
      const std::string host = one_of(9) == 0 ? "" : "Host: shop\r\n";
      end.ask((head ? "HEAD " : "GET ") + path + " HTTP/1.1\r\n" + host + "\r\n");
      const std::string status = one_of(9) == 0 ? "404" : "200";
      end.answer("HTTP/1.1 " + status + " OK\r\nContent-Length: 3\r\n\r\n" + (head ? "" : "abc"));
    }
    end.close();
  }
  EXPECT_TRUE(balances(flows));
}

TEST(Habits, AShortCutLeadsToTheSamePlace) {
  for (const uint32_t seed : {1u, 2u, 3u}) {
    Recorder plain;
    Noting noting;
    speak(plain, seed);
    speak(noting, seed);
    EXPECT_GT(noting.short_cuts, noting.finished.size() / 4);
    ASSERT_EQ(noting.finished.size(), plain.finished.size());
    for (size_t i = 0; i < plain.finished.size(); ++i) {
      const Finished& a = plain.finished[i];
      const Finished& b = noting.finished[i];
      ASSERT_EQ(a.values, b.values) << i;
      ASSERT_EQ(a.path, b.path) << i;
      ASSERT_EQ(a.request.connection, b.request.connection);
      ASSERT_EQ(a.request.failed, b.request.failed);
      ASSERT_EQ(a.request.response_body_bytes, b.request.response_body_bytes);
    }
  }
}

TEST_F(FlowsTest, TheThirdConnectionOfAnEndpointIsKnownByHeart) {
  Noting noting;
  Flows own(noting, {});
  for (uint64_t id = 1; id <= 20; ++id) {
    Kernel end(own, noting, Role::kServer, id);
    end.remote_port = static_cast<uint16_t>(40000 + id);
    end.open();
    exchange(end);
    end.close();
  }
  EXPECT_EQ(noting.finished.size(), 20u);
  EXPECT_EQ(noting.short_cuts, 17u);  // parsed twice, handed over with a slot once
  EXPECT_EQ(noting.finished.back().value("server.address"), "shop");
  EXPECT_EQ(noting.finished.back().path, "/a");
}

TEST_F(FlowsTest, WhatEndsAConnectionIsToldOfOnesKnownByHeartToo) {
  for (uint64_t id = 1; id <= 5; ++id) {
    Kernel end(*flows, recorder, Role::kServer, id);
    end.open();
    exchange(end);
    end.close();
  }
  Kernel end(*flows, recorder, Role::kServer, 6);
  end.open();
  end.ask(kGet);
  end.close(true);
  ASSERT_EQ(recorder.finished.size(), 6u);
  EXPECT_EQ(last().outcome, Outcome::kReset);
  EXPECT_EQ(recorder.finished.back().value("error.type"), "reset");
}

TEST_F(FlowsTest, AnotherProtocolAtAKnownEndpointIsNotClaimed) {
  for (uint64_t id = 1; id <= 5; ++id) {
    Kernel end(*flows, recorder, Role::kServer, id);
    end.open();
    exchange(end);
    end.close();
  }
  Kernel end(*flows, recorder, Role::kServer, 6);
  end.open();
  end.ask("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
  EXPECT_EQ(counters().unclassified, 1u);
}

ConnectionFacts facts(uint16_t port, uint32_t network_namespace, Role role) {
  ConnectionFacts made;
  made.role = role;
  made.local = made.remote = {.bytes = {10, 0, 0, 1}, .port = port, .family = 4};
  made.network_namespace = network_namespace;
  return made;
}

TEST(Habits, APlaceIsOneEndpointsAtATime) {
  Habits habits;
  const Habits::Hold first = habits.of(facts(80, 1, Role::kServer));
  ASSERT_NE(first.get(), nullptr);
  first.get()->head_bytes[0] = 77;
  EXPECT_EQ(habits.of(facts(80, 1, Role::kServer)).get(), first.get());
  // The two ends on one host do not get in each other's way.
  EXPECT_NE(habits.of(facts(80, 1, Role::kClient)).get(), first.get());
  EXPECT_EQ(first.get()->head_bytes[0], 77u);
  for (uint32_t i = 2; i < 100 * Habits::kPlaces; ++i) {
    const Habits::Hold other = habits.of(facts(80, i, Role::kServer));
    ASSERT_NE(other.get(), nullptr);
    EXPECT_EQ(other.get()->head_bytes[0], 0u);
  }
  EXPECT_EQ(first.get(), nullptr);
}

TEST(Habits, WhoIsNotKnownHasNone) {
  Habits habits;
  EXPECT_EQ(habits.of(facts(80, 1, Role::kUnknown)).get(), nullptr);
  EXPECT_EQ(habits.of(facts(0, 1, Role::kServer)).get(), nullptr);
  ConnectionFacts pair = facts(0, 1, Role::kServer);
  pair.local = pair.remote = {.bytes = {}, .port = 0, .family = kUnixFamily};
  EXPECT_EQ(habits.of(pair).get(), nullptr);
}

}  // namespace
}  // namespace sonde::test
