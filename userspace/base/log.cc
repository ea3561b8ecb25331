// SPDX-License-Identifier: Apache-2.0
#include "userspace/base/log.h"

#include <unistd.h>

#include <cstdio>
#include <string>

#include "userspace/base/clock.h"

namespace sonde::log {
namespace {

// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): the one level of all threads
std::atomic<Level> g_level{Level::kInfo};

constexpr size_t kMaxLine = 4096;

const char* name_of(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarn:
      return "warn";
    case Level::kError:
      return "error";
  }
  return "?";
}

}  // namespace

void set_level(Level level) { g_level.store(level, std::memory_order_relaxed); }
Level level() { return g_level.load(std::memory_order_relaxed); }

void write(Level level, std::string_view text) {
  std::string line = fmt::format("sonde: {}: ", name_of(level));
  for (const char c : text.substr(0, kMaxLine)) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      line += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      line += c;
    }
  }
  line += '\n';
  // One write(2) a line: lines of several threads do not mix. A closed stderr is nobody's fault.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

bool Every::due() {
  const uint64_t now = monotonic_ns();
  uint64_t next = next_ns_.load(std::memory_order_relaxed);
  return now >= next && next_ns_.compare_exchange_strong(next, now + period_ns_);
}

}  // namespace sonde::log
