// SPDX-License-Identifier: Apache-2.0
// ServiceRoutes: the route of a path of one service: by the operator's patterns, else learned. One
// thread.
#pragma once

#include <string_view>
#include <utility>

#include "userspace/pipeline/route_patterns.h"
#include "userspace/pipeline/routes.h"

namespace sonde {

struct Route {
  std::string_view text;  // valid until the next call; empty: none
  RouteSource source = RouteSource::kNone;
  // The same path will have this route until changes() moves; until it is settled the path must be
  // asked about again and again, for that is how it is learned.
  bool settled = true;
};

class ServiceRoutes {
 public:
  // budget must outlive it.
  ServiceRoutes(RouteBudget& budget, RoutePatterns patterns)
      : patterns_(std::move(patterns)), learner_(budget) {}

  Route of(std::string_view path) {
    if (const std::string_view known = patterns_.match(path); !known.empty()) {
      return {.text = known, .source = RouteSource::kPattern};
    }
    const LearnedRoute learned = learner_.learn(path);
    return {.text = learned.text,
            .source = learned.text.empty() ? RouteSource::kNone : RouteSource::kLearned,
            .settled = learned.settled};
  }
  // Other patterns from now on; what was learned stays. Every route may be another now, settled or
  // not: changes() does not tell.
  void set_patterns(RoutePatterns patterns) { patterns_ = std::move(patterns); }
  // Moves when a route that was settled may be another now.
  uint64_t changes() const { return learner_.changes(); }

 private:
  RoutePatterns patterns_;
  RouteLearner learner_;
};

}  // namespace sonde
