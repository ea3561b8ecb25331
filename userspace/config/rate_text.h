// SPDX-License-Identifier: Apache-2.0
// How rules about rates are written: 'service=cart,rate=199' in flags and variables, a map with the
// same words in the file.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "userspace/base/result.h"
#include "userspace/model/rate_rule.h"

namespace sonde {

constexpr uint64_t kMostHz = 1'000;  // samples a second of each CPU, by any rule

// Gives one field of a rule its value. Says what is wrong with it, or nothing.
std::optional<std::string> set_rate_field(std::string_view name, std::string_view value,
                                          RateRule& rule);

// Says why it is no whole rule, or nothing.
std::optional<std::string> check_rate(const RateRule& rule);

// The fields a rule has, by the names set_rate_field() knows: giving them to it again makes the
// rule.
std::vector<std::pair<std::string_view, std::string>> rate_fields(const RateRule& rule);

// A rule from its compact form.
Result<RateRule> parse_rate(std::string_view text);

}  // namespace sonde
