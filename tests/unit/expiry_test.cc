// SPDX-License-Identifier: Apache-2.0
// What nobody uses leaves, memory with it; what is in use never does; totals never suffer.
#include <gtest/gtest.h>
#include <malloc.h>

#include <string>

#include "tests/support/toy_schema.h"
#include "userspace/pipeline/red.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SONDE_SANITIZED 1
#endif

namespace sonde {
namespace {

using toy::request;
using toy::service;

constexpr uint64_t kSecond = 1'000'000'000;

std::vector<MetricFamily> snapshot(const RedMetrics& red, uint64_t wall_offset_ns = 0) {
  std::vector<MetricFamily> out;
  red.snapshot(out, {.wall_offset_ns = wall_offset_ns});
  return out;
}

uint64_t total(const RedMetrics& red) { return toy::total(snapshot(red), {"toy.server.duration"}); }

Request at(uint64_t now_ns, std::string_view verb = "GET") {
  Request r = request(verb);
  r.start_ns = now_ns;
  r.first_response_ns = now_ns;
  r.end_ns = now_ns;
  return r;
}

TEST(SnapshotClock, DriftIsLeftAloneASettingIsFollowed) {
  SnapshotClock clock;
  EXPECT_EQ(clock.wall_ns(5 * kSecond), 0u);
  clock.follow(1000 * kSecond, 100 * kSecond);
  EXPECT_EQ(clock.wall_ns(100 * kSecond), 1000 * kSecond);
  clock.follow(1101 * kSecond, 200 * kSecond);
  EXPECT_EQ(clock.wall_ns(200 * kSecond), 1100 * kSecond);
  clock.follow(4700 * kSecond, 200 * kSecond);  // an hour ahead
  EXPECT_EQ(clock.wall_ns(200 * kSecond), 4700 * kSecond);
  clock.follow(150 * kSecond, 200 * kSecond);  // and back, before the machine was started
  EXPECT_EQ(clock.wall_ns(200 * kSecond), 150 * kSecond);
}

TEST(IdleClock, NeverIsNever) {
  IdleClock clock(0);
  for (uint64_t now = 0; now < 1000; ++now) {
    EXPECT_FALSE(clock.advance(now * kSecond));
  }
  EXPECT_FALSE(clock.idle(0));
}

TEST(IdleClock, IdleIsWhatWasNotUsedForTheTime) {
  IdleClock clock(40 * kSecond);
  uint64_t now = 7 * kSecond;
  clock.advance(now);
  const uint32_t used = clock.now();
  uint64_t waited = 0;
  while (!clock.idle(used)) {
    now += kSecond;
    waited += kSecond;
    clock.advance(now);
    ASSERT_LE(waited, 60 * kSecond);
  }
  EXPECT_GE(waited, 40 * kSecond);
}

TEST(IdleClock, ALongSilenceIsOneTick) {
  IdleClock clock(40 * kSecond);
  clock.advance(kSecond);
  const uint32_t used = clock.now();
  clock.advance(100'000 * kSecond);
  EXPECT_FALSE(clock.idle(used)) << "it may have been used all the while";
}

TEST(Expiry, IdleSeriesLeaveAndBeginAnew) {
  RedMetrics red({.idle_ns = 40 * kSecond});
  const ServiceRef cart = service("cart");
  uint64_t now = kSecond;
  red.advance(now);
  Series* busy = red.add(at(now, "GET"), cart).series;
  red.add(at(now, "PUT"), cart);
  const uint64_t version = red.version();
  for (int i = 0; i < 100; ++i) {
    red.advance(now += kSecond);
    red.add_again(*busy, at(now, "GET"));  // the short way only
  }
  EXPECT_EQ(red.series(), 1u);
  EXPECT_EQ(red.counters().expired, 1u);
  EXPECT_NE(red.version(), version) << "who noted the series must know";
  EXPECT_EQ(total(red), 101u);
  red.add(at(now, "PUT"), cart);
  EXPECT_EQ(total(red), 102u) << "it counts from 0 again";
  const auto all = snapshot(red, 5000 * kSecond);
  for (const MetricPoint& point : toy::family(all, "toy.server.duration")->points) {
    EXPECT_EQ(point.start_wall_ns,
              5000 * kSecond + (toy::label(point, "toy.verb") == "GET" ? kSecond : now));
  }
}

TEST(Expiry, ServicesLeaveWithTheirLastSeries) {
  RedMetrics red({.max_services = 2, .idle_ns = 4 * kSecond});
  uint64_t now = kSecond;
  red.advance(now);
  red.add(at(now), service("a"));
  red.add(at(now), service("b"));
  red.add(at(now), service("c"));  // one too many
  EXPECT_EQ(red.services().size(), 2u);
  EXPECT_EQ(red.counters().overflowed, 1u);
  for (int i = 0; i < 10; ++i) {
    red.advance(now += kSecond);
    red.add(at(now), service("b"));
  }
  ASSERT_EQ(red.services().size(), 1u);
  EXPECT_EQ(red.services()[0]->name, "b");
  EXPECT_EQ(red.counters().services_expired, 1u);
  red.add(at(now), service("c"));
  EXPECT_EQ(red.services().size(), 2u) << "now there is room";
  EXPECT_EQ(red.counters().overflowed, 1u);
}

TEST(Expiry, RoutesAreLearnedAnew) {
  RedMetrics red({.idle_ns = 4 * kSecond});
  const ServiceRef cart = service("cart");
  uint64_t now = kSecond;
  red.advance(now);
  for (int i = 0; i < 100; ++i) {
    Request r = at(now);
    const std::string path = "/p/" + std::string(static_cast<size_t>(i % 34 + 1), 'x');
    r.path = path;
    red.add(r, cart);
  }
  for (int i = 0; i < 20; ++i) {
    red.advance(now += kSecond);
  }
  EXPECT_TRUE(red.services().empty());
  Request r = at(now);
  r.path = "/p/x";
  const Series* series = red.add(r, cart).series;
  EXPECT_EQ(series->labels->back().second, "/p/x") << "the place takes words again";
}

// The short cut by the service's address must not lead to what has left.
TEST(Expiry, NoShortCutLeadsToWhatHasLeft) {
  RedMetrics red({.idle_ns = 4 * kSecond});
  uint64_t now = kSecond;
  uint64_t sent = 0;
  red.advance(now);
  for (int round = 0; round < 200; ++round) {
    for (int i = 0; i < 5; ++i, ++sent) {
      red.add(at(now, "V" + std::to_string((round / 10 + i) % 13)), service("cart"));
    }
    red.advance(now += kSecond);
  }
  EXPECT_EQ(red.counters().counted, sent);
  EXPECT_GT(red.counters().expired, 10u);
}

// A million label sets over time, as a scanner would make them: never more than the caps allow, and
// when they are over nothing of them is left.
TEST(Expiry, AMillionLabelSetsComeAndGo) {
  const RedLimits limits{.max_series = 2'000,
                         .max_series_of_service = 500,
                         .max_services = 50,
                         .max_active = 200,
                         .max_active_of_service = 20,
                         .idle_ns = 40 * kSecond};
  RedMetrics red(limits);
  uint64_t now = kSecond;
  red.advance(now);
  std::vector<ServiceRef> services;
  uint64_t gone_with_series = 0;
  uint64_t before = 0;
  constexpr uint64_t kSets = 1'000'000;
  for (uint64_t i = 0; i < kSets; ++i) {
    if (i % 10'000 == 0) {
      services.push_back(service("svc" + std::to_string(i / 10'000)));
    }
    const ServiceRef& each =
        services[services.size() - 1 - i % std::min<size_t>(4, services.size())];
    red.add(at(now, "V" + std::to_string(i)), each);
    if (i % 100 == 0) {
      now += kSecond / 10;  // 1,000 a second
      before = red.counters().expired;
      red.advance(now);
      gone_with_series += red.counters().expired - before;
    }
    ASSERT_LE(red.series(), limits.max_series + 1);
    ASSERT_LE(red.active_groups(), limits.max_active + 1);
    ASSERT_LE(red.services().size(), limits.max_services);
  }
  const RedCounters& counters = red.counters();
  EXPECT_EQ(counters.seen, kSets);
  EXPECT_EQ(counters.counted + counters.overflowed, kSets);
  EXPECT_GT(counters.counted, limits.max_series * 5) << "room is used again and again";
  EXPECT_EQ(gone_with_series, counters.expired);
  EXPECT_GT(counters.services_expired, 50u);
  services.clear();
  for (int i = 0; i < 20; ++i) {
    red.advance(now += 10 * kSecond);
  }
  EXPECT_EQ(red.series(), 0u);
  EXPECT_EQ(red.active_groups(), 0u);
  EXPECT_TRUE(red.services().empty());
  EXPECT_TRUE(snapshot(red).empty());
}

#ifndef SONDE_SANITIZED
TEST(Expiry, MemoryComesBack) {
  RedMetrics red({.max_series = 20'000, .max_series_of_service = 20'000, .idle_ns = 4 * kSecond});
  const ServiceRef cart = service("cart");
  uint64_t now = kSecond;
  red.advance(now);
  const size_t empty = mallinfo2().uordblks;
  for (int i = 0; i < 10'000; ++i) {
    red.add(at(now, "V" + std::to_string(i)), cart);
  }
  const size_t full = mallinfo2().uordblks;
  RecordProperty("bytes_per_series", static_cast<int>((full - empty) / 10'000));
  EXPECT_GT(full - empty, 10'000u * 500);
  for (int i = 0; i < 20; ++i) {
    red.advance(now += kSecond);
  }
  EXPECT_LT(mallinfo2().uordblks, empty + (full - empty) / 20);
}
#endif

}  // namespace
}  // namespace sonde
