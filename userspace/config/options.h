// SPDX-License-Identifier: Apache-2.0
// The table of options: one line for each thing that can be chosen. The loaders of the file, the
// environment and the flags, the help texts and the reference page all work on this table and on
// nothing else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "userspace/config/config.h"

namespace sonde {

// Options that belong together in the help; a command accepts the flags of some groups.
enum class OptionGroup : uint8_t {
  kGeneral,
  kWeb,
  kKernel,
  kKernelTypes,
  kPipeline,
  kLimits,
  kGovernor,
  kSelection,
  kNaming,
  kRoutes,
  kRecord,
  kReplay,
  kProfile,
  kSampling,
  kPicture,
  kSymbols,
  kCompare
};
constexpr size_t kOptionGroups = 17;

std::string_view title_of(OptionGroup group);

enum class Unit : uint8_t { kNone, kBytes, kMilliseconds };

// The kinds of values, each with the way to its place in a Config.
struct FlagOption {
  bool& (*of)(Config&);
};
struct IntegerOption {
  uint64_t& (*of)(Config&);
  uint64_t min;
  uint64_t max;
  Unit unit = Unit::kNone;
  bool power_of_two = false;
};
struct NumberOption {
  double& (*of)(Config&);
  double min;
  double max;
};
struct ChoiceOption {
  std::span<const std::string_view> names;  // by the enumerator's number
  size_t (*get)(const Config&);
  void (*set)(Config&, size_t);
};
struct TextOption {
  std::string& (*of)(Config&);
  // Says what is wrong with a value; null: any text will do.
  std::optional<std::string> (*check)(std::string_view) = nullptr;
};
struct TextListOption {
  std::vector<std::string>& (*of)(Config&);
  // As above, of one of them.
  std::optional<std::string> (*check)(std::string_view) = nullptr;
};
struct RuleListOption {
  std::vector<SelectionRule>& (*of)(Config&);
};
struct NamingListOption {
  std::vector<NamingRule>& (*of)(Config&);
};
struct RateListOption {
  std::vector<RateRule>& (*of)(Config&);
};

using OptionKind = std::variant<FlagOption, IntegerOption, NumberOption, ChoiceOption, TextOption,
                                TextListOption, RuleListOption, NamingListOption, RateListOption>;

struct Option {
  std::string_view path;  // in the file, words joined by dots; empty: not in the file
  std::string_view flag;  // without the dashes
  OptionGroup group;
  std::string_view placeholder;  // of the value in the help
  std::string_view help;         // one sentence without a full stop
  OptionKind kind;
  bool live = false;  // a reload takes it over; else it waits for a restart
  char letter = 0;    // short form of the flag, where a command has one by custom; 0: none
};

std::span<const Option> options();

// SONDE_ and the flag in capitals.
std::string environment_name(const Option& option);

const Option* option_by_path(std::string_view path);
const Option* option_by_flag(std::string_view flag);
const Option* option_by_letter(char letter);

}  // namespace sonde
