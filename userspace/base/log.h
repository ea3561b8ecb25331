// SPDX-License-Identifier: Apache-2.0
// Log lines for the operator: one line is an event and key=value pairs, to stderr. Never per event
// of the watched world: those are counted. What repeats goes through Every.
#pragma once

#include <fmt/core.h>

#include <atomic>
#include <cstdint>
#include <string_view>

namespace sonde::log {

enum class Level { kDebug, kInfo, kWarn, kError };

void set_level(Level level);
Level level();

// Writes one line; the text is made printable (control bytes are escaped), since it may quote the
// watched world.
void write(Level level, std::string_view text);

template <typename... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  if (level() <= Level::kDebug) {
    write(Level::kDebug, fmt::format(format, std::forward<Args>(args)...));
  }
}
template <typename... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  if (level() <= Level::kInfo) {
    write(Level::kInfo, fmt::format(format, std::forward<Args>(args)...));
  }
}
template <typename... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kWarn, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kError, fmt::format(format, std::forward<Args>(args)...));
}

// Lets one call in each period through: if (every.due()) log::warn(...). Any thread.
class Every {
 public:
  explicit Every(uint64_t period_ns) : period_ns_(period_ns) {}
  bool due();

 private:
  const uint64_t period_ns_;
  std::atomic<uint64_t> next_ns_{0};
};

}  // namespace sonde::log
