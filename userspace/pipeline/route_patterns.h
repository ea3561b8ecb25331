// SPDX-License-Identifier: Apache-2.0
// RoutePatterns: the routes that the operator knows. Pure and immutable: any thread may ask.
//
// A pattern is a path; a segment of it may be a word, a parameter ({id}, :id, *, any one segment),
// or hold parameters ({y}.png, v*); ** at its end, or {path...}, is any rest, none too. SERVICE:
// before it (a glob on the service's name) keeps it to some services. The first that matches is the
// route, as it is written.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sonde {

inline constexpr size_t kMaxPatterns = 1024;

// Where a route comes from; spans say so (sonde.route.source).
enum class RouteSource : uint8_t {
  kNone,      // there is no route
  kProtocol,  // the exchange said it itself
  kPattern,   // by the operator's word
  kLearned,
};
std::string_view name_of(RouteSource source);

class RoutePatterns {
 public:
  RoutePatterns() = default;
  // What is beyond kMaxPatterns is left out.
  explicit RoutePatterns(std::span<const std::string> patterns);

  // The patterns that a service has to do with.
  RoutePatterns for_service(std::string_view service) const;

  bool empty() const { return patterns_.empty(); }
  // The route of a path, query and fragment aside; empty: none matches.
  std::string_view match(std::string_view path) const;

 private:
  struct Segment {
    std::string text;  // a word, or a glob
    bool glob = false;
  };
  struct Pattern {
    std::string service;  // glob; empty: any
    std::string route;    // as written
    std::vector<Segment> segments;
    bool any_rest = false;
  };

  std::vector<Pattern> patterns_;
};

}  // namespace sonde
