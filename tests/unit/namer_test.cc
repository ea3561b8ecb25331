// SPDX-License-Identifier: Apache-2.0
// Who a process is: which of several words about it counts.
#include "userspace/inventory/namer.h"

#include <gtest/gtest.h>

namespace sonde {
namespace {

NamingRules rules(const std::vector<NamingRule>& list, std::vector<std::string> labels = {}) {
  auto made = NamingRules::make(list, labels, [](auto) { return std::optional<uint32_t>(); });
  EXPECT_TRUE(made);
  return std::move(*made);
}

NamingRule rule_for(std::string executable) {
  NamingRule rule;
  rule.match.executable = std::move(executable);
  return rule;
}

Process process() {
  Process out;
  out.executable = "/usr/bin/python3.11";
  out.program = "app";
  return out;
}

TEST(Namer, EachWordBeforeTheNext) {
  NamingRule named = rule_for("python3*");
  named.name = "ruled";
  Namer plain("box", {});
  Namer ruled("box", rules({named}));
  Process p = process();
  EXPECT_EQ(plain.name(p)->name, "app");
  p.unit = "shop.service";
  EXPECT_EQ(plain.name(p)->name, "shop");
  p.container = std::make_shared<Container>(Container{.id = "0123", .runtime = "docker"});
  EXPECT_EQ(plain.name(p)->name, "shop") << "a container without a name";
  p.container = std::make_shared<Container>(
      Container{.id = "0123", .runtime = "docker", .name = "web", .name_space = "project"});
  EXPECT_EQ(plain.name(p)->name, "web");
  EXPECT_EQ(plain.name(p)->name_space, "project");
  EXPECT_EQ(plain.name(p)->job, "project/web");
  p.declared = std::make_shared<Declared>(Declared{.name = "declared"});
  EXPECT_EQ(plain.name(p)->name, "declared");
  EXPECT_EQ(plain.name(p)->name_space, "project") << "what it does not say others may";
  EXPECT_EQ(ruled.name(p)->name, "ruled");
}

TEST(Namer, RulesGiveEachFactOnce) {
  NamingRule team = rule_for("");
  team.labels = {{"team", "web"}, {"domain", "shop"}};
  NamingRule first = rule_for("python3*");
  first.name = "front";
  first.labels = {{"team", "front"}};
  NamingRule second = rule_for("python3*");
  second.name = "other";
  second.name_space = "shop";
  NamingRule never = rule_for("nginx");
  never.name = "never";
  Namer namer("box", rules({never, first, second, team}));
  const ServiceRef service = namer.name(process());
  EXPECT_EQ(service->name, "front");
  EXPECT_EQ(service->name_space, "shop");
  EXPECT_EQ(service->extra, (Labels{{"team", "front"}, {"domain", "shop"}}));
  EXPECT_EQ(service->instance, "box:front");
}

TEST(Namer, ByThePortsItServes) {
  NamingRule rule;
  rule.match.ports = {{8080, 8089}};
  rule.name = "web";
  Namer namer("box", rules({rule}));
  EXPECT_TRUE(namer.ask_for_ports());
  Process p = process();
  EXPECT_EQ(namer.name(p)->name, "app");
  p.served_ports = {80, 8081};
  EXPECT_EQ(namer.name(p)->name, "web");
}

TEST(Namer, KnownThingsAreLabelsOfAllMetricsIfWanted) {
  Process p = process();
  p.declared = std::make_shared<Declared>(
      Declared{.others = {{"service.version", "1"}, {"container_name", "fake"}, {"team", "x"}}});
  p.container = std::make_shared<Container>(Container{.id = "0123", .name = "web"});
  Namer namer("box", rules({}, {"container.name", "team"}));
  const ServiceRef service = namer.name(p);
  EXPECT_EQ(service->extra, (Labels{{"team", "x"}}));
  EXPECT_EQ(
      service->about,
      (Labels{{"service.version", "1"}, {"container_name", "fake"}, {"container.id", "0123"}}))
      << "one label of a spelling";
}

TEST(Namer, OfOneNameOnOneHostAreOne) {
  Namer namer("box", {});
  Process a = process();
  Process b = process();
  b.pid = Pid{7};
  EXPECT_EQ(namer.name(a), namer.name(b));
  b.container = std::make_shared<Container>(Container{.id = "0123", .name = "app"});
  EXPECT_EQ(namer.name(b)->instance, "box:app");
}

TEST(Namer, InstancesTheirOwnWay) {
  Namer namer("box", {});
  Process p = process();
  p.unit = "shop@blue.service";
  EXPECT_EQ(namer.name(p)->name, "shop");
  EXPECT_EQ(namer.name(p)->instance, "box:shop@blue");
  p.container = std::make_shared<Container>(
      Container{.id = "0123", .name = "cart", .name_space = "shop", .pod = "cart-0"});
  EXPECT_EQ(namer.name(p)->instance, "shop.cart-0.cart");
  p.declared = std::make_shared<Declared>(Declared{.instance = "mine"});
  EXPECT_EQ(namer.name(p)->instance, "mine");
}

// A new id at each start must not fill whoever stores the metrics.
TEST(Namer, InstancesAreBounded) {
  Namer namer("box", {});
  std::set<std::string> instances;
  for (int i = 0; i < 1000; ++i) {
    Process p = process();
    p.declared = std::make_shared<Declared>(Declared{.instance = std::to_string(i)});
    instances.insert(namer.name(p)->instance);
  }
  EXPECT_EQ(instances.size(), kMaxInstances + 1);
  EXPECT_EQ(namer.instances_shared(), 1000 - kMaxInstances);
}

}  // namespace
}  // namespace sonde
