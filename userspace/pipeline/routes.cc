// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/routes.h"

#include <algorithm>
#include <utility>

#include "userspace/pipeline/route_segment.h"

namespace sonde {
namespace {

constexpr std::string_view kWildcard = "*";
constexpr uint32_t kRoot = 0;
constexpr size_t kNoWord = SIZE_MAX;

// Words that are kept of those a word leads to.
constexpr size_t kLeadsTo = 12;
// From so many hits on nothing more is learned about a word.
constexpr uint32_t kSettledTaken = 8;
constexpr uint32_t kSettledValue = 64;
// The next segment that is not empty, moved past; empty at the end.
std::string_view next_segment(std::string_view& rest) {
  while (!rest.empty() && rest[0] == '/') {
    rest.remove_prefix(1);
  }
  const std::string_view segment = rest.substr(0, rest.find('/'));
  rest.remove_prefix(segment.size());
  return segment;
}

// Where a word that counts as a value leads, as far as it is kept.
void note_where(auto& word, std::string_view following) {
  if (following.empty() || word.leads_on) {
    return;
  }
  if (looks_like_value(following)) {
    ++word.to_values;
  } else if (std::ranges::find(word.to_words, following) == word.to_words.end()) {
    word.leads_on = word.to_words.size() == kLeadsTo;
    if (word.leads_on) {
      word.to_words = {};
    } else {
      word.to_words.emplace_back(following);
    }
  }
}

}  // namespace

RouteLearner::RouteLearner(RouteBudget& budget) : budget_(budget) {
  nodes_.emplace_back();  // the root is on the house
}

RouteLearner::~RouteLearner() { budget_.nodes += taken_from_budget_; }

LearnedRoute RouteLearner::learn(std::string_view path) {
  path = path.substr(0, path.find_first_of("?#"));
  if (path.empty()) {
    return {};
  }
  if (path[0] != '/') {
    return {.text = kWildcard};  // "*" itself, an authority, or nonsense: one route for all
  }
  drop(0);  // what the path before left behind
  route_.clear();
  settled_ = true;
  uint32_t at = kRoot;
  size_t depth = 0;
  std::string_view segment = next_segment(path);
  while (!segment.empty()) {
    if (depth++ == kMaxRouteSegments) {
      route_ += kAnyRoute;
      return {.text = admit(nodes_[at].is_deep_route), .settled = settled_};
    }
    const std::string_view following = next_segment(path);
    at = step(at, segment, following);
    if (at == 0) {
      return {.text = kAnyRoute, .settled = settled_};
    }
    segment = following;
  }
  if (route_.empty()) {
    route_ += '/';
  }
  return {.text = admit(nodes_[at].is_route), .settled = settled_};
}

std::string_view RouteLearner::admit(bool& known) {
  if (!known) {
    if (std::ranges::find(known_routes_, route_) == known_routes_.end()) {
      if (routes() >= kMaxRoutes) {
        return kAnyRoute;
      }
      known_routes_.push_back(route_);
    }
    known = true;
  }
  return route_;
}

uint32_t RouteLearner::step(uint32_t at, std::string_view segment, std::string_view following) {
  route_ += '/';
  if (looks_like_value(segment)) {
    ++nodes_[at].value_hits;
    return wildcard_of(at);
  }
  const size_t place = count(at, segment, following);
  if (place == kNoWord) {
    settled_ = false;
    // Without room for words there is room for nothing, or the place has too many of them.
    return nodes_[at].takes_values ? wildcard_of(at) : 0;
  }
  if (take(at, place)) {
    Word& word = nodes_[at].words[place];
    settled_ &= word.hits >= kSettledTaken;
    route_ += word.text;
    if (word.node == 0) {
      const uint32_t node = new_node(at);
      Word& named = nodes_[at].words[place];  // the vector of nodes may have moved
      named.node = node;
      if (std::ranges::find(collections_, named.text) != collections_.end()) {
        nodes_[node].takes_values = nodes_[node].for_good = true;
      }
      return node;
    }
    return word.node;
  }
  Node& node = nodes_[at];
  settled_ &= node.words[place].hits >= kSettledValue;
  ++node.wild_hits;
  node.wild_ends += following.empty() ? 1 : 0;
  return wildcard_of(at);
}

uint32_t RouteLearner::wildcard_of(uint32_t at) {
  route_ += kWildcard;
  if (nodes_[at].wildcard == 0) {
    if (budget_.nodes == 0) {
      return 0;
    }
    --budget_.nodes;
    ++taken_from_budget_;
    const uint32_t node = new_node(at);
    nodes_[at].wildcard = node;
  }
  return nodes_[at].wildcard;
}

size_t RouteLearner::count(uint32_t at, std::string_view segment, std::string_view following) {
  Node& node = nodes_[at];
  size_t place = 0;
  while (place < node.words.size() && node.words[place].text != segment) {
    ++place;
  }
  const bool fresh = place == node.words.size();
  if (fresh) {
    if (node.words.size() == kMaxWords && !forget_one(at)) {
      if (!node.takes_values) {
        take_values(at);
      }
      node.for_good = true;
      return kNoWord;
    }
    if (budget_.nodes == 0) {
      return kNoWord;
    }
    --budget_.nodes;
    ++taken_from_budget_;
    place = node.words.size();
    node.words.push_back({.text = std::string(segment)});
    ++node.single;
  }
  Word& word = node.words[place];
  node.single -= word.hits == 1 ? 1 : 0;
  word.hits += word.hits < UINT32_MAX ? 1 : 0;
  word.ends += following.empty() && word.ends < UINT32_MAX ? 1 : 0;
  node.hits += node.hits < UINT32_MAX ? 1 : 0;
  if (node.takes_values && !word.taken) {
    note_where(word, following);
  }
  if (fresh) {
    compare_with_siblings(at);
  }
  if (fresh || node.takes_values) {
    judge(at);
  }
  return place;
}

// Makes room for a word: one that was seen once goes. False: there is none.
bool RouteLearner::forget_one(uint32_t at) {
  Node& node = nodes_[at];
  for (size_t i = 0; i < node.words.size(); ++i) {
    const size_t place = (node.oldest + i) % node.words.size();
    if (node.words[place].hits == 1 && !node.words[place].taken) {
      node.oldest = static_cast<uint32_t>(place);
      node.words.erase(node.words.begin() + static_cast<ptrdiff_t>(place));
      --node.single;
      ++budget_.nodes;
      --taken_from_budget_;
      return true;
    }
  }
  return false;
}

uint32_t RouteLearner::new_node(uint32_t parent) {
  uint32_t node = 0;
  if (!free_.empty()) {
    node = free_.back();
    free_.pop_back();
  } else {
    nodes_.emplace_back();
    node = static_cast<uint32_t>(nodes_.size() - 1);
  }
  nodes_[node].parent = parent;
  return node;
}

// Frees a node and all below it, and those that wait in to_drop_.
void RouteLearner::drop(uint32_t first) {
  if (first != 0) {
    to_drop_.push_back(first);
  }
  while (!to_drop_.empty()) {
    const uint32_t node = to_drop_.back();
    to_drop_.pop_back();
    size_t units = nodes_[node].words.size();
    for (const Word& word : nodes_[node].words) {
      if (word.node != 0) {
        to_drop_.push_back(word.node);
      }
    }
    if (nodes_[node].wildcard != 0) {
      to_drop_.push_back(nodes_[node].wildcard);
      ++units;
    }
    budget_.nodes += units;
    taken_from_budget_ -= units;
    nodes_[node] = Node{};
    free_.push_back(node);
  }
}

}  // namespace sonde
