// SPDX-License-Identifier: Apache-2.0
// Pairs of services: names, caps, totals, and that they leave.
#include "userspace/pipeline/service_graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "userspace/pipeline/peer_name.h"

namespace sonde {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

const MetricFamily* family(const std::vector<MetricFamily>& all, std::string_view name) {
  const auto found = std::ranges::find(all, name, &MetricFamily::name);
  return found == all.end() ? nullptr : &*found;
}

class ServiceGraphTest : public testing::Test {
 protected:
  void start(const GraphLimits& limits) { graph_ = std::make_unique<ServiceGraph>(clock_, limits); }
  void call(Role role, const std::string& client, const std::string& server, bool failed = false) {
    ServicePair& pair = graph_->pair(role, {client, "shop"}, {server, ""}, "", 5 * kSecond);
    graph_->add(pair, role, DurationHistogram::place(20'000'000),
                {.first = true, .failed = failed});
    ++sent_;
    failed_ += failed ? 1 : 0;
  }
  std::vector<MetricFamily> snapshot() {
    std::vector<MetricFamily> out;
    graph_->snapshot(out, {.wall_offset_ns = 1000 * kSecond});
    return out;
  }
  uint64_t total(std::string_view name) {
    uint64_t sum = 0;
    const auto all = snapshot();
    if (const MetricFamily* found = family(all, name)) {
      for (const MetricPoint& point : found->points) {
        sum += std::get<uint64_t>(point.value);
      }
    }
    return sum;
  }

  IdleClock clock_{0};
  std::unique_ptr<ServiceGraph> graph_ = std::make_unique<ServiceGraph>(clock_, GraphLimits{});
  uint64_t sent_ = 0;
  uint64_t failed_ = 0;
};

TEST_F(ServiceGraphTest, NamesAndLabelsAreThoseOfServiceGraphs) {
  EXPECT_TRUE(snapshot().empty());
  ServicePair& pair =
      graph_->pair(Role::kClient, {"cart", "shop"}, {"db", "data"}, "database", 5 * kSecond);
  graph_->add(pair, Role::kClient, DurationHistogram::place(20'000'000), {.first = true});
  graph_->add(pair, Role::kServer, DurationHistogram::place(10'000'000),
              {.first = false, .failed = true});
  const auto all = snapshot();
  ASSERT_EQ(all.size(), 4u);
  const MetricFamily* requests = family(all, "traces.service.graph.request");
  ASSERT_NE(requests, nullptr);
  EXPECT_EQ(*requests->points[0].labels, (Labels{{"client", "cart"},
                                                 {"client.service.namespace", "shop"},
                                                 {"server", "db"},
                                                 {"server.service.namespace", "data"},
                                                 {"connection_type", "database"},
                                                 {"source", "sonde"}}));
  EXPECT_EQ(std::get<uint64_t>(requests->points[0].value), 1u);
  EXPECT_EQ(requests->points[0].start_wall_ns, 1005 * kSecond);
  EXPECT_EQ(std::get<uint64_t>(family(all, "traces.service.graph.request.failed")->points[0].value),
            1u);
  for (const auto& [name, sum] : {std::pair{"traces.service.graph.request.client", 0.02},
                                  std::pair{"traces.service.graph.request.server", 0.01}}) {
    const MetricFamily* seconds = family(all, name);
    ASSERT_NE(seconds, nullptr);
    EXPECT_EQ(seconds->unit, "s");
    EXPECT_DOUBLE_EQ(std::get<HistogramValue>(seconds->points[0].value).sum, sum);
    EXPECT_NE(std::get<HistogramValue>(seconds->points[0].value).exponential, nullptr);
  }
}

TEST_F(ServiceGraphTest, BothHalvesFeedOnePair) {
  ServicePair& a = graph_->pair(Role::kClient, {"cart", ""}, {"db", ""}, "", 1);
  ServicePair& b = graph_->pair(Role::kServer, {"cart", ""}, {"db", ""}, "", 2);
  EXPECT_EQ(&a, &b);
  EXPECT_NE(&a, &graph_->pair(Role::kServer, {"cart", ""}, {"db", ""}, "database", 2));
}

TEST_F(ServiceGraphTest, CapsHoldAndTotalsStayExact) {
  const GraphLimits limits{.max_pairs = 200, .max_pairs_of_service = 30};
  start(limits);
  for (int i = 0; i < 300; ++i) {
    for (int s = 0; s < 8; ++s) {
      call(Role::kServer, "10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250),
           "svc" + std::to_string(s), i % 7 == 0);
      call(Role::kClient, "svc" + std::to_string(s), "host" + std::to_string(i), i % 5 == 0);
    }
  }
  EXPECT_EQ(total("traces.service.graph.request"), sent_);
  EXPECT_EQ(total("traces.service.graph.request.failed"), failed_);
  EXPECT_LE(graph_->pairs(), limits.max_pairs + 2) << "those without a service are beyond the cap";
  const GraphCounters& counters = graph_->counters();
  EXPECT_EQ(counters.seen, counters.counted + counters.twice);
  EXPECT_GT(counters.overflowed, 0u);
  const auto all = snapshot();
  std::map<std::string, size_t> pairs_of;
  std::map<std::string, size_t> overflows;
  std::set<Labels> distinct;
  for (const MetricPoint& point : family(all, "traces.service.graph.request")->points) {
    EXPECT_TRUE(distinct.insert(*point.labels).second) << "a label set twice";
    std::string own;
    bool overflow = false;
    for (const auto& [name, value] : *point.labels) {
      own = value.starts_with("svc") ? value : own;
      overflow |= name == "otel.metric.overflow";
    }
    ++(overflow ? overflows : pairs_of)[own];
  }
  for (int s = 0; s < 8; ++s) {
    const std::string name = "svc" + std::to_string(s);
    EXPECT_LE(pairs_of[name], limits.max_pairs_of_service);
    EXPECT_GE(overflows[name], 1u) << "each service has its own overflow";
  }
}

TEST_F(ServiceGraphTest, ManyServicesEndInOnePair) {
  start({.max_pairs = 50, .max_pairs_of_service = 30});
  for (int i = 0; i < 10'000; ++i) {
    call(Role::kClient, "svc" + std::to_string(i), "db");
  }
  EXPECT_LE(graph_->pairs(), 51u);
  EXPECT_EQ(total("traces.service.graph.request"), sent_);
}

TEST_F(ServiceGraphTest, IdlePairsLeaveAndBeginAnew) {
  clock_ = IdleClock(40 * kSecond);
  uint64_t now = kSecond;
  clock_.advance(now);
  call(Role::kClient, "a", "b");
  call(Role::kClient, "a", "c");
  for (int i = 0; i < 8; ++i) {
    clock_.advance(now += 10 * kSecond);
    graph_->expire();
    call(Role::kClient, "a", "b");
  }
  EXPECT_EQ(graph_->pairs(), 1u);
  EXPECT_EQ(graph_->counters().expired, 1u);
  call(Role::kClient, "a", "c");
  EXPECT_EQ(graph_->pairs(), 2u);
}

TEST_F(ServiceGraphTest, WhatIsCleanedAlikeIsOnePair) {
  call(Role::kServer, "\x01", "db");
  call(Role::kServer, "\\x01", "db");
  EXPECT_EQ(graph_->pairs(), 1u);
}

Address ipv4(uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
  return {.bytes = {a, b, c, d}, .port = 80, .family = 4};
}

TEST(PeerName, AddressesOfTheInternetAreOne) {
  EXPECT_EQ(peer_name(ipv4(10, 1, 2, 3)), "10.1.2.3");
  EXPECT_EQ(peer_name(ipv4(172, 31, 0, 1)), "172.31.0.1");
  EXPECT_EQ(peer_name(ipv4(172, 32, 0, 1)), "internet");
  EXPECT_EQ(peer_name(ipv4(192, 168, 7, 7)), "192.168.7.7");
  EXPECT_EQ(peer_name(ipv4(127, 0, 0, 1)), "127.0.0.1");
  EXPECT_EQ(peer_name(ipv4(100, 64, 0, 1)), "100.64.0.1");
  EXPECT_EQ(peer_name(ipv4(100, 128, 0, 1)), "internet");
  EXPECT_EQ(peer_name(ipv4(8, 8, 8, 8)), "internet");
  EXPECT_EQ(peer_name(ipv4(0, 0, 0, 0)), "local");
  Address six{.bytes = {0xfd, 0x12}, .port = 1, .family = 6};
  six.bytes[15] = 9;
  EXPECT_EQ(peer_name(six), "fd12::9");
  six.bytes[0] = 0x20;
  EXPECT_EQ(peer_name(six), "internet");
  six.bytes = {};
  EXPECT_EQ(peer_name(six), "local");
  six.bytes[15] = 1;
  EXPECT_EQ(peer_name(six), "::1");
  six.bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1};
  EXPECT_EQ(peer_name(six), "10.0.0.1");
  six.bytes[12] = 8;
  EXPECT_EQ(peer_name(six), "internet");
}

}  // namespace
}  // namespace sonde
