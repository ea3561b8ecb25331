// SPDX-License-Identifier: Apache-2.0
#include "exporters/query.h"

#include <algorithm>
#include <charconv>

namespace sonde {
namespace {

// An escape that is none stays as it is.
std::string decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    uint8_t byte = 0;
    const std::string_view digits = text.substr(i).substr(1, 2);
    if (text[i] == '%' && digits.size() == 2 &&
        std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16).ptr ==
            digits.data() + 2) {
      out += static_cast<char>(byte);
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

}  // namespace

Result<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> out;
  while (!query.empty()) {
    const std::string_view part = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(part.size() + 1, query.size()));
    if (part.empty()) {
      continue;
    }
    const std::string_view name = part.substr(0, part.find('='));
    std::string key = decoded(name);
    if (std::ranges::any_of(out, [&](const auto& each) { return each.first == key; })) {
      return fail("a parameter is given twice");
    }
    if (out.size() == kMaxParameters) {
      return fail("too many parameters");
    }
    out.emplace_back(std::move(key), decoded(part.substr(std::min(name.size() + 1, part.size()))));
  }
  return out;
}

}  // namespace sonde
