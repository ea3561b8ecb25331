// SPDX-License-Identifier: Apache-2.0
// Selection: which processes and connections are watched. Pure and immutable: any thread may ask.
//
// Without include rules everything is included; an exclude rule that matches wins over any include
// rule. A rule with ports can be decided only for a connection. A fact that could not be had
// (empty, no user) matches no field.
#pragma once

#include <bitset>
#include <cstdint>
#include <span>
#include <vector>

#include "userspace/base/result.h"
#include "userspace/inventory/rule_match.h"
#include "userspace/model/ids.h"
#include "userspace/model/selection_rule.h"

namespace sonde {

// A connection's service port is the one that was connected to: its own of a server, the peer's of
// a client. While the role is unknown either may be it.
struct ConnectionPorts {
  Role role = Role::kUnknown;
  uint16_t local = 0;
  uint16_t remote = 0;
};

enum class Selected : uint8_t {
  kIncluded,  // all its connections
  kExcluded,  // none
  kByPort,    // ask for each connection
};

class Selection {
 public:
  Selection() = default;  // everything is included

  // Fails, naming the user, if a rule names one that is not known.
  static Result<Selection> make(std::span<const SelectionRule> include,
                                std::span<const SelectionRule> exclude,
                                const UserLookup& user_number);

  // The service ports of which no process' connections are watched, whatever it is.
  std::bitset<65536> ports_off() const;

  Selected decide(const ProcessFacts& process) const;
  bool includes(const ProcessFacts& process, const ConnectionPorts& ports) const;

 private:
  static Result<std::vector<ResolvedRule>> resolve(std::span<const SelectionRule> rules,
                                                   const UserLookup& user_number);
  static bool port_matches(const ResolvedRule& rule, const ConnectionPorts& ports);

  std::vector<ResolvedRule> include_;
  std::vector<ResolvedRule> exclude_;
};

}  // namespace sonde
