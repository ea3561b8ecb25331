// SPDX-License-Identifier: Apache-2.0
#include "userspace/config/rule_text.h"

#include <fmt/core.h>

#include <charconv>

#include "userspace/config/nearest.h"
#include "userspace/config/problems.h"

namespace sonde {
namespace {

const std::vector<std::string_view> kFields = {"exe",    "args",     "port", "user",
                                               "cgroup", "container"};  // NOLINT(cert-err58-cpp)

bool parse_port(std::string_view text, uint16_t& port) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port != 0;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') {
    text.remove_prefix(1);
  }
  while (!text.empty() && text.back() == ' ') {
    text.remove_suffix(1);
  }
  return text;
}

// One port or range, or several with commas between.
std::optional<std::string> add_ports(std::string_view text, std::vector<PortRange>& ports) {
  for (const std::string_view piece : split_unescaped(text, ',')) {
    const std::string_view one = trimmed(piece);
    const size_t dash = one.find('-');
    PortRange range;
    const bool read = dash == std::string_view::npos
                          ? parse_port(one, range.first)
                          : parse_port(one.substr(0, dash), range.first) &&
                                parse_port(one.substr(dash + 1), range.last);
    if (dash == std::string_view::npos) {
      range.last = range.first;
    }
    if (!read || range.first > range.last) {
      return fmt::format("port {} is not a port (1 to 65535) or a range such as 8000-8999",
                         quoted(one));
    }
    if (ports.size() == kMaxRulePorts) {
      return fmt::format("port has more than {} ranges", kMaxRulePorts);
    }
    ports.push_back(range);
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::string_view> split_unescaped(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  size_t start = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == separator) {
      pieces.push_back(text.substr(start, i - start));
      start = i + 1;
    }
  }
  pieces.push_back(text.substr(start));
  return pieces;
}

std::optional<std::string> set_rule_field(std::string_view name, std::string_view value,
                                          SelectionRule& rule) {
  if (name == "port") {
    return add_ports(value, rule.ports);
  }
  std::string* field = name == "exe"         ? &rule.executable
                       : name == "args"      ? &rule.arguments
                       : name == "user"      ? &rule.user
                       : name == "cgroup"    ? &rule.cgroup
                       : name == "container" ? &rule.container
                                             : nullptr;
  if (field == nullptr) {
    return fmt::format("{} is no part of a rule (exe, args, port, user, cgroup, container){}",
                       quoted(name), did_you_mean(name, kFields));
  }
  if (value.empty() || value.size() > kMaxGlob) {
    return fmt::format("{} must have 1 to {} characters", name, kMaxGlob);
  }
  if (!field->empty()) {
    return fmt::format("{} is given twice: write two rules", name);
  }
  *field = value;
  return std::nullopt;
}

std::vector<std::pair<std::string_view, std::string>> rule_fields(const SelectionRule& rule) {
  std::vector<std::pair<std::string_view, std::string>> fields = {{"exe", rule.executable},
                                                                  {"args", rule.arguments},
                                                                  {"user", rule.user},
                                                                  {"cgroup", rule.cgroup},
                                                                  {"container", rule.container}};
  std::erase_if(fields, [](const auto& field) { return field.second.empty(); });
  std::string ports;
  for (const PortRange& range : rule.ports) {
    ports += fmt::format("{}{}", ports.empty() ? "" : ",", range.first);
    if (range.last != range.first) {
      ports += fmt::format("-{}", range.last);
    }
  }
  if (!ports.empty()) {
    fields.emplace_back("port", std::move(ports));
  }
  return fields;
}

Result<SelectionRule> parse_rule(std::string_view text) {
  SelectionRule rule;
  for (const std::string_view piece : split_unescaped(text, ',')) {
    const size_t equals = piece.find('=');
    if (equals == std::string_view::npos) {
      return fail(fmt::format("{} is not a rule such as exe=*/nginx,port=80-90,user=www-data",
                              quoted(text)));
    }
    if (const auto wrong =
            set_rule_field(trimmed(piece.substr(0, equals)), piece.substr(equals + 1), rule)) {
      return fail(*wrong);
    }
  }
  return rule;
}

}  // namespace sonde
