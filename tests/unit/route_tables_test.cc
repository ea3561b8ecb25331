// SPDX-License-Identifier: Apache-2.0
// Ten services whose routes are known (tests/routes/*.case): how many of their requests are given
// the right route, whatever the order they come in, and whether two routes ever become one.
//
// A line NAME = KIND ... says what stands for {NAME}; a line N /path/{NAME} is a route, asked for N
// times as often as others. The route learned is right if it has "*" for each parameter and the
// words as they are.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <sstream>

#include "userspace/pipeline/routes.h"

namespace sonde {
namespace {

using Random = std::mt19937_64;

// Pronounceable; another for each number.
std::string name_of(uint64_t n) {
  static constexpr std::string_view kFirst[] = {"b", "d", "f", "g", "h",  "k", "l",  "m",
                                                "n", "p", "r", "s", "st", "t", "tr", "v"};
  static constexpr std::string_view kSecond[] = {"a", "e", "i", "o", "u", "ai", "ea", "ou"};
  std::string name;
  n += 128;
  while (n > 0) {
    name += kFirst[n % 16];
    name += kSecond[n / 16 % 8];
    n /= 128;
  }
  return name;
}

std::string hex(Random& random, size_t digits) {
  std::string out;
  while (out.size() < digits) {
    out += "0123456789abcdef"[random() % 16];
  }
  return out;
}

std::string letters(Random& random, size_t count) {
  constexpr std::string_view kAll =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  std::string out;
  while (out.size() < count) {
    out += kAll[random() % kAll.size()];
  }
  return out;
}

struct Value {
  std::string kind;
  std::vector<std::string> words;

  uint64_t number() const { return words.empty() ? 1 : std::stoull(words[0]); }
  // Some are asked for much more often than others.
  uint64_t one(Random& random) const {
    const double u = static_cast<double>(random() % 1'000'000) / 1e6;
    return static_cast<uint64_t>(static_cast<double>(number()) * u * u * u);
  }
  std::string slug(uint64_t n) const {
    std::string out = name_of(n * 7919);
    for (uint64_t i = 0; i < n % 3 + 1; ++i) {
      out += '-' + name_of(n / (i + 2) % 200);
    }
    return out;
  }

  std::string draw(Random& random) const {
    if (kind == "name") return name_of(one(random) * 31);
    if (kind == "slug") return slug(one(random));
    if (kind == "int") return std::to_string(random() % 100'000 + 1);
    if (kind == "hex") return hex(random, number());
    if (kind == "uuid") {
      return hex(random, 8) + '-' + hex(random, 4) + '-' + hex(random, 4) + '-' + hex(random, 4) +
             '-' + hex(random, 12);
    }
    if (kind == "version")
      return fmt::format("v{}.{}.{}", random() % 9, random() % 30, random() % 9);
    if (kind == "file") return slug(one(random)) + '.' + words.at(1);
    if (kind == "prefixed") return words.at(0) + letters(random, 24);
    if (kind == "pod") return slug(one(random)) + '-' + hex(random, 9) + "-x" + hex(random, 4);
    if (kind == "node") return fmt::format("node-{}", one(random));
    if (kind == "order") return fmt::format("A{}-{}", 2020 + random() % 6, random() % 100'000);
    if (kind == "year") return std::to_string(2005 + random() % 20);
    if (kind == "month") return fmt::format("{:02}", random() % 12 + 1);
    if (kind == "date") {
      return fmt::format("20{:02}-{:02}-{:02}", random() % 26, random() % 12 + 1,
                         random() % 28 + 1);
    }
    if (kind == "email") return name_of(one(random)) + '@' + name_of(one(random) % 50) + ".example";
    if (kind == "domain") return name_of(one(random)) + ".example";
    if (kind == "title") {
      std::string title = slug(one(random));
      for (size_t i = 0; i < title.size(); ++i) {
        title[i] = title[i] == '-'                 ? '_'
                   : i == 0 || title[i - 1] == '_' ? static_cast<char>(std::toupper(title[i]))
                                                   : title[i];
      }
      return title;
    }
    if (kind == "zoom") return std::to_string(random() % 20);
    if (kind == "intfile") return fmt::format("{}.{}", random() % 10'000, words.at(0));
    if (kind == "oneof") return words[random() % words.size()];
    if (kind == "position") {
      return fmt::format("{:.4f},{:.4f}", static_cast<double>(random() % 90'000) / 1e3,
                         static_cast<double>(random() % 90'000) / 1e3);
    }
    ADD_FAILURE() << "no such kind: " << kind;
    return {};
  }
};

struct Api {
  std::map<std::string, Value> values;
  std::vector<std::string> templates;
  std::vector<size_t> tickets;  // indices of templates, as often as they are asked for

  std::string url(size_t which, Random& random) const {
    std::string out;
    const std::string& text = templates[which];
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '{') {
        out += text[i];
        continue;
      }
      const size_t close = text.find('}', i);
      out += values.at(text.substr(i + 1, close - i - 1)).draw(random);
      i = close;
    }
    return out + (random() % 4 == 0 ? "?page=2" : "");
  }
  std::string truth(size_t which) const {
    std::string out;
    const std::string& text = templates[which];
    for (size_t i = 0; i < text.size(); ++i) {
      out += text[i] == '{' ? '*' : text[i];
      i = text[i] == '{' ? text.find('}', i) : i;
    }
    return out;
  }
};

Api read_api(const std::filesystem::path& path) {
  Api api;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string first;
    std::string second;
    words >> first >> second;
    if (first.empty() || first[0] == '#') {
      continue;
    }
    if (second == "=") {
      Value& value = api.values[first];
      words >> value.kind;
      for (std::string word; words >> word;) {
        value.words.push_back(word);
      }
    } else {
      api.tickets.insert(api.tickets.end(), std::stoul(first), api.templates.size());
      api.templates.push_back(second);
    }
  }
  return api;
}

std::vector<std::string> all_apis() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(SONDE_TEST_DATA "/routes")) {
    names.push_back(entry.path().stem());
  }
  std::ranges::sort(names);
  return names;
}

class RouteTable : public testing::TestWithParam<std::string> {
 protected:
  Api api_ = read_api(SONDE_TEST_DATA "/routes/" + GetParam() + ".case");

  struct Judgement {
    size_t asked = 0;
    size_t right = 0;
    std::set<std::string, std::less<>> routes;
    // Of the last quarter: by template, the routes it was given.
    std::map<size_t, std::map<std::string, size_t>> late;
    std::map<std::string, size_t> wrong;
  };

  Judgement judge(const std::vector<size_t>& order, Random& random) const {
    RouteBudget budget;
    RouteLearner learner(budget);
    Judgement out;
    for (size_t i = 0; i < order.size(); ++i) {
      const std::string url = api_.url(order[i], random);
      const std::string route(learner.route_of(url));
      const std::string truth = api_.truth(order[i]);
      ++out.asked;
      out.right += route == truth ? 1 : 0;
      if (route != truth) {
        ++out.wrong[truth + " -> " + route];
      }
      out.routes.insert(route);
      if (i >= order.size() / 4 * 3) {
        ++out.late[order[i]][route];
      }
    }
    return out;
  }

  void expect_good(const Judgement& judgement, const std::string& what) const {
    const double share =
        static_cast<double>(judgement.right) / static_cast<double>(judgement.asked);
    std::string worst;
    std::vector<std::pair<size_t, std::string>> wrong;
    for (const auto& [text, count] : judgement.wrong) {
      wrong.emplace_back(count, text);
    }
    std::ranges::sort(wrong, std::greater<>());
    for (size_t i = 0; i < wrong.size() && i < 12; ++i) {
      worst += fmt::format("  {} {}\n", wrong[i].first, wrong[i].second);
    }
    EXPECT_GE(share, 0.98) << what << "\n" << worst;
    EXPECT_LE(judgement.routes.size(), kMaxRoutes) << what;
    std::map<std::string, size_t> owners;
    for (const auto& [which, routes] : judgement.late) {
      const auto most =
          std::ranges::max_element(routes, {}, [](const auto& route) { return route.second; });
      const auto [owner, fresh] = owners.emplace(most->first, which);
      EXPECT_TRUE(fresh) << what << ": " << api_.templates[which] << " and "
                         << api_.templates[owner->second] << " are both " << most->first;
    }
    fmt::print("{:10} {:8} {:.2f} % of {} right, {} routes of {}\n", GetParam(), what, 100 * share,
               judgement.asked, judgement.routes.size(), api_.templates.size());
  }

  static constexpr size_t kRequests = 20'000;
};

TEST_P(RouteTable, InAnyOrder) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    Random random(seed);
    std::vector<size_t> order(kRequests);
    std::ranges::generate(order, [&] { return api_.tickets[random() % api_.tickets.size()]; });
    expect_good(judge(order, random), "mixed");
  }
}

// One after the other, again and again, as tests and health checks do.
TEST_P(RouteTable, InTurn) {
  Random random(4);
  std::vector<size_t> order(kRequests);
  for (size_t i = 0; i < order.size(); ++i) {
    order[i] = i % api_.templates.size();
  }
  expect_good(judge(order, random), "in turn");
}

// A long run of one, then of the next.
TEST_P(RouteTable, InRuns) {
  Random random(5);
  std::vector<size_t> order;
  for (size_t round = 0; order.size() < kRequests; ++round) {
    order.insert(order.end(), 50, (round * 7) % api_.templates.size());
  }
  expect_good(judge(order, random), "in runs");
}

INSTANTIATE_TEST_SUITE_P(Apis, RouteTable, testing::ValuesIn(all_apis()),
                         [](const auto& api) { return api.param; });

}  // namespace
}  // namespace sonde
