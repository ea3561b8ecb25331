// SPDX-License-Identifier: Apache-2.0
#include "userspace/config/rate_text.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "userspace/config/problems.h"
#include "userspace/config/rule_text.h"

namespace sonde {

std::optional<std::string> set_rate_field(std::string_view name, std::string_view value,
                                          RateRule& rule) {
  if (name == "rate") {
    uint64_t hz = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), hz);
    if (error != std::errc() || end != value.data() + value.size() || hz > kMostHz) {
      return fmt::format("rate {} is not a whole number from 0 to {}", quoted(value), kMostHz);
    }
    if (rule.hz) {
      return "rate is given twice: write two rules";
    }
    rule.hz = hz;
    return std::nullopt;
  }
  if (name == "service") {
    if (value.empty() || value.size() > kMaxGlob) {
      return fmt::format("service must have 1 to {} characters", kMaxGlob);
    }
    if (!rule.service.empty()) {
      return "service is given twice: write two rules";
    }
    rule.service = value;
    return std::nullopt;
  }
  if (name == "port") {
    return "a sample has no port: name the service instead";
  }
  return set_rule_field(name, value, rule.match);
}

std::optional<std::string> check_rate(const RateRule& rule) {
  if (!rule.hz) {
    return "a rule needs a rate";
  }
  if (rule.service.empty() && rule.match == SelectionRule{}) {
    return "a rule needs at least one of service, exe, args, user, cgroup, container";
  }
  return std::nullopt;
}

std::vector<std::pair<std::string_view, std::string>> rate_fields(const RateRule& rule) {
  auto fields = rule_fields(rule.match);
  if (!rule.service.empty()) {
    fields.emplace_back("service", rule.service);
  }
  if (rule.hz) {
    fields.emplace_back("rate", fmt::format("{}", *rule.hz));
  }
  return fields;
}

Result<RateRule> parse_rate(std::string_view text) {
  RateRule rule;
  for (const std::string_view piece : split_unescaped(text, ',')) {
    const size_t equals = piece.find('=');
    if (equals == std::string_view::npos) {
      return fail(fmt::format("{} is not a rule such as service=cart,rate=199", quoted(text)));
    }
    std::string_view name = piece.substr(0, equals);
    name.remove_prefix(std::min(name.find_first_not_of(' '), name.size()));
    if (const auto wrong = set_rate_field(name, piece.substr(equals + 1), rule)) {
      return fail(*wrong);
    }
  }
  return rule;
}

}  // namespace sonde
