// SPDX-License-Identifier: Apache-2.0
// Exchanges under way: told by service and the schema's attributes, bounded, with an end.
#include "userspace/pipeline/active_requests.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/support/toy_schema.h"
#include "userspace/pipeline/red.h"

namespace sonde {
namespace {

using toy::family;
using toy::label;
using toy::request;
using toy::service;

std::vector<MetricFamily> snapshot(const RedMetrics& red) {
  std::vector<MetricFamily> out;
  red.snapshot(out);
  return out;
}

uint64_t total(const RedMetrics& red) {
  return toy::total(snapshot(red), {"toy.server.active", "toy.client.active"});
}

TEST(ActiveRequests, AreThoseOfTheSnapshot) {
  RedMetrics red;
  const ServiceRef cart = service("cart");
  Request client = request("PUT");
  client.role = Role::kClient;
  red.begin_active();
  red.active(request("GET"), cart);
  red.active(request("GET", "/another"), cart);
  red.active(client, cart);
  const auto all = snapshot(red);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].name, "toy.server.active");
  EXPECT_EQ(all[0].unit, "{request}");
  EXPECT_EQ(all[0].kind, MetricKind::kGauge);
  ASSERT_EQ(all[0].points.size(), 1u);
  EXPECT_EQ(std::get<uint64_t>(all[0].points[0].value), 2u);
  EXPECT_EQ(*all[0].points[0].labels, (Labels{{"instance", "host:1"},
                                              {"job", "shop/cart"},
                                              {"service.name", "cart"},
                                              {"service.namespace", "shop"},
                                              {"toy.verb", "GET"}}))
      << "no status, no route: who has not ended has none";
  EXPECT_EQ(std::get<uint64_t>(all[1].points[0].value), 1u);
  red.begin_active();
  EXPECT_EQ(total(red), 0u);
  EXPECT_EQ(snapshot(red).size(), 2u) << "told with 0";
}

TEST(ActiveRequests, CapsHoldAndTotalsStayExact) {
  RedMetrics red({.max_active = 100, .max_active_of_service = 20});
  uint64_t sent = 0;
  red.begin_active();
  for (int s = 0; s < 10; ++s) {
    const ServiceRef each = service("svc" + std::to_string(s));
    for (int i = 0; i < 200; ++i, ++sent) {
      red.active(request("V" + std::to_string(i)), each);
    }
  }
  EXPECT_EQ(total(red), sent);
  EXPECT_LE(red.active_groups(), 101u);
  std::map<std::string, size_t> groups_of;
  std::set<Labels> distinct;
  const auto all = snapshot(red);
  for (const MetricPoint& point : family(all, "toy.server.active")->points) {
    EXPECT_TRUE(distinct.insert(*point.labels).second);
    ++groups_of[label(point, "service.name")];
  }
  for (const auto& [name, groups] : groups_of) {
    EXPECT_LE(groups, 21u) << name;
  }
}

TEST(ActiveRequests, OfServicesThereIsNoRoomForAreOneGroup) {
  RedMetrics red({.max_services = 3});
  red.begin_active();
  for (int s = 0; s < 100; ++s) {
    red.active(request(), service("svc" + std::to_string(s)));
  }
  EXPECT_EQ(red.active_groups(), 4u);
  EXPECT_EQ(total(red), 100u);
}

TEST(ActiveRequests, StayAsLongAsTheirSeries) {
  RedMetrics red({.idle_ns = 4'000});
  const ServiceRef cart = service("cart");
  uint64_t now = 1;
  red.advance(now);
  red.add(request("GET"), cart);
  red.begin_active();
  red.active(request("PUT"), cart);
  for (int i = 0; i < 20; ++i) {
    red.advance(now += 1'000);
    red.add(request("GET"), cart);
  }
  red.begin_active();
  EXPECT_EQ(red.active_groups(), 1u) << "GET is in use, PUT is not";
  for (int i = 0; i < 20; ++i) {
    red.advance(now += 1'000);
  }
  EXPECT_EQ(red.active_groups(), 0u);
}

}  // namespace
}  // namespace sonde
