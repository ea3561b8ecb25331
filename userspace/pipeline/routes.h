// SPDX-License-Identifier: Apache-2.0
// RouteLearner: raw paths of one service to few route templates: "/users/42/cart?x=1" is
// "/users/*/cart".
//
// A segment that looks like a value is a wildcard at once. Whether the other words of a place are
// written into the service or are values too (names, titles) shows in how they come: what is
// written into a service comes again, of values most are seen once. A place keeps count of its
// words:
//   - the first words are taken as they are, so that a small service has its routes at once;
//   - later ones when they come a second time and the place is calm: few of its words are single;
//   - a place most of whose words are single takes values: its words are wildcards, but for those
//     that were frequent before; if its words come again after all, it is calm again;
//   - a place whose words all lead on to the same words (namespaces/NAME/pods, .../services) takes
//     values, too, however few they are;
//   - among values a frequent word stands out that behaves as no value does there: it always ends
//     the path where they do not, or leads where none of them does.
// What was counted under a word before its place was known to take values stays where it is, since
// counters must not go backwards: such series stand still, and expire as idle ones do. The sum over
// all routes is exact at any time.
//
// Whatever comes, a service has at most kMaxRoutes templates in its life; what would be one more is
// kAnyRoute. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sonde {

inline constexpr std::string_view kAnyRoute = "/**";
inline constexpr size_t kMaxRoutes = 100;        // of a service, kAnyRoute included
inline constexpr size_t kMaxRouteSegments = 10;  // deeper paths end in "/**"
inline constexpr size_t kFirstWords = 16;        // of a place, taken as they are
inline constexpr size_t kFirstWordsInAll = 32;   // ... and of a service
inline constexpr size_t kMaxWords = 128;         // of a place, counted

// Words and wildcards that all learners of a shard may still take; must outlive them.
struct RouteBudget {
  size_t nodes = 16384;
};

struct LearnedRoute {
  std::string_view text;  // valid until the next call
  // The same path will have this route until changes() moves: nothing is learned by asking again.
  bool settled = true;
};

class RouteLearner {
 public:
  explicit RouteLearner(RouteBudget& budget);
  ~RouteLearner();
  RouteLearner(const RouteLearner&) = delete;
  RouteLearner& operator=(const RouteLearner&) = delete;

  // The template of a path of any bytes; query and fragment are never part of it. Empty for an
  // empty path.
  LearnedRoute learn(std::string_view path);
  std::string_view route_of(std::string_view path) { return learn(path).text; }

  // kAnyRoute, and that of paths without a slash, included.
  size_t routes() const { return known_routes_.size() + 2; }
  // Moves when routes that were settled may be others now.
  uint64_t changes() const { return changes_; }

 private:
  struct Word {
    std::string text;
    uint32_t node = 0;  // 0: none yet, it was never taken as it is
    uint32_t hits = 0;
    uint32_t ends = 0;  // paths that ended with it
    bool taken = false;
    // Where it leads, while it counts as a value: words, and segments that look like values.
    bool leads_on = false;  // to more words than we keep here
    uint32_t to_values = 0;
    std::vector<std::string> to_words = {};
  };
  struct Node {
    std::vector<Word> words;
    uint32_t parent = 0;
    uint32_t wildcard = 0;    // 0: none (the root is nobody's child)
    uint32_t hits = 0;        // of words, since it was judged last
    uint32_t value_hits = 0;  // of segments that look like values
    uint32_t wild_hits = 0;   // of words taken as values
    uint32_t wild_ends = 0;   // ... with which the path ended
    uint32_t single = 0;      // words seen once
    uint32_t oldest = 0;      // where to look for a word to forget
    bool takes_values = false;
    bool for_good = false;       // ... and will
    bool is_route = false;       // a path ended here
    bool is_deep_route = false;  // a path was cut here, for its depth
  };

  // The child of a node for a segment; appends to route_. 0: no node to be had.
  uint32_t step(uint32_t at, std::string_view segment, std::string_view following);
  uint32_t wildcard_of(uint32_t at);
  // Counts the word. Its place among the node's words; kNoWord: it could not be kept.
  size_t count(uint32_t at, std::string_view segment, std::string_view following);
  bool forget_one(uint32_t at);
  bool take(uint32_t at, size_t word);
  bool stands_out(const Node& node, const Word& word) const;
  bool leads_elsewhere(const Node& node, const Word& word) const;
  void judge(uint32_t at);
  void take_values(uint32_t at);
  void compare_with_siblings(uint32_t at);
  void values_below(uint32_t at, const auto& meant);
  uint32_t new_node(uint32_t parent);
  void drop(uint32_t node);
  // Counts the template that route_ holds when it is new; kAnyRoute when it is one too many.
  std::string_view admit(bool& known);

  RouteBudget& budget_;
  std::vector<Node> nodes_;
  std::vector<uint32_t> free_;
  std::vector<uint32_t> to_drop_;
  std::vector<std::string> collections_;
  std::string route_;
  bool settled_ = true;                    // of the path being learned
  std::vector<std::string> known_routes_;  // ever given, as what was dropped may be learned again
  size_t first_words_ = 0;
  size_t taken_from_budget_ = 0;
  uint64_t changes_ = 0;
};

}  // namespace sonde
