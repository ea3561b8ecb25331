// SPDX-License-Identifier: Apache-2.0
#include "userspace/config/value.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <array>
#include <bit>
#include <charconv>
#include <cmath>

#include "userspace/config/naming_text.h"
#include "userspace/config/nearest.h"
#include "userspace/config/problems.h"
#include "userspace/config/rate_text.h"
#include "userspace/config/rule_text.h"

namespace sonde {
namespace {

using Wrong = std::optional<std::string>;

template <typename... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};

struct Suffix {
  std::string_view name;
  uint64_t factor;
};

// Largest first, as values are written; names that are only read come after.
constexpr std::array<Suffix, 8> kBytesSuffixes = {{{"TiB", 1ull << 40},
                                                   {"GiB", 1ull << 30},
                                                   {"MiB", 1ull << 20},
                                                   {"KiB", 1ull << 10},
                                                   {"G", 1ull << 30},
                                                   {"M", 1ull << 20},
                                                   {"K", 1ull << 10},
                                                   {"B", 1}}};
constexpr std::array<Suffix, 3> kTimeSuffixes = {{{"s", 1'000}, {"ms", 1}, {"m", 60'000}}};

std::span<const Suffix> suffixes_of(Unit unit) {
  switch (unit) {
    case Unit::kBytes:
      return kBytesSuffixes;
    case Unit::kMilliseconds:
      return kTimeSuffixes;
    case Unit::kNone:
      break;
  }
  return {};
}

std::string with_unit(uint64_t value, Unit unit) {
  for (const Suffix& suffix : suffixes_of(unit)) {
    if (value >= suffix.factor && value % suffix.factor == 0) {
      return fmt::format("{}{}", value / suffix.factor, suffix.name);
    }
  }
  return fmt::format("{}", value);
}

// Digits and, for quantities, the unit: a bare number would leave the reader guessing.
std::optional<uint64_t> parse_integer(std::string_view text, Unit unit) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) {
    return std::nullopt;
  }
  const std::string_view rest(end, static_cast<size_t>(text.data() + text.size() - end));
  if (unit == Unit::kNone) {
    return rest.empty() ? std::optional(value) : std::nullopt;
  }
  for (const Suffix& suffix : suffixes_of(unit)) {
    if (rest == suffix.name && value <= UINT64_MAX / suffix.factor) {
      return value * suffix.factor;
    }
  }
  return std::nullopt;
}

std::optional<bool> parse_flag(std::string_view text) {
  for (const std::string_view yes : {"true", "yes", "on", "1"}) {
    if (text == yes) {
      return true;
    }
  }
  for (const std::string_view no : {"false", "no", "off", "0"}) {
    if (text == no) {
      return false;
    }
  }
  return std::nullopt;
}

Wrong set_text_list(std::vector<std::string>& list, std::string_view text) {
  if (list.size() == kMaxTexts) {
    return fmt::format("has more than {} values", kMaxTexts);
  }
  list.emplace_back(text);
  return std::nullopt;
}

}  // namespace

bool is_list(const Option& option) {
  return std::holds_alternative<TextListOption>(option.kind) || is_rule_list(option);
}

bool is_rule_list(const Option& option) {
  return std::holds_alternative<RuleListOption>(option.kind) ||
         std::holds_alternative<NamingListOption>(option.kind) ||
         std::holds_alternative<RateListOption>(option.kind);
}

bool is_flag(const Option& option) { return std::holds_alternative<FlagOption>(option.kind); }

void clear_list(const Option& option, Config& config) {
  if (const auto* texts = std::get_if<TextListOption>(&option.kind)) {
    texts->of(config).clear();
  } else if (const auto* rules = std::get_if<RuleListOption>(&option.kind)) {
    rules->of(config).clear();
  } else if (const auto* namings = std::get_if<NamingListOption>(&option.kind)) {
    namings->of(config).clear();
  } else if (const auto* rates = std::get_if<RateListOption>(&option.kind)) {
    rates->of(config).clear();
  }
}

Wrong append_rule(const Option& option, SelectionRule rule, Config& config) {
  std::vector<SelectionRule>& list = std::get<RuleListOption>(option.kind).of(config);
  if (rule == SelectionRule{}) {
    return "a rule needs at least one of exe, args, port, user, cgroup, container";
  }
  if (list.size() == kMaxRules) {
    return fmt::format("has more than {} rules", kMaxRules);
  }
  list.push_back(std::move(rule));
  return std::nullopt;
}

Wrong append_naming(const Option& option, NamingRule rule, Config& config) {
  std::vector<NamingRule>& list = std::get<NamingListOption>(option.kind).of(config);
  if (rule.name.empty() && rule.name_space.empty() && rule.instance.empty() &&
      rule.labels.empty()) {
    return "a rule needs at least one of name, namespace, instance, labels";
  }
  if (list.size() == kMaxRules) {
    return fmt::format("has more than {} rules", kMaxRules);
  }
  list.push_back(std::move(rule));
  return std::nullopt;
}

Wrong append_rate(const Option& option, RateRule rule, Config& config) {
  std::vector<RateRule>& list = std::get<RateListOption>(option.kind).of(config);
  if (Wrong wrong = check_rate(rule)) {
    return wrong;
  }
  if (list.size() == kMaxRules) {
    return fmt::format("has more than {} rules", kMaxRules);
  }
  list.push_back(std::move(rule));
  return std::nullopt;
}

Wrong set_value(const Option& option, std::string_view text, Config& config) {
  const auto wrong = [&] { return fmt::format("{} is not {}", quoted(text), domain_text(option)); };
  if (text.size() > kMaxText || text.find('\0') != std::string_view::npos) {
    return fmt::format("has more than {} bytes or a zero byte", kMaxText);
  }
  return std::visit(
      Overloaded{
          [&](const FlagOption& kind) -> Wrong {
            const std::optional<bool> value = parse_flag(text);
            if (!value) {
              return wrong();
            }
            kind.of(config) = *value;
            return std::nullopt;
          },
          [&](const IntegerOption& kind) -> Wrong {
            const std::optional<uint64_t> value = parse_integer(text, kind.unit);
            if (!value || *value < kind.min || *value > kind.max ||
                (kind.power_of_two && !std::has_single_bit(*value))) {
              return wrong();
            }
            kind.of(config) = *value;
            return std::nullopt;
          },
          [&](const NumberOption& kind) -> Wrong {
            double value = 0;
            const auto [end, error] =
                std::from_chars(text.data(), text.data() + text.size(), value);
            // Written so that a NaN is out of range.
            if (error != std::errc() || end != text.data() + text.size() ||
                !(value >= kind.min && value <= kind.max)) {
              return wrong();
            }
            kind.of(config) = value;
            return std::nullopt;
          },
          [&](const ChoiceOption& kind) -> Wrong {
            for (size_t i = 0; i < kind.names.size(); ++i) {
              if (text == kind.names[i]) {
                kind.set(config, i);
                return std::nullopt;
              }
            }
            return wrong() + did_you_mean(text, {kind.names.begin(), kind.names.end()});
          },
          [&](const TextOption& kind) -> Wrong {
            if (const Wrong reason = kind.check != nullptr ? kind.check(text) : std::nullopt) {
              return fmt::format("{} {}", quoted(text), *reason);
            }
            kind.of(config) = text;
            return std::nullopt;
          },
          [&](const TextListOption& kind) -> Wrong {
            if (const Wrong reason = kind.check != nullptr ? kind.check(text) : std::nullopt) {
              return fmt::format("{} {}", quoted(text), *reason);
            }
            return set_text_list(kind.of(config), text);
          },
          [&](const RuleListOption&) -> Wrong {
            Result<SelectionRule> rule = parse_rule(text);
            return rule ? append_rule(option, *std::move(rule), config)
                        : std::move(rule.error().what);
          },
          [&](const NamingListOption&) -> Wrong {
            Result<NamingRule> rule = parse_naming(text);
            return rule ? append_naming(option, *std::move(rule), config)
                        : std::move(rule.error().what);
          },
          [&](const RateListOption&) -> Wrong {
            Result<RateRule> rule = parse_rate(text);
            return rule ? append_rate(option, *std::move(rule), config)
                        : std::move(rule.error().what);
          },
      },
      option.kind);
}

std::string value_text(const Option& option, const Config& config) {
  Config& c = const_cast<Config&>(config);  // NOLINT: read only, the accessors serve both ways
  return std::visit(
      Overloaded{
          [&](const FlagOption& kind) -> std::string { return kind.of(c) ? "true" : "false"; },
          [&](const IntegerOption& kind) { return with_unit(kind.of(c), kind.unit); },
          [&](const NumberOption& kind) { return fmt::format("{}", kind.of(c)); },
          [&](const ChoiceOption& kind) { return std::string(kind.names[kind.get(c)]); },
          [&](const TextOption& kind) { return kind.of(c); },
          [&](const TextListOption& kind) { return fmt::format("{}", fmt::join(kind.of(c), ",")); },
          [&](const RuleListOption&) { return std::string(); },
          [&](const NamingListOption&) { return std::string(); },
          [&](const RateListOption&) { return std::string(); },
      },
      option.kind);
}

bool same_value(const Option& option, const Config& one, const Config& other) {
  Config& a = const_cast<Config&>(one);    // NOLINT: read only, the accessors serve both ways
  Config& b = const_cast<Config&>(other);  // NOLINT
  return std::visit(Overloaded{
                        [&](const ChoiceOption& kind) { return kind.get(a) == kind.get(b); },
                        [&](const auto& kind) { return kind.of(a) == kind.of(b); },
                    },
                    option.kind);
}

void copy_value(const Option& option, const Config& from, Config& to) {
  Config& source = const_cast<Config&>(from);  // NOLINT: read only, the accessors serve both ways
  std::visit(Overloaded{
                 [&](const ChoiceOption& kind) { kind.set(to, kind.get(source)); },
                 [&](const auto& kind) { kind.of(to) = kind.of(source); },
             },
             option.kind);
}

std::string domain_text(const Option& option) {
  return std::visit(
      Overloaded{
          [](const FlagOption&) -> std::string { return "true or false"; },
          [](const IntegerOption& kind) {
            const std::string_view what = kind.power_of_two                  ? "a power of two"
                                          : kind.unit == Unit::kBytes        ? "a size"
                                          : kind.unit == Unit::kMilliseconds ? "a time"
                                                                             : "a whole number";
            const std::string_view units = kind.unit == Unit::kBytes ? ", in KiB, MiB or GiB"
                                           : kind.unit == Unit::kMilliseconds ? ", in ms or s"
                                                                              : "";
            return fmt::format("{} from {} to {}{}", what, with_unit(kind.min, kind.unit),
                               with_unit(kind.max, kind.unit), units);
          },
          [](const NumberOption& kind) {
            return fmt::format("a number from {} to {}", kind.min, kind.max);
          },
          [](const ChoiceOption& kind) {
            return fmt::format("one of {}", fmt::join(kind.names, ", "));
          },
          [](const TextOption&) -> std::string { return "text"; },
          [](const TextListOption&) -> std::string { return "a list of texts"; },
          [](const RuleListOption&) -> std::string { return "a list of rules"; },
          [](const NamingListOption&) -> std::string { return "a list of rules"; },
          [](const RateListOption&) -> std::string { return "a list of rules"; },
      },
      option.kind);
}

}  // namespace sonde
