// SPDX-License-Identifier: Apache-2.0
// Paths in, templates out: by shape at once, by number of different words later, and never more
// than the cap.
#include "userspace/pipeline/routes.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>
#include <vector>

#include "userspace/pipeline/route_segment.h"

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

TEST(Routes, APlaceWithManyWordsTakesValues) {
  RouteBudget budget;
  RouteLearner routes(budget);
  std::vector<std::string> names;
  for (char a = 'a'; a <= 'z'; ++a) {
    names.push_back(std::string(1, a) + "lice");
    names.push_back(std::string(1, a) + "ob");
  }
  for (size_t i = 0; i < kMaxWords; ++i) {
    EXPECT_EQ(routes.route_of("/users/" + names[i]), "/users/" + names[i]);
  }
  EXPECT_EQ(routes.collapses(), 0u);
  EXPECT_EQ(routes.route_of("/users/" + names[kMaxWords]), "/users/*");
  EXPECT_EQ(routes.collapses(), 1u);
  EXPECT_EQ(routes.route_of("/users/" + names[0]), "/users/*") << "early words follow";
  EXPECT_EQ(routes.route_of("/users/" + names[0] + "/cart"), "/users/*/cart");
  EXPECT_EQ(routes.route_of("/health"), "/health") << "other places are untouched";
}

TEST(Routes, NodesAreGivenBack) {
  RouteBudget budget{.nodes = 50};
  {
    RouteLearner routes(budget);
    for (int i = 0; i < 100; ++i) {
      std::string word(1, static_cast<char>('a' + i % 26));
      word += static_cast<char>('a' + i / 26);
      routes.route_of("/" + word);
    }
    EXPECT_EQ(budget.nodes, 49u) << "after the collapse the root has its wildcard alone";
  }
  EXPECT_EQ(budget.nodes, 50u);
}

TEST(Routes, WithoutNodesThereIsOneRoute) {
  RouteBudget budget{.nodes = 1};
  RouteLearner routes(budget);
  EXPECT_EQ(routes.route_of("/a"), "/a");
  EXPECT_EQ(routes.route_of("/b"), "/**");
  EXPECT_EQ(routes.route_of("/a/b"), "/**");
  EXPECT_EQ(routes.route_of("/a"), "/a");
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
