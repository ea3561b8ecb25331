// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/red.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "tests/support/toy_schema.h"
#include "userspace/pipeline/label_value.h"

namespace sonde {
namespace {

using toy::family;
using toy::request;
using toy::service;

std::vector<MetricFamily> snapshot(const RedMetrics& red) {
  std::vector<MetricFamily> out;
  red.snapshot(out);
  return out;
}

uint64_t total(const RedMetrics& red) {
  return toy::total(snapshot(red), {"toy.server.duration", "toy.client.duration"});
}

TEST(Red, ServerRequest) {
  RedMetrics red;
  red.add(request(), service("cart"));
  const auto all = snapshot(red);
  ASSERT_EQ(all.size(), 5u);
  const MetricFamily& duration = all[0];
  EXPECT_EQ(duration.name, "toy.server.duration");
  EXPECT_EQ(duration.unit, "s");
  EXPECT_EQ(duration.help, "How long.");
  ASSERT_EQ(duration.points.size(), 1u);
  EXPECT_EQ(*duration.points[0].labels, (Labels{{"instance", "host:1"},
                                                {"job", "shop/cart"},
                                                {"service.name", "cart"},
                                                {"service.namespace", "shop"},
                                                {"toy.verb", "GET"},
                                                {"toy.status", "200"},
                                                {"toy.route", "/users/*"}}));
  const auto& value = std::get<HistogramValue>(duration.points[0].value);
  EXPECT_EQ(value.count, 1u);
  EXPECT_DOUBLE_EQ(value.sum, 0.02);
  ASSERT_EQ(value.counts.size(), 4u) << "no zeros behind the last that counts";
  EXPECT_EQ(value.counts[3], 1u);  // (0.01, 0.025]

  EXPECT_EQ(all[1].name, "toy.server.request.size");
  EXPECT_EQ(all[2].name, "toy.server.response.size");
  EXPECT_EQ(all[2].unit, "By");
  EXPECT_EQ(all[1].points[0].labels, duration.points[0].labels) << "label sets are shared";

  EXPECT_EQ(all[3].name, "toy.server.first_byte");
  EXPECT_EQ(all[3].unit, "s");
  EXPECT_EQ(all[3].points[0].labels, duration.points[0].labels);
  EXPECT_DOUBLE_EQ(std::get<HistogramValue>(all[3].points[0].value).sum, 0.015);
  EXPECT_EQ(all[4].name, "toy.server.active") << "whoever had some is told with 0";
  EXPECT_EQ(std::get<uint64_t>(all[4].points[0].value), 0u);
}

TEST(Red, EveryHistogramIsThereTwice) {
  RedMetrics red;
  red.add(request(), service("cart"));
  for (const MetricFamily& each : snapshot(red)) {
    if (each.kind != MetricKind::kHistogram) {
      continue;
    }
    const auto& value = std::get<HistogramValue>(each.points[0].value);
    ASSERT_NE(value.exponential, nullptr) << each.name;
    ASSERT_EQ(value.exponential->counts.size(), 1u);
    EXPECT_EQ(value.exponential->counts[0], 1u);
  }
}

TEST(Red, WithoutAnAnswerThereIsNoFirstByte) {
  RedMetrics red;
  Request r = request();
  r.first_response_ns = 0;
  red.add(r, service("cart"));
  EXPECT_EQ(family(snapshot(red), "toy.server.first_byte"), nullptr);
}

TEST(Red, ClientHasItsOwnMetricsAndLabels) {
  RedMetrics red;
  Request r = request();
  r.role = Role::kClient;
  red.add(r, service("cart"));
  const auto all = snapshot(red);
  ASSERT_EQ(all.size(), 4u) << "the client has no metric of request sizes";
  EXPECT_EQ(all[0].name, "toy.client.duration");
  EXPECT_EQ(all[0].points[0].labels->back(),
            (std::pair<std::string, std::string>("toy.peer", "10.0.0.1")));
}

TEST(Red, BoundsAreInclusive) {
  RedMetrics red;
  const ServiceRef cart = service("cart");
  for (const uint64_t ns :
       {0ull, 1ull, 5'000'000ull, 5'000'001ull, 10'000'000'000ull, 10'000'000'001ull}) {
    Request r = request();
    r.end_ns = r.start_ns + ns;
    red.add(r, cart);
  }
  Request backwards = request();
  backwards.end_ns = backwards.start_ns - 1;
  red.add(backwards, cart);
  const auto all = snapshot(red);
  const auto counts = std::get<HistogramValue>(all[0].points[0].value).counts;
  ASSERT_EQ(counts.size(), all[0].bounds->size() + 1);
  EXPECT_EQ(counts[0], 2u);   // 0, and what ran backwards
  EXPECT_EQ(counts[1], 2u);   // 1 ns, 5 ms
  EXPECT_EQ(counts[2], 1u);   // a little more
  EXPECT_EQ(counts[14], 1u);  // 10 s
  EXPECT_EQ(counts[15], 1u);
}

TEST(Red, UnknownSizesAreCountedNotAdded) {
  RedMetrics red;
  Request r = request();
  r.request_body_known = false;
  red.add(r, service("cart"));
  r.response_body_known = false;
  red.add(r, service("cart"));
  const auto all = snapshot(red);
  EXPECT_EQ(family(all, "toy.server.request.size"), nullptr);
  EXPECT_EQ(
      std::get<HistogramValue>(family(all, "toy.server.response.size")->points[0].value).count, 1u);
  EXPECT_EQ(red.counters().request_size_unknown, 2u);
  EXPECT_EQ(red.counters().response_size_unknown, 1u);
  EXPECT_EQ(total(red), 2u);
}

TEST(Red, WhatDiffersInALabelIsItsOwnSeries) {
  RedMetrics red;
  const ServiceRef cart = service("cart");
  for (int round = 0; round < 3; ++round) {
    for (const char* verb : {"GET", "PUT", "GE", "T"}) {
      red.add(request(verb), cart);
    }
    Request r = request();
    r.values[1] = "500";
    red.add(r, cart);
    r = request();
    r.values[3] = "not a label of servers";
    red.add(r, cart);
    red.add(request("GET"), service("shop"));
  }
  EXPECT_EQ(red.series(), 6u);
  EXPECT_EQ(total(red), 21u);
  EXPECT_EQ(red.counters().counted, 21u);
}

TEST(Red, EqualServicesAreOne) {
  RedMetrics red;
  for (int i = 0; i < 5000; ++i) {
    red.add(request(), service("cart"));  // each time at an address of its own, or one used again
    red.add(request(), service("shop"));
  }
  EXPECT_EQ(red.series(), 2u);
  EXPECT_EQ(red.services().size(), 2u);
  const auto all = snapshot(red);
  for (const MetricPoint& point : all[0].points) {
    EXPECT_EQ(std::get<HistogramValue>(point.value).count, 5000u);
  }
}

TEST(Red, ARouteGivenByTheParserWins) {
  RedMetrics red;
  Request r = request();
  r.values[2] = "/users/{id}";
  red.add(r, service("cart"));
  EXPECT_EQ(snapshot(red)[0].points[0].labels->back().second, "/users/{id}");
}

TEST(Red, AfterACollapseKnownPathsFollow) {
  RedMetrics red;
  const ServiceRef cart = service("cart");
  red.add(request("GET", "/u/aa"), cart);
  red.add(request("GET", "/u/aa"), cart);
  for (char a = 'a'; a <= 'j'; ++a) {
    for (char b = 'a'; b <= 'j'; ++b) {
      red.add(request("GET", std::string("/u/word") + a + b), cart);
    }
  }
  red.add(request("GET", "/u/aa"), cart);
  std::map<std::string, uint64_t> by_route;
  const auto all = snapshot(red);
  for (const MetricPoint& point : all[0].points) {
    by_route[point.labels->back().second] = std::get<HistogramValue>(point.value).count;
  }
  EXPECT_EQ(by_route["/u/aa"], 2u) << "what was counted stays";
  EXPECT_GT(by_route["/u/*"], 50u);
  uint64_t sum = 0;
  for (const auto& [route, count] : by_route) {
    sum += count;
  }
  EXPECT_EQ(sum, 103u);
}

TEST(Red, RolesWithoutAMetricAreCountedAsSuch) {
  RedMetrics red;
  Request r = request();
  r.role = Role::kUnknown;
  red.add(r, service("cart"));
  EXPECT_EQ(red.counters().unmeasured, 1u);
  EXPECT_EQ(red.series(), 0u);
}

// Labels that an attacker chooses: the series stay under the cap, every request is in one of them.
TEST(Red, CapsHoldAndTotalsStayExact) {
  const RedLimits limits{.max_series = 200, .max_series_of_service = 50, .max_services = 20};
  RedMetrics red(limits);
  uint64_t sent = 0;
  for (int s = 0; s < 40; ++s) {
    const ServiceRef each = service("svc" + std::to_string(s));
    for (int i = 0; i < 300; ++i) {
      const std::string verb = "V" + std::to_string(i);
      red.add(request(verb), each);
      Request r = request(verb);
      r.role = Role::kClient;
      red.add(r, each);
      sent += 2;
    }
  }
  EXPECT_EQ(total(red), sent);
  EXPECT_LE(red.series(), limits.max_series + 2) << "the two without a service are beyond the cap";
  EXPECT_EQ(red.counters().counted + red.counters().overflowed, sent);
  std::map<std::string, size_t> series_of;
  std::set<std::string> overflowing;
  bool nameless = false;
  const auto all = snapshot(red);
  for (const MetricPoint& point : family(all, "toy.server.duration")->points) {
    const bool overflow =
        point.labels->back() == std::pair<std::string, std::string>("otel.metric.overflow", "true");
    if (point.labels->size() == 1) {
      EXPECT_TRUE(overflow);
      nameless = true;
      continue;
    }
    const std::string& name = (*point.labels)[2].second;
    ++series_of[name];
    if (overflow) {
      EXPECT_EQ(point.labels->size(), 5u) << "the service's labels and no others";
      overflowing.insert(name);
    }
  }
  EXPECT_TRUE(nameless);
  EXPECT_LE(series_of["svc0"], 51u);
  EXPECT_TRUE(overflowing.contains("svc0"));
  EXPECT_TRUE(overflowing.contains("svc5")) << "a tenth is kept for those who come late";
}

TEST(Red, LongAndBrokenValuesAreCleaned) {
  RedMetrics red;
  const std::string endless(70'000, 'A');
  red.add(request(endless), service("cart"));
  red.add(request(endless), service("cart"));
  red.add(request("a\nb\xff"), service(std::string(300, 'n')));
  EXPECT_EQ(red.counters().values_cut, 2u);
  const auto all = snapshot(red);
  ASSERT_EQ(all[0].points.size(), 2u);
  EXPECT_EQ((*all[0].points[0].labels)[4].second.size(), kMaxLabelBytes);
  EXPECT_EQ((*all[0].points[1].labels)[4].second, "a\\x0ab\\xff");
  EXPECT_TRUE((*all[0].points[1].labels)[2].second.ends_with("…"));
}

}  // namespace
}  // namespace sonde
