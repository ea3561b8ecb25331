// SPDX-License-Identifier: Apache-2.0
#include "userspace/inventory/rule_match.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "userspace/inventory/glob.h"

namespace sonde {
namespace {

std::optional<uint32_t> parse_number(std::string_view text) {
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(number)
                                                                  : std::nullopt;
}

bool fits(std::string_view glob, std::string_view fact) {
  return glob.empty() || (!fact.empty() && glob_matches(glob, fact));
}

std::string_view take_until(std::string_view& text, char separator) {
  const size_t end = std::min(text.find(separator), text.size());
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return taken;
}

}  // namespace

ProcessFacts facts_of(const Process& process) {
  ProcessFacts facts{.executable = process.executable,
                     .command_line = process.command_line,
                     .cgroup = process.cgroup,
                     .user = process.user};
  if (process.container != nullptr) {
    facts.container_name = process.container->name;
    facts.container_id = process.container->id;
  }
  return facts;
}

Result<ResolvedRule> resolve_rule(const SelectionRule& rule, const UserLookup& user_number) {
  ResolvedRule resolved{.as_written = rule, .user = std::nullopt};
  if (!rule.user.empty()) {
    resolved.user = parse_number(rule.user);
    resolved.user = resolved.user ? resolved.user : user_number(rule.user);
    if (!resolved.user) {
      return fail(
          fmt::format("there is no user {}; give the number if it is a container's", rule.user));
    }
  }
  return resolved;
}

bool process_matches(const ResolvedRule& rule, const ProcessFacts& process) {
  const SelectionRule& wanted = rule.as_written;
  std::string_view executable = process.executable;
  if (wanted.executable.find('/') == std::string::npos) {
    executable.remove_prefix(executable.rfind('/') + 1);  // npos + 1 is 0
  }
  return fits(wanted.executable, executable) && fits(wanted.arguments, process.command_line) &&
         fits(wanted.cgroup, process.cgroup) &&
         (fits(wanted.container, process.container_name) ||
          fits(wanted.container, process.container_id)) &&
         (!rule.user || rule.user == process.user);
}

std::optional<uint32_t> user_in_passwd(std::string_view passwd, std::string_view name) {
  while (!passwd.empty()) {
    // name:password:number:...
    std::string_view line = take_until(passwd, '\n');
    if (line.size() <= name.size() || !line.starts_with(name) || line[name.size()] != ':') {
      continue;
    }
    line.remove_prefix(name.size() + 1);
    take_until(line, ':');
    if (line.empty()) {
      continue;
    }
    return parse_number(take_until(line, ':'));
  }
  return std::nullopt;
}

std::string home_in_passwd(std::string_view passwd, uint32_t user) {
  while (!passwd.empty()) {
    // name:password:number:group:comment:home:shell
    std::string_view line = take_until(passwd, '\n');
    std::array<std::string_view, 6> fields;
    std::ranges::generate(fields, [&] { return take_until(line, ':'); });
    if (parse_number(fields[2]) == user && fields[5].starts_with('/')) {
      return std::string(fields[5]);
    }
  }
  return {};
}

}  // namespace sonde
