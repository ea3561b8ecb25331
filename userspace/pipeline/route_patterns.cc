// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/route_patterns.h"

#include <algorithm>

#include "userspace/inventory/glob.h"

namespace sonde {
namespace {

std::string_view next_segment(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of('/'), rest.size()));
  const std::string_view segment = rest.substr(0, rest.find('/'));
  rest.remove_prefix(segment.size());
  return segment;
}

// "{y}.png" is the glob "*.png"; ":id" is "*"; what has no parameter is a word.
bool as_glob(std::string_view segment, std::string& glob) {
  bool found = segment.find('*') != std::string_view::npos;
  if (segment.size() > 1 && segment[0] == ':') {
    glob = "*";
    return true;
  }
  for (size_t i = 0; i < segment.size(); ++i) {
    const size_t close = segment[i] == '{' ? segment.find('}', i) : std::string_view::npos;
    if (close != std::string_view::npos) {
      glob += '*';
      found = true;
      i = close;
    } else {
      if (segment[i] == '\\' || segment[i] == '?') {
        glob += '\\';
      }
      glob += segment[i];
    }
  }
  return found;
}

bool is_rest(std::string_view segment) {
  return segment == "**" || (segment.starts_with('{') && segment.ends_with("...}"));
}

}  // namespace

std::string_view name_of(RouteSource source) {
  switch (source) {
    case RouteSource::kNone:
      break;
    case RouteSource::kProtocol:
      return "protocol";
    case RouteSource::kPattern:
      return "pattern";
    case RouteSource::kLearned:
      return "learned";
  }
  return {};
}

RoutePatterns::RoutePatterns(std::span<const std::string> patterns) {
  for (const std::string& text : patterns.first(std::min(patterns.size(), kMaxPatterns))) {
    Pattern pattern;
    const size_t slash = std::min(text.find('/'), text.size());
    pattern.service = text.substr(0, slash - (slash > 0 ? 1 : 0));  // without its colon
    pattern.route = text.substr(slash);
    std::string_view rest = pattern.route;
    for (std::string_view segment = next_segment(rest); !segment.empty() && !pattern.any_rest;
         segment = next_segment(rest)) {
      if (is_rest(segment)) {
        pattern.any_rest = true;
        continue;
      }
      Segment& made = pattern.segments.emplace_back();
      made.glob = as_glob(segment, made.text);
      if (!made.glob) {
        made.text = segment;
      }
    }
    patterns_.push_back(std::move(pattern));
  }
}

RoutePatterns RoutePatterns::for_service(std::string_view service) const {
  RoutePatterns own;
  std::ranges::copy_if(patterns_, std::back_inserter(own.patterns_), [&](const Pattern& pattern) {
    return pattern.service.empty() || glob_matches(pattern.service, service);
  });
  return own;
}

std::string_view RoutePatterns::match(std::string_view path) const {
  path = path.substr(0, path.find_first_of("?#"));
  if (path.empty() || path[0] != '/') {
    return {};
  }
  for (const Pattern& pattern : patterns_) {
    std::string_view rest = path;
    const bool fits = std::ranges::all_of(pattern.segments, [&](const Segment& wanted) {
      const std::string_view segment = next_segment(rest);
      return !segment.empty() &&
             (wanted.glob ? glob_matches(wanted.text, segment) : wanted.text == segment);
    });
    if (fits && (pattern.any_rest || next_segment(rest).empty())) {
      return pattern.route;
    }
  }
  return {};
}

}  // namespace sonde
