// SPDX-License-Identifier: Apache-2.0
// NamingRule: what an operator writes to say who a process is. The configuration reads it, the
// inventory obeys it.
#pragma once

#include <cctype>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/model/metrics.h"
#include "userspace/model/selection_rule.h"

namespace sonde {

// Of all rules that match a process, each of its facts is given by the first that gives it.
struct NamingRule {
  SelectionRule match;     // all given fields match; none given: every process
  std::string name;        // service.name; empty: not given, as below
  std::string name_space;  // service.namespace
  std::string instance;    // service.instance.id
  Labels labels;           // of all metrics: team, domain, system ...
  bool operator==(const NamingRule&) const = default;
};

// True if two names would be one label where only letters, digits and '_' may stand in a label's
// name.
inline bool same_label(std::string_view a, std::string_view b) {
  const auto plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  };
  if (a.size() != b.size()) {
    return false;
  }
  for (size_t i = 0; i < a.size(); ++i) {
    if (plain(a[i]) != plain(b[i])) {
      return false;
    }
  }
  return true;
}

}  // namespace sonde
