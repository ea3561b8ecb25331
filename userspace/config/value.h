// SPDX-License-Identifier: Apache-2.0
// Values of options as text: read into a Config, and written back for help and reference.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "userspace/config/options.h"

namespace sonde {

constexpr size_t kMaxText = 4096;   // bytes of a text value
constexpr size_t kMaxTexts = 1024;  // in one list

bool is_list(const Option& option);
bool is_flag(const Option& option);
// Lists whose items are rules, with fields of their own.
bool is_rule_list(const Option& option);

// Empties a list, so that what follows replaces what an earlier source said. Other kinds stay as
// they are.
void clear_list(const Option& option, Config& config);

// Reads one value: sets it, or appends it to a list. Says what is wrong with it, or nothing; a
// value that is wrong changes nothing.
std::optional<std::string> set_value(const Option& option, std::string_view text, Config& config);

// Appends a finished rule; for kinds other than rule lists this must not be called.
std::optional<std::string> append_rule(const Option& option, SelectionRule rule, Config& config);
std::optional<std::string> append_naming(const Option& option, NamingRule rule, Config& config);
std::optional<std::string> append_rate(const Option& option, RateRule rule, Config& config);

// The value that `config` holds, as it would be written; lists that are empty and texts that are:
// "".
std::string value_text(const Option& option, const Config& config);

// Do both hold the same value?
bool same_value(const Option& option, const Config& one, const Config& other);

// Gives `to` the value that `from` holds.
void copy_value(const Option& option, const Config& from, Config& to);

// What values it takes, in words: "a whole number from 0 to 64".
std::string domain_text(const Option& option);

}  // namespace sonde
