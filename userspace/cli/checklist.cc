// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/checklist.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>

namespace sonde::cli {
namespace {

struct Look {
  std::string_view word;
  std::string_view colour;
  int severity;
};

// By CheckState.
constexpr std::array<Look, 4> kLooks = {{
    {"ok", "\x1b[32m", 0},
    {"degraded", "\x1b[33m", 2},
    {"blocked", "\x1b[31m", 3},
    {"unknown", "\x1b[36m", 1},
}};
constexpr std::string_view kPlain = "\x1b[0m";
constexpr size_t kStateWidth = 8;

const Look& look_of(CheckState state) { return kLooks[static_cast<size_t>(state)]; }

std::string shown(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

CheckState Checklist::worst() const {
  CheckState worst = CheckState::kOk;
  for (const Check& check : checks_) {
    worst = look_of(check.state).severity > look_of(worst).severity ? check.state : worst;
  }
  return worst;
}

std::string Checklist::text(bool colour) const {
  size_t width = 0;
  for (const Check& check : checks_) {
    width = std::max(width, shown(check.name).size());
  }
  std::string out;
  const std::string indent(2 + width + 2 + kStateWidth + 2, ' ');
  for (const Check& check : checks_) {
    const Look& look = look_of(check.state);
    const std::string state = fmt::format("{:<{}}", look.word, kStateWidth);
    std::string line = fmt::format(
        "  {:<{}}  {}  {}", shown(check.name), width,
        colour ? fmt::format("{}{}{}", look.colour, state, kPlain) : state, shown(check.finding));
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
    if (!check.affects.empty()) {
      out += fmt::format("{}missed: {}\n", indent, shown(check.affects));
    }
    if (!check.remedy.empty()) {
      out += fmt::format("{}do: {}\n", indent, shown(check.remedy));
    }
  }
  return out;
}

bool wants_colour(int fd) {
  const char* no_colour =
      std::getenv("NO_COLOR");  // NOLINT(concurrency-mt-unsafe): nobody sets variables
  return ::isatty(fd) == 1 && (no_colour == nullptr || *no_colour == '\0');
}

}  // namespace sonde::cli
