// SPDX-License-Identifier: Apache-2.0
#include "userspace/config/naming_text.h"

#include <fmt/core.h>

#include <algorithm>

#include "userspace/config/problems.h"
#include "userspace/config/rule_text.h"

namespace sonde {
namespace {

constexpr std::string_view kLabelPrefix = "label.";

// What metrics call things themselves; a label of that name would hide one of theirs.
constexpr std::string_view kReserved[] = {"instance",          "job", "service.name",
                                          "service.namespace", "le",  "quantile"};
constexpr std::string_view kReservedBeginnings[] = {"http.", "url.",     "server.", "client.",
                                                    "rpc.",  "db.",      "error.",  "messaging.",
                                                    "otel.", "network.", "__"};

bool same_beginning(std::string_view name, std::string_view beginning) {
  return name.size() >= beginning.size() && same_label(name.substr(0, beginning.size()), beginning);
}

std::string unescaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    i += text[i] == '\\' && i + 1 < text.size() ? 1 : 0;
    out += text[i];
  }
  return out;
}

}  // namespace

std::optional<std::string> check_label(std::string_view name) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  if (name.empty() || name.size() > kMaxRuleLabelName || !is_letter(name[0]) ||
      !std::ranges::all_of(name, [&](char c) {
        return is_letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '/';
      })) {
    return fmt::format("must be letters, digits, '_', '.', '-' and '/', a letter first, at most {}",
                       kMaxRuleLabelName);
  }
  if (std::ranges::any_of(kReserved, [&](auto other) { return same_label(name, other); }) ||
      std::ranges::any_of(kReservedBeginnings,
                          [&](auto other) { return same_beginning(name, other); })) {
    return "is a name that metrics need for themselves";
  }
  return std::nullopt;
}

std::optional<std::string> set_naming_field(std::string_view name, std::string_view value,
                                            NamingRule& rule) {
  const auto bad_value = [&]() -> std::optional<std::string> {
    return value.empty() || value.size() > kMaxRuleLabelValue
               ? std::optional(
                     fmt::format("{} must have 1 to {} characters", name, kMaxRuleLabelValue))
               : std::nullopt;
  };
  if (name.starts_with(kLabelPrefix)) {
    const std::string_view label = name.substr(kLabelPrefix.size());
    if (const auto wrong = check_label(label)) {
      return fmt::format("label {} {}", quoted(label), *wrong);
    }
    if (const auto wrong = bad_value()) {
      return wrong;
    }
    if (std::ranges::any_of(rule.labels,
                            [&](const auto& other) { return same_label(other.first, label); })) {
      return fmt::format("label {} is given twice", quoted(label));
    }
    if (rule.labels.size() == kMaxRuleLabels) {
      return fmt::format("has more than {} labels", kMaxRuleLabels);
    }
    rule.labels.emplace_back(label, value);
    return std::nullopt;
  }
  std::string* fact = name == "name"        ? &rule.name
                      : name == "namespace" ? &rule.name_space
                      : name == "instance"  ? &rule.instance
                                            : nullptr;
  if (fact == nullptr) {
    return set_rule_field(name, value, rule.match);
  }
  if (const auto wrong = bad_value()) {
    return wrong;
  }
  if (!fact->empty()) {
    return fmt::format("{} is given twice: write two rules", name);
  }
  *fact = value;
  return std::nullopt;
}

std::vector<std::pair<std::string, std::string>> naming_fields(const NamingRule& rule) {
  std::vector<std::pair<std::string, std::string>> fields;
  for (auto& [name, value] : rule_fields(rule.match)) {
    fields.emplace_back(name, std::move(value));
  }
  fields.emplace_back("name", rule.name);
  fields.emplace_back("namespace", rule.name_space);
  fields.emplace_back("instance", rule.instance);
  std::erase_if(fields, [](const auto& field) { return field.second.empty(); });
  for (const auto& [label, value] : rule.labels) {
    fields.emplace_back(fmt::format("{}{}", kLabelPrefix, label), value);
  }
  return fields;
}

Result<NamingRule> parse_naming(std::string_view text) {
  NamingRule rule;
  for (const std::string_view piece : split_unescaped(text, ',')) {
    const size_t equals = piece.find('=');
    if (equals == std::string_view::npos) {
      return fail(fmt::format("{} is not a rule such as exe=nginx,name=front,label.team=web",
                              quoted(text)));
    }
    std::string_view name = piece.substr(0, equals);
    name.remove_prefix(std::min(name.find_first_not_of(' '), name.size()));
    const std::string_view value = piece.substr(equals + 1);
    // Globs read their backslashes themselves; names have no other use for them.
    const bool fact = name.starts_with(kLabelPrefix) || name == "name" || name == "namespace" ||
                      name == "instance";
    if (const auto wrong =
            set_naming_field(name, fact ? unescaped(value) : std::string(value), rule)) {
      return fail(*wrong);
    }
  }
  return rule;
}

}  // namespace sonde
