// SPDX-License-Identifier: Apache-2.0
// Paths in, templates out: by shape at once, by number of different words later, and never more
// than the cap.
#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>
#include <vector>

#include "userspace/pipeline/route_segment.h"
#include "userspace/pipeline/service_routes.h"

namespace sonde {
namespace {

TEST(RouteSegment, WordsStayWords) {
  for (const char* word : {"users",       "user-profile", "GetUserById",
                           "index.html",  "v1",           "V2",
                           "v1.2",        "v1beta1",      "v2alpha",
                           "oauth2",      "i18n",         "s3",
                           "p2p",         "h2-console",   "2fa",
                           "docs:search", "me",           "facade",
                           "deadbeef",    ".well-known",  "swagger-ui.css",
                           "_search",     "a~b",          "$metadata"}) {
    EXPECT_FALSE(looks_like_value(word)) << word;
  }
}

TEST(RouteSegment, ValuesAreFound) {
  for (const char* value : {"1",
                            "42",
                            "007",
                            "3.14",
                            "2024-05-01",
                            "20240501T101500Z",
                            "123e4567-e89b-12d3-a456-426614174000",
                            "d41d8cd98f00b204e9800998ecf8427e",
                            "abcdef12",
                            "user42x7",
                            "order1001",
                            "item-7",
                            "page_2",
                            "jane@example.org",
                            "a%20b",
                            "x=1",
                            "a,b",
                            "Products(5)",
                            "dQw4w9WgXcQ",
                            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
                            "jquery-3.6.0.min.js",
                            "caf\xc3\xa9",
                            "\x01",
                            "+49301234567",
                            "v2024",
                            "a-very-long-title-of-an-article-about-nothing-at-all"}) {
    EXPECT_TRUE(looks_like_value(value)) << value;
  }
}

TEST(Routes, TemplatesByShape) {
  RouteBudget budget;
  RouteLearner routes(budget);
  const std::vector<std::pair<std::string, std::string>> table = {
      {"", ""},
      {"/", "/"},
      {"//", "/"},
      {"/?q=1", "/"},
      {"/users", "/users"},
      {"/users/", "/users"},
      {"//users//", "/users"},
      {"/users/42", "/users/*"},
      {"/users/42/cart", "/users/*/cart"},
      {"/users/43/cart?x=1", "/users/*/cart"},
      {"/users/me", "/users/me"},
      {"/users#top", "/users"},
      {"/api/v1/orders/123e4567-e89b-12d3-a456-426614174000", "/api/v1/orders/*"},
      {"/api/v2/orders/7/lines/9", "/api/v2/orders/*/lines/*"},
      {"*", "*"},
      {"example.org:443", "*"},
      {"/a\x01"
       "b/\xff",
       "/*/*"},
      {"/pkg.Service/Method", "/pkg.Service/Method"},
      {"/a/b/c/d/e/f/g/h/i/j", "/a/b/c/d/e/f/g/h/i/j"},
      {"/a/b/c/d/e/f/g/h/i/j/k", "/a/b/c/d/e/f/g/h/i/j/**"},
      {"/a/b/c/d/e/f/g/h/i/j/k/l", "/a/b/c/d/e/f/g/h/i/j/**"},
  };
  for (const auto& [path, want] : table) {
    EXPECT_EQ(routes.route_of(path), want) << path;
  }
}

// Pronounceable and different, for each number.
std::string name_of(uint64_t n) {
  static constexpr std::string_view kSyllables[] = {"ba", "ko", "li", "mu", "ne", "pa", "ri", "so",
                                                    "tu", "ve", "wa", "xi", "yo", "zu", "da", "fe"};
  std::string name;
  do {
    name += kSyllables[n % 16];
    n /= 16;
  } while (n > 0);
  return name + "n";
}

std::vector<std::string> names(size_t count, uint64_t from = 0) {
  std::vector<std::string> out;
  for (size_t i = 0; i < count; ++i) {
    out.push_back(name_of(from + i));
  }
  return out;
}

TEST(Routes, FirstWordsStandAtOnce) {
  RouteBudget budget;
  RouteLearner routes(budget);
  for (const std::string& name : names(kFirstWords)) {
    EXPECT_EQ(routes.route_of("/" + name), "/" + name);
  }
}

TEST(Routes, WordsThatAreSeenOnceAreValues) {
  RouteBudget budget;
  RouteLearner routes(budget);
  for (const std::string& name : names(40)) {
    routes.route_of("/users/" + name + "/cart");
  }
  EXPECT_GT(routes.changes(), 0u);
  EXPECT_EQ(routes.route_of("/users/" + name_of(0) + "/cart"), "/users/*/cart") << "early ones too";
  EXPECT_EQ(routes.route_of("/users/" + name_of(99)), "/users/*");
  EXPECT_EQ(routes.route_of("/health"), "/health") << "other places are untouched";
}

// Whoever asks for each route once, in order, and again: in the end all stand apart.
TEST(Routes, WordsThatComeAgainAreRoutesWhateverTheirOrder) {
  RouteBudget budget;
  RouteLearner routes(budget);
  const std::vector<std::string> words = names(50);
  for (int round = 0; round < 8; ++round) {
    for (const std::string& word : words) {
      routes.route_of("/api/" + word);
    }
  }
  for (const std::string& word : words) {
    EXPECT_EQ(routes.route_of("/api/" + word), "/api/" + word);
  }
}

TEST(Routes, FrequentWordsStayAmongValues) {
  RouteBudget budget;
  RouteLearner routes(budget);
  for (int i = 0; i < 30; ++i) {
    routes.route_of("/users/me");
    routes.route_of("/users/search");
  }
  for (const std::string& name : names(500)) {
    routes.route_of("/users/" + name);
  }
  EXPECT_EQ(routes.route_of("/users/me"), "/users/me");
  EXPECT_EQ(routes.route_of("/users/search"), "/users/search");
  EXPECT_EQ(routes.route_of("/users/" + name_of(3)), "/users/*");
}

TEST(Routes, WordsThatLeadToTheSameWordsAreValuesHoweverFew) {
  RouteBudget budget;
  RouteLearner routes(budget);
  for (int round = 0; round < 20; ++round) {
    for (const std::string& space : names(10)) {
      for (const char* kind : {"pods", "services", "secrets"}) {
        routes.route_of("/api/v1/namespaces/" + space + "/" + kind);
      }
      routes.route_of("/api/v1/nodes");
    }
  }
  EXPECT_EQ(routes.route_of("/api/v1/namespaces/" + name_of(3) + "/pods"),
            "/api/v1/namespaces/*/pods");
  EXPECT_EQ(routes.route_of("/api/v1/nodes"), "/api/v1/nodes");
}

TEST(Routes, SettledMeansTheSameAgain) {
  RouteBudget budget;
  RouteLearner routes(budget);
  EXPECT_TRUE(routes.learn("/").settled);
  EXPECT_FALSE(routes.learn("/users/42").settled);
  for (int i = 0; i < 20; ++i) {
    routes.learn("/users/42");
  }
  EXPECT_TRUE(routes.learn("/users/43").settled);
}

TEST(Routes, NodesAreGivenBack) {
  RouteBudget budget{.nodes = 500};
  {
    RouteLearner routes(budget);
    for (const std::string& name : names(2000)) {
      routes.route_of("/" + name + "/" + name);
    }
    EXPECT_GT(budget.nodes, 100u) << "words of values are forgotten";
  }
  EXPECT_EQ(budget.nodes, 500u);
}

TEST(Routes, WithoutNodesThereIsOneRoute) {
  RouteBudget budget{.nodes = 1};
  RouteLearner routes(budget);
  EXPECT_EQ(routes.route_of("/a"), "/a");
  EXPECT_EQ(routes.route_of("/b"), "/**");
  EXPECT_EQ(routes.route_of("/a/b"), "/**");
  EXPECT_EQ(routes.route_of("/a"), "/a");
}

TEST(RoutePatterns, TheFirstThatMatchesAsItIsWritten) {
  const std::vector<std::string> written = {
      "/users/me",        "/users/{id}", "/users/:id/posts", "/tiles/{z}/{x}/{y}.png",
      "/files/{path...}", "/static/**",  "shop*:/cart/*",    "/v*/status"};
  const RoutePatterns patterns(written);
  EXPECT_EQ(patterns.match("/users/me?x=1"), "/users/me");
  EXPECT_EQ(patterns.match("//users/jane/"), "/users/{id}");
  EXPECT_EQ(patterns.match("/users/jane/posts"), "/users/:id/posts");
  EXPECT_EQ(patterns.match("/users/jane/photos"), "");
  EXPECT_EQ(patterns.match("/tiles/3/4/5.png"), "/tiles/{z}/{x}/{y}.png");
  EXPECT_EQ(patterns.match("/tiles/3/4/5.jpg"), "");
  EXPECT_EQ(patterns.match("/files/a/b/c"), "/files/{path...}");
  EXPECT_EQ(patterns.match("/static"), "/static/**");
  EXPECT_EQ(patterns.match("/v2/status"), "/v*/status");
  EXPECT_EQ(patterns.match("/cart/7"), "/cart/*");
  EXPECT_EQ(patterns.for_service("wiki").match("/cart/7"), "");
  EXPECT_EQ(patterns.for_service("shop-eu").match("/cart/7"), "/cart/*");
  EXPECT_EQ(patterns.match("users"), "");
  EXPECT_EQ(patterns.match(""), "");
}

TEST(ServiceRoutes, PatternsBeforeLearning) {
  const std::vector<std::string> written = {"/users/{id}"};
  RouteBudget budget;
  ServiceRoutes routes(budget, RoutePatterns(written));
  const Route known = routes.of("/users/jane");
  EXPECT_EQ(known.text, "/users/{id}");
  EXPECT_EQ(known.source, RouteSource::kPattern);
  const Route learned = routes.of("/orders/7");
  EXPECT_EQ(learned.text, "/orders/*");
  EXPECT_EQ(learned.source, RouteSource::kLearned);
  EXPECT_EQ(routes.of("").source, RouteSource::kNone);
}

// A million different URLs of several shapes, words among them, must stay within the cap.
TEST(Routes, AMillionUrlsGiveFewRoutes) {
  RouteBudget budget;
  RouteLearner routes(budget);
  std::mt19937_64 random(20261120);
  const auto word = [&] {
    std::string out;
    for (size_t i = 0, n = 1 + random() % 12; i < n; ++i) {
      out += static_cast<char>('a' + random() % 26);
    }
    return out;
  };
  std::set<std::string, std::less<>> seen;
  for (int i = 0; i < 1'000'000; ++i) {
    std::string path;
    switch (random() % 4) {
      case 0:
        path = "/users/" + std::to_string(i) + "/" + word();
        break;
      case 1:
        path = "/" + word() + "/" + word() + "/" + std::to_string(i);
        break;
      case 2:
        for (size_t n = random() % 14; n > 0; --n) {
          path += "/" + word();
        }
        path += "/?" + std::to_string(i);
        break;
      default:
        for (size_t n = 1 + random() % 40; n > 0; --n) {
          path += static_cast<char>(random());
        }
    }
    const std::string_view route = routes.route_of(path);
    if (!seen.contains(route)) {
      seen.emplace(route);
    }
  }
  seen.erase("");
  EXPECT_LE(seen.size(), kMaxRoutes);
  EXPECT_LE(routes.routes(), kMaxRoutes);
  EXPECT_GT(seen.size(), 10u);
}

}  // namespace
}  // namespace sonde
