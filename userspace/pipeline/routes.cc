// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/routes.h"

#include "userspace/pipeline/route_segment.h"

namespace sonde {
namespace {

constexpr std::string_view kWildcard = "*";
constexpr uint32_t kRoot = 0;

// The next segment that is not empty, moved past; empty at the end.
std::string_view next_segment(std::string_view& rest) {
  while (!rest.empty() && rest[0] == '/') {
    rest.remove_prefix(1);
  }
  const std::string_view segment = rest.substr(0, rest.find('/'));
  rest.remove_prefix(segment.size());
  return segment;
}

}  // namespace

RouteLearner::RouteLearner(RouteBudget& budget) : budget_(budget) {
  nodes_.emplace_back();  // the root is on the house
}

RouteLearner::~RouteLearner() { budget_.nodes += nodes_.size() - 1 - free_.size(); }

std::string_view RouteLearner::route_of(std::string_view path) {
  path = path.substr(0, path.find_first_of("?#"));
  if (path.empty()) {
    return {};
  }
  if (path[0] != '/') {
    return kWildcard;  // "*" itself, an authority, or nonsense: one route for all
  }
  route_.clear();
  uint32_t at = kRoot;
  size_t depth = 0;
  for (std::string_view segment = next_segment(path); !segment.empty();
       segment = next_segment(path)) {
    if (depth++ == kMaxRouteSegments) {
      route_ += kAnyRoute;
      return admit(nodes_[at].is_deep_route);
    }
    at = step(at, segment);
    if (at == 0) {
      return kAnyRoute;
    }
  }
  if (route_.empty()) {
    route_ += '/';
  }
  return admit(nodes_[at].is_route);
}

std::string_view RouteLearner::admit(bool& known) {
  if (!known) {
    if (routes_ >= kMaxRoutes) {
      return kAnyRoute;
    }
    known = true;
    ++routes_;
  }
  return route_;
}

uint32_t RouteLearner::step(uint32_t at, std::string_view segment) {
  route_ += '/';
  bool value = nodes_[at].takes_values || looks_like_value(segment);
  if (!value) {
    for (const Word& word : nodes_[at].words) {
      if (word.text == segment) {
        route_ += segment;
        return word.node;
      }
    }
    if (nodes_[at].words.size() == kMaxWords) {
      collapse(at);
      value = true;
    }
  }
  if (value && nodes_[at].wildcard != 0) {
    route_ += kWildcard;
    return nodes_[at].wildcard;
  }
  if (routes_ >= kMaxRoutes) {
    return 0;  // a new node could only lead to a new route
  }
  const uint32_t node = new_node();
  if (node == 0) {
    return 0;
  }
  if (value) {
    nodes_[at].wildcard = node;
    route_ += kWildcard;
  } else {
    nodes_[at].words.push_back({std::string(segment), node});
    route_ += segment;
  }
  return node;
}

uint32_t RouteLearner::new_node() {
  if (budget_.nodes == 0) {
    return 0;
  }
  --budget_.nodes;
  if (!free_.empty()) {
    const uint32_t node = free_.back();
    free_.pop_back();
    return node;
  }
  nodes_.emplace_back();
  return static_cast<uint32_t>(nodes_.size() - 1);
}

// What was known below the words is dropped with them: below the wildcard it is soon learned anew.
void RouteLearner::collapse(uint32_t at) {
  ++collapses_;
  nodes_[at].takes_values = true;
  drop_words(at);
  while (!to_drop_.empty()) {
    const uint32_t node = to_drop_.back();
    to_drop_.pop_back();
    drop_words(node);
    if (nodes_[node].wildcard != 0) {
      to_drop_.push_back(nodes_[node].wildcard);
    }
    nodes_[node] = Node{};
    free_.push_back(node);
    ++budget_.nodes;
  }
}

void RouteLearner::drop_words(uint32_t at) {
  for (const Word& word : nodes_[at].words) {
    to_drop_.push_back(word.node);
  }
  nodes_[at].words = {};
}

}  // namespace sonde
