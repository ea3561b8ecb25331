// SPDX-License-Identifier: Apache-2.0
#include "userspace/inventory/selection.h"

#include <gtest/gtest.h>

#include <chrono>

#include "userspace/inventory/glob.h"

namespace sonde {
namespace {

struct GlobCase {
  const char* pattern;
  const char* text;
  bool matches;
};

TEST(Glob, Table) {
  constexpr GlobCase kCases[] = {
      {"", "", true},
      {"", "a", false},
      {"*", "", true},
      {"*", "/usr/sbin/nginx", true},
      {"*/nginx", "/usr/sbin/nginx", true},
      {"*/nginx", "/usr/sbin/nginx-debug", false},
      {"nginx", "nginx", true},
      {"nginx", "nginx2", false},
      {"ngin?", "nginx", true},
      {"ngin?", "ngin", false},
      {"?", "", false},
      {"a*b*c", "aXXbYYc", true},
      {"a*b*c", "aXXbYY", false},
      {"a*b", "aab", true},
      {"*ab", "aab", true},
      {"*aab*", "aaaab", true},
      {"**", "x", true},
      {"a\\*b", "a*b", true},
      {"a\\*b", "axb", false},
      {"\\?", "?", true},
      {"\\?", "x", false},
      {"a\\\\b", "a\\b", true},
      {"a\\", "a\\", true},  // nothing to make plain: itself
      {"*\\,b", "a,b", true},
      {"[ab]", "a", false},  // no classes
      {"[ab]", "[ab]", true},
      {"*docker*", "/system.slice/docker-1.scope", true},
  };
  for (const GlobCase& c : kCases) {
    EXPECT_EQ(glob_matches(c.pattern, c.text), c.matches) << c.pattern << " on " << c.text;
  }
}

TEST(Glob, ManyStarsStayCheap) {
  std::string pattern;
  for (int i = 0; i < 500; ++i) {
    pattern += "a*";
  }
  pattern += "b";
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_FALSE(glob_matches(pattern, std::string(4096, 'a')));
  // Tries of every star would take longer than the universe has been there.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
}

std::optional<uint32_t> users(std::string_view name) {
  return user_in_passwd(
      "root:x:0:0:root:/root:/bin/bash\n"
      "broken\n"
      "www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n"
      "www:x:80:80::/:/bin/sh",
      name);
}

SelectionRule rule_of(std::string exe, std::vector<PortRange> ports = {}) {
  SelectionRule rule;
  rule.executable = std::move(exe);
  rule.ports = std::move(ports);
  return rule;
}

constexpr ProcessFacts kNginx = {.executable = "/usr/sbin/nginx",
                                 .command_line = "nginx: worker process",
                                 .cgroup = "/system.slice/nginx.service",
                                 .user = 33};
constexpr ProcessFacts kShop = {.executable = "/usr/bin/python3.11",
                                .command_line = "python3 /srv/shop.py --port 8000",
                                .cgroup = "/docker/abc",
                                .user = 1000};
constexpr ProcessFacts kKernelThread = {
    .executable = "", .command_line = "", .cgroup = "/", .user = 0};

Selection selection_of(std::vector<SelectionRule> include,
                       std::vector<SelectionRule> exclude = {}) {
  Result<Selection> made = Selection::make(include, exclude, users);
  EXPECT_TRUE(made.has_value());
  return made.value_or(Selection());
}

TEST(Selection, WithoutRulesEverythingIsIncluded) {
  const Selection all;
  EXPECT_EQ(all.decide(kNginx), Selected::kIncluded);
  EXPECT_EQ(all.decide(kKernelThread), Selected::kIncluded);
  EXPECT_TRUE(all.includes(kNginx, {}));
}

TEST(Selection, FieldsOfARule) {
  SelectionRule rule;
  const auto decides = [&](const ProcessFacts& facts) {
    return selection_of({rule}).decide(facts);
  };
  rule.executable = "nginx";  // no slash: the file's name
  EXPECT_EQ(decides(kNginx), Selected::kIncluded);
  EXPECT_EQ(decides(kShop), Selected::kExcluded);
  rule.executable = "/usr/sbin/*";
  EXPECT_EQ(decides(kNginx), Selected::kIncluded);
  rule.user = "www-data";
  EXPECT_EQ(decides(kNginx), Selected::kIncluded);
  rule.user = "0";
  EXPECT_EQ(decides(kNginx), Selected::kExcluded);  // all given fields must match
  rule = {
      .executable = "", .arguments = "*shop.py*", .cgroup = "*docker*", .user = "", .ports = {}};
  EXPECT_EQ(decides(kShop), Selected::kIncluded);
  EXPECT_EQ(decides(kNginx), Selected::kExcluded);
}

TEST(Selection, UnknownFactsMatchNoField) {
  EXPECT_EQ(selection_of({rule_of("*")}).decide(kKernelThread), Selected::kExcluded);
  EXPECT_EQ(selection_of({}, {rule_of("*")}).decide(kKernelThread), Selected::kIncluded);
  SelectionRule root;
  root.user = "root";
  EXPECT_EQ(selection_of({root}).decide(
                {.executable = "/bin/x", .command_line = "", .cgroup = "", .user = {}}),
            Selected::kExcluded);
}

TEST(Selection, ExcludeWins) {
  const Selection selection = selection_of({rule_of("nginx")}, {rule_of("/usr/*")});
  EXPECT_EQ(selection.decide(kNginx), Selected::kExcluded);
  EXPECT_FALSE(selection.includes(kNginx, {}));
}

TEST(Selection, PortsOfIncludeRules) {
  const Selection selection = selection_of({rule_of("nginx", {{80, 90}, {443, 443}})});
  EXPECT_EQ(selection.decide(kNginx), Selected::kByPort);
  EXPECT_EQ(selection.decide(kShop), Selected::kExcluded);
  EXPECT_TRUE(selection.includes(kNginx, {Role::kServer, 85, 40000}));
  EXPECT_TRUE(selection.includes(kNginx, {Role::kServer, 443, 40000}));
  EXPECT_FALSE(
      selection.includes(kNginx, {Role::kServer, 91, 85}));  // the peer's own port says nothing
  EXPECT_TRUE(selection.includes(kNginx, {Role::kClient, 40000, 80}));
  EXPECT_FALSE(selection.includes(kNginx, {Role::kClient, 80, 40000}));
  EXPECT_TRUE(selection.includes(kNginx, {Role::kUnknown, 40000, 80}));
  EXPECT_FALSE(selection.includes(kShop, {Role::kServer, 80, 1}));
}

TEST(Selection, PortsOfExcludeRules) {
  const Selection selection = selection_of({}, {rule_of("", {{22, 22}})});
  EXPECT_EQ(selection.decide(kNginx), Selected::kByPort);
  EXPECT_TRUE(selection.includes(kNginx, {Role::kServer, 80, 1}));
  EXPECT_FALSE(selection.includes(kNginx, {Role::kServer, 22, 1}));
}

TEST(Selection, AnyIncludeRuleIsEnough) {
  const Selection selection = selection_of({rule_of("nginx", {{80, 80}}), rule_of("nginx")});
  EXPECT_EQ(selection.decide(kNginx), Selected::kIncluded);
}

// decide() must never say more than includes() holds for every port.
TEST(Selection, DecisionsAgree) {
  const std::vector<SelectionRule> rules = {rule_of("nginx"), rule_of("nginx", {{80, 80}}),
                                            rule_of("python*"), rule_of("", {{80, 80}}),
                                            rule_of("", {{1, 65535}})};
  for (size_t include = 0; include < 32; ++include) {
    for (size_t exclude = 0; exclude < 32; ++exclude) {
      std::vector<SelectionRule> in;
      std::vector<SelectionRule> ex;
      for (size_t i = 0; i < rules.size(); ++i) {
        if ((include >> i & 1) != 0) {
          in.push_back(rules[i]);
        }
        if ((exclude >> i & 1) != 0) {
          ex.push_back(rules[i]);
        }
      }
      const Selection selection = selection_of(in, ex);
      for (const ProcessFacts& facts : {kNginx, kShop}) {
        const Selected decided = selection.decide(facts);
        for (const uint16_t port : {80, 81}) {
          const bool included = selection.includes(facts, {Role::kServer, port, 5});
          EXPECT_TRUE(decided == Selected::kByPort || included == (decided == Selected::kIncluded))
              << include << " " << exclude << " " << port;
        }
      }
    }
  }
}

TEST(Selection, PortsOff) {
  const auto rule = [](std::vector<PortRange> ports, std::string executable = "") {
    SelectionRule made;
    made.ports = std::move(ports);
    made.executable = std::move(executable);
    return made;
  };
  EXPECT_TRUE(selection_of({}, {}).ports_off().none());
  EXPECT_TRUE(selection_of({rule({{80, 80}}), rule({}, "nginx")}, {}).ports_off().none())
      << "nginx is watched at every port";

  const auto only = selection_of({rule({{80, 80}}), rule({{8000, 8001}}, "nginx")}, {}).ports_off();
  EXPECT_EQ(only.count(), 65536u - 3);
  EXPECT_FALSE(only[80] || only[8000] || only[8001]);

  const auto without =
      selection_of({}, {rule({{22, 22}, {65535, 65535}}), rule({{80, 80}}, "nginx")}).ports_off();
  EXPECT_EQ(without.count(), 2u) << "others may be at port 80";
  EXPECT_TRUE(without[22] && without[65535]);
}

TEST(Selection, UnknownUsersAreErrors) {
  SelectionRule rule;
  rule.user = "nobody-here";
  const Result<Selection> made = Selection::make({}, std::vector{rule}, users);
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().what,
            "exclude: there is no user nobody-here; give the number if it is a container's");
}

TEST(Selection, UsersInPasswd) {
  EXPECT_EQ(users("root"), 0u);
  EXPECT_EQ(users("www-data"), 33u);
  EXPECT_EQ(users("www"), 80u);
  EXPECT_EQ(users("broken"), std::nullopt);
  EXPECT_EQ(users("x"), std::nullopt);
  EXPECT_EQ(user_in_passwd("a:b", "a"), std::nullopt);
  EXPECT_EQ(user_in_passwd("a:b:99999999999:", "a"), std::nullopt);
}

}  // namespace
}  // namespace sonde
