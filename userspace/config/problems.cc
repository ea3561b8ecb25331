// SPDX-License-Identifier: Apache-2.0
#include "userspace/config/problems.h"

#include <fmt/core.h>

#include <algorithm>

namespace sonde {

void Problems::add(std::string_view where, std::string_view what) {
  ++count_;
  if (lines_.size() < kMaxProblems) {
    lines_.push_back(fmt::format("{}: {}", where, what));
  }
}

std::string Problems::text() const {
  std::string out;
  for (const std::string& line : lines_) {
    out += line;
    out += '\n';
  }
  if (count_ > lines_.size()) {
    out += fmt::format("and {} more\n", count_ - lines_.size());
  }
  return out;
}

std::string Problems::line() const {
  std::string out = text();
  out.erase(std::min(out.find_last_not_of('\n') + 1, out.size()));
  for (size_t at = out.find('\n'); at != std::string::npos; at = out.find('\n', at)) {
    out.replace(at, 1, "; ");
  }
  return out;
}

std::string quoted(std::string_view text) {
  constexpr size_t kMaxShown = 60;
  std::string out = "'";
  for (const char c : text.substr(0, kMaxShown)) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  out += text.size() > kMaxShown ? "...'" : "'";
  return out;
}

}  // namespace sonde
