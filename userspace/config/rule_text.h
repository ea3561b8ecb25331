// SPDX-License-Identifier: Apache-2.0
// How selection rules are written: 'exe=*/nginx,port=80-90,user=www-data' in flags and variables, a
// map with the same words in the file.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/base/result.h"
#include "userspace/model/selection_rule.h"

namespace sonde {

constexpr size_t kMaxRules = 256;     // in one list
constexpr size_t kMaxRulePorts = 64;  // ranges in one rule
constexpr size_t kMaxGlob = 1024;     // bytes

// Gives one field of a rule its value. Says what is wrong with it, or nothing. `port` may be given
// again and adds; the others may not.
std::optional<std::string> set_rule_field(std::string_view name, std::string_view value,
                                          SelectionRule& rule);

// The fields a rule has, by the names set_rule_field() knows: giving them to it again makes the
// rule.
std::vector<std::pair<std::string_view, std::string>> rule_fields(const SelectionRule& rule);

// A rule from its compact form.
Result<SelectionRule> parse_rule(std::string_view text);

// The pieces of `text` between separators that no backslash stands before. Backslashes stay: globs
// read them as well.
std::vector<std::string_view> split_unescaped(std::string_view text, char separator);

}  // namespace sonde
