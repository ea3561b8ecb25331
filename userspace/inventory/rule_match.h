// SPDX-License-Identifier: Apache-2.0
// What a rule's fields mean of a process. Pure. A fact that could not be had (empty, no user)
// matches no field.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "userspace/base/result.h"
#include "userspace/inventory/process.h"
#include "userspace/model/selection_rule.h"

namespace sonde {

// Views are the caller's and need to live during the call only.
struct ProcessFacts {
  std::string_view executable = {};    // path
  std::string_view command_line = {};  // words joined by single spaces
  std::string_view cgroup = {};        // path
  std::string_view container_name = {};
  std::string_view container_id = {};
  std::optional<uint32_t> user = std::nullopt;
};

ProcessFacts facts_of(const Process& process);

// The number of a user by name, or nothing if there is no such user.
using UserLookup = std::function<std::optional<uint32_t>(std::string_view name)>;

struct ResolvedRule {
  SelectionRule as_written;
  std::optional<uint32_t> user;
};

// Fails, naming the user, if the rule names one that is not known.
Result<ResolvedRule> resolve_rule(const SelectionRule& rule, const UserLookup& user_number);

// All but the ports.
bool process_matches(const ResolvedRule& rule, const ProcessFacts& process);

inline bool holds(const PortRange& range, uint16_t port) {
  return range.first <= port && port <= range.last;
}

// Look up in the text of a passwd file; such text is of any size and form.
std::optional<uint32_t> user_in_passwd(std::string_view passwd, std::string_view name);
std::string home_in_passwd(std::string_view passwd, uint32_t user);  // empty: not there

}  // namespace sonde
