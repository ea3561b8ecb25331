// SPDX-License-Identifier: Apache-2.0
// The share of a service's exchanges that was lost.
#include "userspace/pipeline/service_accounts.h"

#include <gtest/gtest.h>

#include "tests/support/toy_schema.h"
#include "userspace/pipeline/red.h"

namespace sonde {
namespace {

using toy::family;
using toy::label;
using toy::request;
using toy::service;

TEST(ServiceAccounts, TellWhatIsMissing) {
  RedMetrics red;
  const ServiceRef cart = service("cart");
  for (int i = 0; i < 6; ++i) {
    red.add(request(), cart);
  }
  red.lost(cart, FlowLoss::kAnswer, 1);
  red.lost(cart, FlowLoss::kRequest, 1);
  red.lost(cart, FlowLoss::kRecord, 9);
  red.add(request(), service("shop"));
  std::vector<ServiceAccount> accounts;
  red.accounts(accounts);
  std::vector<MetricFamily> out;
  append_accounts(accounts, out);
  ASSERT_EQ(out.size(), 6u);
  EXPECT_EQ(toy::total(out, {"sonde.service.exchanges"}), 7u);
  EXPECT_EQ(toy::total(out, {"sonde.service.exchanges.lost"}), 2u);
  EXPECT_EQ(toy::total(out, {"sonde.service.records.lost"}), 9u);
  const MetricFamily* share = family(out, "sonde.service.lost");
  ASSERT_EQ(share->points.size(), 2u);
  EXPECT_EQ(share->unit, "1") << "sonde_service_lost_ratio to Prometheus";
  for (const MetricPoint& point : share->points) {
    EXPECT_DOUBLE_EQ(std::get<double>(point.value),
                     label(point, "service.name") == "cart" ? 0.25 : 0);
  }
  for (const MetricPoint& point : family(out, "sonde.service.exchanges.lost")->points) {
    EXPECT_FALSE(label(point, "reason").empty());
    EXPECT_FALSE(label(point, "instance").empty());
  }
}

TEST(ServiceAccounts, TellWhatWasCountedAndNotRead) {
  RedMetrics red;
  const ServiceRef cart = service("cart");
  for (int i = 0; i < 8; ++i) {
    Request one = request();
    one.unread = i < 2;
    red.add(one, cart);
  }
  std::vector<ServiceAccount> accounts;
  red.accounts(accounts);
  std::vector<MetricFamily> out;
  append_accounts(accounts, out);
  EXPECT_EQ(toy::total(out, {"sonde.service.exchanges"}), 8u);
  EXPECT_EQ(toy::total(out, {"sonde.service.exchanges.unread"}), 2u);
  const MetricFamily* share = family(out, "sonde.service.unread");
  ASSERT_EQ(share->points.size(), 1u);
  EXPECT_DOUBLE_EQ(std::get<double>(share->points[0].value), 0.25);
}

TEST(ServiceAccounts, OfSeveralShardsAreOne) {
  std::vector<ServiceAccount> accounts;
  const auto add = [&](uint64_t exchanges, uint64_t lost) {
    ServiceAccount& account = accounts.emplace_back();
    account.labels = std::make_shared<const Labels>(Labels{{"service.name", "cart"}});
    account.tally.exchanges = exchanges;
    account.tally.lost[0] = lost;
  };
  add(10, 0);
  add(20, 10);
  std::vector<MetricFamily> out;
  append_accounts(accounts, out);
  ASSERT_EQ(out[0].points.size(), 1u);
  EXPECT_EQ(std::get<uint64_t>(out[0].points[0].value), 30u);
  EXPECT_DOUBLE_EQ(std::get<double>(out[3].points[0].value), 0.25);
}

TEST(ServiceAccounts, NobodyIsToldOnlyIfThereIsSomething) {
  RedMetrics red({.max_services = 1});
  red.add(request(), service("a"));
  std::vector<ServiceAccount> accounts;
  red.accounts(accounts);
  std::vector<MetricFamily> out;
  append_accounts(accounts, out);
  EXPECT_EQ(out[0].points.size(), 1u);
  red.add(request(), service("b"));
  red.lost(service("c"), FlowLoss::kAnswer, 1);
  accounts.clear();
  out.clear();
  red.accounts(accounts);
  append_accounts(accounts, out);
  EXPECT_EQ(out[0].points.size(), 2u);
  EXPECT_EQ(toy::total(out, {"sonde.service.exchanges"}), 2u);
  EXPECT_EQ(toy::total(out, {"sonde.service.exchanges.lost"}), 1u);
}

}  // namespace
}  // namespace sonde
