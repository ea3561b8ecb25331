// SPDX-License-Identifier: Apache-2.0
#include "userspace/config/yaml_text.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "userspace/config/naming_text.h"
#include "userspace/config/options.h"
#include "userspace/config/rate_text.h"
#include "userspace/config/rule_text.h"
#include "userspace/config/value.h"

namespace sonde {
namespace {

// A YAML scalar that can hold any text.
std::string quoted_scalar(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string rule_map(const auto& fields) {
  std::vector<std::string> pairs;
  for (const auto& [name, value] : fields) {
    pairs.push_back(fmt::format("{}: {}", name, quoted_scalar(value)));
  }
  return fmt::format("{{{}}}", fmt::join(pairs, ", "));
}

std::vector<std::string> items_of(const Option& option, const Config& config) {
  Config& c = const_cast<Config&>(config);  // NOLINT: read only, the accessors serve both ways
  std::vector<std::string> items;
  if (const auto* texts = std::get_if<TextListOption>(&option.kind)) {
    for (const std::string& text : texts->of(c)) {
      items.push_back(quoted_scalar(text));
    }
  } else if (const auto* rules = std::get_if<RuleListOption>(&option.kind)) {
    for (const SelectionRule& rule : rules->of(c)) {
      items.push_back(rule_map(rule_fields(rule)));
    }
  } else if (const auto* namings = std::get_if<NamingListOption>(&option.kind)) {
    for (const NamingRule& rule : namings->of(c)) {
      items.push_back(rule_map(naming_fields(rule)));
    }
  } else if (const auto* rates = std::get_if<RateListOption>(&option.kind)) {
    for (const RateRule& rule : rates->of(c)) {
      items.push_back(rule_map(rate_fields(rule)));
    }
  }
  return items;
}

}  // namespace

std::string config_yaml(const Config& config) {
  const Config defaults;
  std::string out;
  std::string_view section;
  for (const Option& option : options()) {
    if (option.path.empty()) {
      continue;
    }
    const size_t dot = option.path.find('.');
    if (option.path.substr(0, dot) != section) {
      section = option.path.substr(0, dot);
      out += fmt::format("{}:\n", section);
    }
    out += fmt::format("  {}:", option.path.substr(dot + 1));
    const std::string_view mark = same_value(option, config, defaults) ? "" : "  # set";
    if (is_list(option)) {
      const std::vector<std::string> items = items_of(option, config);
      out += fmt::format("{}{}\n", items.empty() ? " []" : "", mark);
      for (const std::string& item : items) {
        out += fmt::format("    - {}\n", item);
      }
    } else {
      const std::string text = value_text(option, config);
      const bool is_text = std::holds_alternative<TextOption>(option.kind);
      out += fmt::format(" {}{}\n", is_text ? quoted_scalar(text) : text, mark);
    }
  }
  return out;
}

}  // namespace sonde
