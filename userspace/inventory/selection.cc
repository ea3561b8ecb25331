// SPDX-License-Identifier: Apache-2.0
#include "userspace/inventory/selection.h"

#include <algorithm>

namespace sonde {

Result<Selection> Selection::make(std::span<const SelectionRule> include,
                                  std::span<const SelectionRule> exclude,
                                  const UserLookup& user_number) {
  Result<std::vector<ResolvedRule>> included = resolve(include, user_number);
  if (!included) {
    return with_context("include", included.error());
  }
  Result<std::vector<ResolvedRule>> excluded = resolve(exclude, user_number);
  if (!excluded) {
    return with_context("exclude", excluded.error());
  }
  Selection selection;
  selection.include_ = std::move(*included);
  selection.exclude_ = std::move(*excluded);
  return selection;
}

Result<std::vector<ResolvedRule>> Selection::resolve(std::span<const SelectionRule> rules,
                                                     const UserLookup& user_number) {
  std::vector<ResolvedRule> resolved;
  for (const SelectionRule& rule : rules) {
    Result<ResolvedRule> one = resolve_rule(rule, user_number);
    if (!one) {
      return std::unexpected(std::move(one.error()));
    }
    resolved.push_back(std::move(*one));
  }
  return resolved;
}

bool Selection::port_matches(const ResolvedRule& rule, const ConnectionPorts& ports) {
  const std::vector<PortRange>& ranges = rule.as_written.ports;
  return ranges.empty() || std::ranges::any_of(ranges, [&](const PortRange& range) {
           return (ports.role != Role::kClient && holds(range, ports.local)) ||
                  (ports.role != Role::kServer && holds(range, ports.remote));
         });
}

std::bitset<65536> Selection::ports_off() const {
  std::bitset<65536> off;
  const auto set = [&off](const std::vector<PortRange>& ranges, bool value) {
    for (const PortRange& range : ranges) {
      for (uint32_t port = range.first; port <= range.last; ++port) {
        off[port] = value;
      }
    }
  };
  const auto has_ports = [](const ResolvedRule& rule) { return !rule.as_written.ports.empty(); };
  if (!include_.empty() && std::ranges::all_of(include_, has_ports)) {
    off.set();
    for (const ResolvedRule& rule : include_) {
      set(rule.as_written.ports, false);
    }
  }
  for (const ResolvedRule& rule : exclude_) {
    const SelectionRule& written = rule.as_written;
    if (written.executable.empty() && written.arguments.empty() && written.cgroup.empty() &&
        written.container.empty() && written.user.empty()) {
      set(rule.as_written.ports, true);
    }
  }
  return off;
}

Selected Selection::decide(const ProcessFacts& process) const {
  bool maybe_excluded = false;
  for (const ResolvedRule& rule : exclude_) {
    if (process_matches(rule, process)) {
      if (rule.as_written.ports.empty()) {
        return Selected::kExcluded;
      }
      maybe_excluded = true;
    }
  }
  bool included = include_.empty();
  bool maybe_included = false;
  for (const ResolvedRule& rule : include_) {
    if (process_matches(rule, process)) {
      (rule.as_written.ports.empty() ? included : maybe_included) = true;
    }
  }
  if (!included && !maybe_included) {
    return Selected::kExcluded;
  }
  return included && !maybe_excluded ? Selected::kIncluded : Selected::kByPort;
}

bool Selection::includes(const ProcessFacts& process, const ConnectionPorts& ports) const {
  const auto matches = [&](const ResolvedRule& rule) {
    return process_matches(rule, process) && port_matches(rule, ports);
  };
  return std::ranges::none_of(exclude_, matches) &&
         (include_.empty() || std::ranges::any_of(include_, matches));
}

}  // namespace sonde
