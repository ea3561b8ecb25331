// SPDX-License-Identifier: Apache-2.0
// How naming rules are written: 'exe=nginx,name=front,label.team=web' in flags and variables, a map
// with the same words in the file, its labels a map of their own.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "userspace/base/result.h"
#include "userspace/model/naming_rule.h"

namespace sonde {

constexpr size_t kMaxRuleLabels = 16;       // in one rule
constexpr size_t kMaxRuleLabelName = 64;    // bytes
constexpr size_t kMaxRuleLabelValue = 256;  // bytes

// Gives one field of a rule its value. Says what is wrong with it, or nothing.
std::optional<std::string> set_naming_field(std::string_view name, std::string_view value,
                                            NamingRule& rule);

// The fields a rule has, by the names set_naming_field() knows: giving them to it again makes the
// rule.
std::vector<std::pair<std::string, std::string>> naming_fields(const NamingRule& rule);

// A rule from its compact form.
Result<NamingRule> parse_naming(std::string_view text);

// Says why this cannot be the name of a label of metrics, or nothing.
std::optional<std::string> check_label(std::string_view name);

}  // namespace sonde
