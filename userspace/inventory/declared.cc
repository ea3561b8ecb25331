// SPDX-License-Identifier: Apache-2.0
// https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ and
// https://opentelemetry.io/docs/specs/otel/resource/sdk/#specifying-resource-information-via-an-environment-variable
#include "userspace/inventory/declared.h"

#include <algorithm>

#include "userspace/inventory/printable.h"

namespace sonde {
namespace {

constexpr std::string_view kNameVariable = "OTEL_SERVICE_NAME=";
constexpr std::string_view kAttributesVariable = "OTEL_RESOURCE_ATTRIBUTES=";
constexpr size_t kMaxAttributes = 16'384;  // bytes of the variable; the rest is not looked at

std::string_view take_until(std::string_view& text, char separator) {
  const size_t end = std::min(text.find(separator), text.size());
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return taken;
}

std::string_view trimmed(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_space(text.front())) {
    text.remove_prefix(1);
  }
  while (!text.empty() && is_space(text.back())) {
    text.remove_suffix(1);
  }
  return text;
}

int digit_of(char c) {
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

// Nothing if a percent sign stands before anything but two hexadecimal digits.
std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? digit_of(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? digit_of(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      return std::nullopt;
    }
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

void set(Declared& declared, std::string_view key, const std::string& value) {
  std::string shown = printable(value, kMaxLabelValue);
  std::string* known = key == "service.name"          ? &declared.name
                       : key == "service.namespace"   ? &declared.name_space
                       : key == "service.instance.id" ? &declared.instance
                                                      : nullptr;
  if (known != nullptr) {
    *known = std::move(shown);
    return;
  }
  if (!is_label_name(key) || shown.empty()) {
    return;
  }
  const auto same = std::ranges::find(declared.others, key, &Labels::value_type::first);
  if (same != declared.others.end()) {
    same->second = std::move(shown);
  } else if (declared.others.size() < kMaxDeclaredLabels) {
    declared.others.emplace_back(key, std::move(shown));
  }
}

// key=value,key=value; one that cannot be read spoils all.
std::optional<Declared> read_attributes(std::string_view text) {
  Declared declared;
  text = text.substr(0, kMaxAttributes);
  while (!text.empty()) {
    std::string_view value = trimmed(take_until(text, ','));
    if (value.empty()) {
      continue;  // a comma too many
    }
    const bool has_value = value.find('=') != std::string_view::npos;
    const std::optional<std::string> key = percent_decoded(trimmed(take_until(value, '=')));
    const std::optional<std::string> decoded = percent_decoded(trimmed(value));
    if (!has_value || !key || key->empty() || !decoded) {
      return std::nullopt;
    }
    set(declared, *key, *decoded);
  }
  return declared;
}

}  // namespace

bool is_label_name(std::string_view name) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !name.empty() && name.size() <= kMaxLabelName && is_letter(name[0]) &&
         std::ranges::all_of(name, [&](char c) {
           return is_letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '/';
         });
}

std::string telling_variables(std::string_view environment) {
  std::string out;
  while (!environment.empty()) {
    const std::string_view variable = take_until(environment, '\0');
    if (variable.starts_with(kNameVariable) || variable.starts_with(kAttributesVariable)) {
      out += variable.substr(0, kAttributesVariable.size() + kMaxAttributes);
      out += '\0';
    }
  }
  return out;
}

std::optional<Declared> read_declared(std::string_view environment) {
  Declared declared;
  std::string name;
  // As getenv() would find them: the first of a name counts.
  bool has_name = false;
  bool has_attributes = false;
  while (!environment.empty()) {
    std::string_view variable = take_until(environment, '\0');
    if (!has_name && variable.starts_with(kNameVariable)) {
      has_name = true;
      variable.remove_prefix(kNameVariable.size());
      name = printable(trimmed(variable), kMaxLabelValue);
    } else if (!has_attributes && variable.starts_with(kAttributesVariable)) {
      has_attributes = true;
      variable.remove_prefix(kAttributesVariable.size());
      if (std::optional<Declared> read = read_attributes(variable)) {
        declared = std::move(*read);
      }
    }
  }
  if (!name.empty()) {
    declared.name = std::move(name);
  }
  return declared == Declared{} ? std::nullopt : std::optional(std::move(declared));
}

}  // namespace sonde
