// SPDX-License-Identifier: Apache-2.0
// RouteLearner: raw paths of one service to few route templates: "/users/42/cart?x=1" is
// "/users/*/cart".
//
// A segment that looks like a value is a wildcard at once. The others are kept as words of a trie;
// a place that has had more than kMaxWords different ones takes values after all, and is a wildcard
// from then on. Series counted under the words until then remain as they are, since counters must
// not go backwards: a service whose values look like words shows up to kMaxWords old routes beside
// the wildcard, each standing still.
//
// Whatever comes, a service has at most kMaxRoutes templates in its life; what would be one more is
// kAnyRoute. Patterns that users give will be asked before the learner, not by it. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sonde {

inline constexpr std::string_view kAnyRoute = "/**";
inline constexpr size_t kMaxRoutes = 100;        // of a service, kAnyRoute included
inline constexpr size_t kMaxWords = 32;          // different words in one place
inline constexpr size_t kMaxRouteSegments = 10;  // deeper paths end in "/**"

// Trie nodes that all learners of a shard may still take; must outlive them.
struct RouteBudget {
  size_t nodes = 16384;
};

class RouteLearner {
 public:
  explicit RouteLearner(RouteBudget& budget);
  ~RouteLearner();
  RouteLearner(const RouteLearner&) = delete;
  RouteLearner& operator=(const RouteLearner&) = delete;

  // The template of a path of any bytes; query and fragment are never part of it. Empty for an
  // empty path. The view is valid until the next call.
  std::string_view route_of(std::string_view path);

  size_t routes() const { return routes_; }
  // How often a place became a wildcard: what was learned for earlier paths may have changed when
  // this has.
  uint64_t collapses() const { return collapses_; }

 private:
  struct Word {
    std::string text;
    uint32_t node;
  };
  struct Node {
    std::vector<Word> words;
    uint32_t wildcard = 0;       // 0: none (the root is nobody's child)
    bool takes_values = false;   // had too many words: has none any more
    bool is_route = false;       // a path ended here
    bool is_deep_route = false;  // a path was cut here, for its depth
  };

  // The child of a node for a segment; appends to route_. 0: no node to be had.
  uint32_t step(uint32_t at, std::string_view segment);
  uint32_t new_node();
  void collapse(uint32_t at);
  void drop_words(uint32_t at);
  // Counts the template that route_ holds when it is new; kAnyRoute when it is one too many.
  std::string_view admit(bool& known);

  RouteBudget& budget_;
  std::vector<Node> nodes_;
  std::vector<uint32_t> free_;
  std::vector<uint32_t> to_drop_;  // scratch
  std::string route_;
  size_t routes_ = 2;  // kAnyRoute, and that of paths without a slash
  uint64_t collapses_ = 0;
};

}  // namespace sonde
