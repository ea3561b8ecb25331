// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>

#include "userspace/config/nearest.h"
#include "userspace/config/rule_text.h"
#include "userspace/config/sources.h"
#include "userspace/config/value.h"

namespace sonde {
namespace {

constexpr size_t kMaxWarnings = 20;
constexpr std::string_view kPrefix = "SONDE_";

}  // namespace

std::vector<Assignment> read_environment(std::span<const std::string_view> variables,
                                         std::vector<std::string>& warnings) {
  std::vector<std::string> names;
  for (const Option& option : options()) {
    names.push_back(
        environment_name(option).substr(kPrefix.size()));  // what all share says nothing of a slip
  }
  const std::vector<std::string_view> known(names.begin(), names.end());

  std::vector<Assignment> assignments;
  for (const std::string_view variable : variables) {
    const size_t equals = variable.find('=');
    if (!variable.starts_with(kPrefix) || equals == std::string_view::npos ||
        equals + 1 == variable.size()) {
      continue;
    }
    const std::string_view name = variable.substr(0, equals);
    const Option* found = nullptr;
    for (size_t i = 0; i < names.size(); ++i) {
      found = name.substr(kPrefix.size()) == names[i] ? &options()[i] : found;
    }
    if (found != nullptr) {
      assignments.push_back({found, std::string(name), std::string(variable.substr(equals + 1))});
    } else if (const std::string_view meant = nearest(name.substr(kPrefix.size()), known);
               !meant.empty() && warnings.size() < kMaxWarnings) {
      warnings.push_back(
          fmt::format("{}: unknown variable; did you mean {}{}?", quoted(name), kPrefix, meant));
    }
  }
  return assignments;
}

void apply(std::span<const Assignment> assignments, Config& config, Problems& problems) {
  std::vector<const Option*> begun;  // lists that this source has begun anew
  for (const Assignment& assignment : assignments) {
    const Option& option = *assignment.option;
    const auto set = [&](std::string_view value) {
      if (const auto wrong = set_value(option, value, config)) {
        problems.add(assignment.where, *wrong);
      }
    };
    if (!is_list(option)) {
      set(assignment.value);
      continue;
    }
    if (std::find(begun.begin(), begun.end(), &option) == begun.end()) {
      clear_list(option, config);
      begun.push_back(&option);
    }
    if (assignment.value.empty()) {
      continue;
    }
    const bool rules = is_rule_list(option);
    for (const std::string_view piece : split_unescaped(assignment.value, rules ? ';' : ',')) {
      set(piece);
    }
  }
}

}  // namespace sonde
