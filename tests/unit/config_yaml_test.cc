// SPDX-License-Identifier: Apache-2.0
// The configuration file: what is said of mistakes, and that hostile files are bounded.
#include <gtest/gtest.h>

#include <algorithm>

#include "userspace/config/sources.h"
#include "userspace/config/yaml_text.h"
#include "userspace/config/yaml_tree.h"

namespace sonde {
namespace {

// What is said of a file with this text.
std::string problems_of(std::string_view yaml) {
  Config config;
  Problems problems;
  apply_yaml(yaml, "f", config, problems);
  return problems.text();
}

std::string repeated(std::string_view piece, size_t size) {
  std::string text;
  while (text.size() < size) {
    text += piece;
  }
  return text;
}

TEST(ConfigYaml, MistakesNameLineAndKey) {
  EXPECT_EQ(problems_of("log:\n  levl: info\n"),
            "f:2: log.levl: unknown key; did you mean log.level?\n");
  EXPECT_EQ(problems_of("series: 5\n"), "f:1: series: unknown key; did you mean limits.series?\n");
  EXPECT_EQ(problems_of("max-memory: 5\n"),
            "f:1: max-memory: unknown key; did you mean limits.memory?\n");
  EXPECT_EQ(problems_of("limit:\n  series: 5\n"),
            "f:1: limit: unknown key; did you mean limits?\n");
  EXPECT_EQ(problems_of("zzzzzzzz: 1\n"), "f:1: zzzzzzzz: unknown key\n");
  EXPECT_EQ(problems_of("limits:\n  series: many\n"),
            "f:2: limits.series: 'many' is not a whole number from 100 to 10000000\n");
  EXPECT_EQ(problems_of("limits:\n  series: [1]\n"),
            "f:2: limits.series: must be a whole number from 100 to 10000000, not a list\n");
  EXPECT_EQ(problems_of("limits:\n  series:\n  memory: 32MiB\n"),
            "f:2: limits.series: must be a whole number from 100 to 10000000, not nothing\n");
  EXPECT_EQ(problems_of("limits: 3\n"), "f:1: limits: must be a map, not a value\n");
  EXPECT_EQ(problems_of("- a\n"), "f:1: file: must be a map, not a list\n");
  EXPECT_EQ(problems_of("log:\n  level: info\n  level: warn\n"),
            "f:3: log.level: given twice, first in line 2\n");
  EXPECT_EQ(problems_of("[a, b]: 3\n"), "f:1: file: a key must be a word\n");
  EXPECT_EQ(problems_of("\"a\\nb\": 3\n"), "f:1: a\\x0ab: unknown key\n");
  EXPECT_EQ(problems_of("log:\n  level: [}\n").substr(0, 14), "f:2: not YAML:");
}

TEST(ConfigYaml, EmptyFilesAndSectionsAreFine) {
  for (const char* yaml :
       {"", "# nothing\n", "---\n", "log:\n", "selection:\n  include:\n", "{}"}) {
    EXPECT_EQ(problems_of(yaml), "") << yaml;
  }
}

TEST(ConfigYaml, ManyProblemsAreCounted) {
  std::string yaml;
  for (int i = 0; i < 50; ++i) {
    yaml += "k" + std::to_string(i) + ": 1\n";
  }
  const std::string problems = problems_of(yaml);
  EXPECT_EQ(std::count(problems.begin(), problems.end(), '\n'), 21);
  EXPECT_TRUE(problems.ends_with("\nand 30 more\n"));
}

TEST(ConfigYaml, RulesAsMapsListsAndText) {
  const SelectionRule nginx = {.executable = "*/nginx",
                               .arguments = "",
                               .cgroup = "",
                               .user = "www-data",
                               .ports = {{80, 90}, {443, 443}}};
  Config config;
  Problems problems;
  apply_yaml(
      "selection:\n"
      "  include:\n"
      "    - exe: '*/nginx'\n"
      "      port: [80-90, 443]\n"
      "      user: www-data\n"
      "    - exe=*/nginx,port=80-90,port=443,user=www-data\n"
      "    - {exe: '*/nginx', port: '80-90,443', user: www-data}\n"
      "  exclude: {user: '0'}\n",
      "f", config, problems);
  EXPECT_EQ(problems.text(), "");
  EXPECT_EQ(config.selection.include, (std::vector{nginx, nginx, nginx}));
  ASSERT_EQ(config.selection.exclude.size(), 1u);
  EXPECT_EQ(config.selection.exclude[0].user, "0");
}

TEST(ConfigYaml, WrongRulesNameTheirLine) {
  EXPECT_EQ(problems_of("selection:\n  include:\n    - {}\n"),
            "f:3: selection.include: a rule needs at least one of exe, args, port, user, cgroup, "
            "container\n");
  EXPECT_EQ(problems_of("selection:\n  include:\n    - exe: [a]\n"),
            "f:3: selection.include: 'exe' must be text, not a list\n");
  EXPECT_EQ(problems_of("selection:\n  include:\n    - exe: a\n      prot: 3\n"),
            "f:4: selection.include: 'prot' is no part of a rule (exe, args, port, user, cgroup, "
            "container); "
            "did you "
            "mean port?\n");
  EXPECT_EQ(problems_of("selection:\n  include:\n    - [a]\n"),
            "f:3: selection.include: must be a list of rules; one of its items is a list\n");
  EXPECT_EQ(problems_of("selection:\n  include: [" + repeated("{port: 1},", 2570) + "]"),
            "f:2: selection.include: has more than 256 rules\n");
}

TEST(ConfigYaml, HostileFilesAreBounded) {
  EXPECT_EQ(problems_of(std::string(kMaxYamlBytes + 1, ' ')), "f:1: larger than 1024 KiB\n");
  EXPECT_EQ(problems_of("a: &x [1]\nb: *x\n"), "f:2: aliases (*name) are not supported\n");
  EXPECT_EQ(problems_of("log: {}\n---\nlog: {}\n"), "f:2: a second document: one file holds one\n");
  EXPECT_EQ(problems_of("a: " + std::string(17, '[') + std::string(17, ']')),
            "f:1: nested more than 16 deep\n");
  EXPECT_EQ(problems_of("a: [" + repeated("1,", 2 * kMaxYamlNodes + 2) + "1]"),
            "f:1: more than 20000 values\n");
}

// What nests without end must come back with an error, and soon: the library works by recursion.
TEST(ConfigYaml, EndlessNestingComesBack) {
  for (const char* piece : {"[", "{", "- ", "? ", "{a: ", "[{", "!!a ", "&a ", "\"", "a:\n ", "[? ",
                            "- - ? ", ",", "a: "}) {
    EXPECT_NE(problems_of(repeated(piece, kMaxYamlBytes)), "") << piece;
  }
}

TEST(ConfigYaml, NamingRulesAndPatterns) {
  Config config;
  Problems problems;
  apply_yaml(
      "naming:\n"
      "  rules:\n"
      "    - {exe: nginx, port: [80, 443], name: front, namespace: shop, labels: {team: web}}\n"
      "    - container=cart,name=a\\,b,label.system=x\n"
      "  labels: [team]\n"
      "routes:\n"
      "  patterns: [\"/users/{id}\", \"shop:/cart/**\"]\n",
      "f", config, problems);
  EXPECT_EQ(problems.text(), "");
  ASSERT_EQ(config.naming.rules.size(), 2u);
  EXPECT_EQ(config.naming.rules[0].match.executable, "nginx");
  EXPECT_EQ(config.naming.rules[0].match.ports.size(), 2u);
  EXPECT_EQ(config.naming.rules[0].name, "front");
  EXPECT_EQ(config.naming.rules[0].name_space, "shop");
  EXPECT_EQ(config.naming.rules[0].labels, (Labels{{"team", "web"}}));
  EXPECT_EQ(config.naming.rules[1].match.container, "cart");
  EXPECT_EQ(config.naming.rules[1].name, "a,b");
  EXPECT_EQ(config.naming.labels, std::vector<std::string>{"team"});
  EXPECT_EQ(config.routes.patterns.size(), 2u);
  // And as it is written it is read.
  Config again;
  apply_yaml(config_yaml(config), "f", again, problems);
  EXPECT_EQ(problems.text(), "");
  EXPECT_EQ(again.naming.rules, config.naming.rules);
}

TEST(ConfigYaml, Rates) {
  Config config;
  Problems problems;
  apply_yaml(
      "profile:\n"
      "  rates:\n"
      "    - {service: \"shop/*\", rate: 199}\n"
      "    - exe=batch,user=root,rate=0\n",
      "f", config, problems);
  EXPECT_EQ(problems.text(), "");
  std::vector<RateRule> wanted = {{.service = "shop/*", .hz = 199}, {.hz = 0}};
  wanted[1].match.executable = "batch";
  wanted[1].match.user = "root";
  EXPECT_EQ(config.profile.rates, wanted);
  // And as it is written it is read.
  Config again;
  apply_yaml(config_yaml(config), "f", again, problems);
  EXPECT_EQ(problems.text(), "");
  EXPECT_EQ(again.profile.rates, wanted);
}

TEST(ConfigYaml, WrongRatesNameTheirLine) {
  const auto of = [](const std::string& rule) {
    return problems_of("profile:\n  rates:\n    - " + rule + "\n");
  };
  EXPECT_EQ(of("{service: a}"), "f:3: profile.rates: a rule needs a rate\n");
  EXPECT_EQ(of("{rate: 10}"),
            "f:3: profile.rates: a rule needs at least one of service, exe, args, user, cgroup, "
            "container\n");
  EXPECT_EQ(of("{service: a, rate: 1001}"),
            "f:3: profile.rates: rate '1001' is not a whole number from 0 to 1000\n");
  EXPECT_EQ(of("{service: a, rate: -1}"),
            "f:3: profile.rates: rate '-1' is not a whole number from 0 to 1000\n");
  EXPECT_EQ(of("{port: 80, rate: 1}"),
            "f:3: profile.rates: a sample has no port: name the service instead\n");
  EXPECT_EQ(of("service=a,rate=1,rate=2"),
            "f:3: profile.rates: rate is given twice: write two rules\n");
  EXPECT_EQ(of("service=a,service=b,rate=2"),
            "f:3: profile.rates: service is given twice: write two rules\n");
  EXPECT_EQ(of("often"),
            "f:3: profile.rates: 'often' is not a rule such as service=cart,rate=199\n");
}

TEST(ConfigYaml, WrongNamingRulesNameTheirLine) {
  EXPECT_EQ(problems_of("naming:\n  rules:\n    - exe: a\n"),
            "f:3: naming.rules: a rule needs at least one of name, namespace, instance, labels\n");
  EXPECT_EQ(problems_of("naming:\n  rules:\n    - {name: a, labels: {http_route: x}}\n"),
            "f:3: naming.rules: label 'http_route' is a name that metrics need for themselves\n");
  EXPECT_EQ(problems_of("naming:\n  rules:\n    - {name: a, labels: {a.b: x, a_b: y}}\n"),
            "f:3: naming.rules: label 'a_b' is given twice\n");
  EXPECT_EQ(problems_of("selection:\n  include:\n    - {exe: a, labels: {b: c}}\n"),
            "f:3: selection.include: 'labels' must be text, not a map\n");
  EXPECT_EQ(
      problems_of("routes:\n  patterns: [users]\n"),
      "f:2: routes.patterns: 'users' must be a path such as /users/{id}, or one after the name "
      "of a service and a colon\n");
  EXPECT_EQ(problems_of("routes:\n  patterns: [\"/a/**/b\"]\n"),
            "f:2: routes.patterns: '/a/**/b' ** must be its end\n");
}

}  // namespace
}  // namespace sonde
