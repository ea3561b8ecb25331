// SPDX-License-Identifier: Apache-2.0
#include "userspace/inventory/selection.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "userspace/inventory/glob.h"

namespace sonde {
namespace {

std::optional<uint32_t> parse_number(std::string_view text) {
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return number;
}

bool fits(const std::string& glob, std::string_view fact) {
  return glob.empty() || (!fact.empty() && glob_matches(glob, fact));
}

bool holds(const PortRange& range, uint16_t port) {
  return range.first <= port && port <= range.last;
}

}  // namespace

Result<Selection> Selection::make(std::span<const SelectionRule> include,
                                  std::span<const SelectionRule> exclude,
                                  const UserLookup& user_number) {
  Result<std::vector<Rule>> included = resolve(include, user_number);
  if (!included) {
    return with_context("include", included.error());
  }
  Result<std::vector<Rule>> excluded = resolve(exclude, user_number);
  if (!excluded) {
    return with_context("exclude", excluded.error());
  }
  Selection selection;
  selection.include_ = std::move(*included);
  selection.exclude_ = std::move(*excluded);
  return selection;
}

Result<std::vector<Selection::Rule>> Selection::resolve(std::span<const SelectionRule> rules,
                                                        const UserLookup& user_number) {
  std::vector<Rule> resolved;
  for (const SelectionRule& rule : rules) {
    std::optional<uint32_t> user;
    if (!rule.user.empty()) {
      user = parse_number(rule.user);
      user = user ? user : user_number(rule.user);
      if (!user) {
        return fail(
            fmt::format("there is no user {}; give the number if it is a container's", rule.user));
      }
    }
    resolved.push_back({.as_written = rule, .user = user});
  }
  return resolved;
}

bool Selection::process_matches(const Rule& rule, const ProcessFacts& process) {
  const SelectionRule& wanted = rule.as_written;
  std::string_view executable = process.executable;
  if (wanted.executable.find('/') == std::string::npos) {
    executable.remove_prefix(executable.rfind('/') + 1);  // npos + 1 is 0
  }
  return fits(wanted.executable, executable) && fits(wanted.arguments, process.command_line) &&
         fits(wanted.cgroup, process.cgroup) && (!rule.user || rule.user == process.user);
}

bool Selection::port_matches(const Rule& rule, const ConnectionPorts& ports) {
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
  const auto has_ports = [](const Rule& rule) { return !rule.as_written.ports.empty(); };
  if (!include_.empty() && std::ranges::all_of(include_, has_ports)) {
    off.set();
    for (const Rule& rule : include_) {
      set(rule.as_written.ports, false);
    }
  }
  for (const Rule& rule : exclude_) {
    const SelectionRule& written = rule.as_written;
    if (written.executable.empty() && written.arguments.empty() && written.cgroup.empty() &&
        written.user.empty()) {
      set(rule.as_written.ports, true);
    }
  }
  return off;
}

Selected Selection::decide(const ProcessFacts& process) const {
  bool maybe_excluded = false;
  for (const Rule& rule : exclude_) {
    if (process_matches(rule, process)) {
      if (rule.as_written.ports.empty()) {
        return Selected::kExcluded;
      }
      maybe_excluded = true;
    }
  }
  bool included = include_.empty();
  bool maybe_included = false;
  for (const Rule& rule : include_) {
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
  const auto matches = [&](const Rule& rule) {
    return process_matches(rule, process) && port_matches(rule, ports);
  };
  return std::ranges::none_of(exclude_, matches) &&
         (include_.empty() || std::ranges::any_of(include_, matches));
}

std::optional<uint32_t> user_in_passwd(std::string_view passwd, std::string_view name) {
  while (!passwd.empty()) {
    const size_t end = std::min(passwd.find('\n'), passwd.size());
    std::string_view line = passwd.substr(0, end);
    passwd.remove_prefix(std::min(end + 1, passwd.size()));
    // name:password:number:...
    if (line.size() <= name.size() || !line.starts_with(name) || line[name.size()] != ':') {
      continue;
    }
    line.remove_prefix(name.size() + 1);
    const size_t number = line.find(':');
    if (number == std::string_view::npos) {
      continue;
    }
    line.remove_prefix(number + 1);
    return parse_number(line.substr(0, line.find(':')));
  }
  return std::nullopt;
}

}  // namespace sonde
