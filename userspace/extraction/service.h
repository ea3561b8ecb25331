// SPDX-License-Identifier: Apache-2.0
// The process that makes tables: it is started before Sonde gives anything up, owns the folder
// where they are kept, and looks into no file itself. For each one that is asked about it starts a
// worker that looks for separate symbols, and, if the table is not kept, one that makes it.
#pragma once

#include <cstdint>
#include <string>

namespace sonde::extraction {

struct ServiceOptions {
  std::string folder;  // empty, or one that cannot be used: nothing is kept
  uint64_t max_bytes = 0;
};

// The longest that any answer takes, with its two workers.
inline constexpr uint32_t kLongestAnswerSeconds = 150;

// Says that it is there, and why nothing is kept if so; then answers requests until the other end
// of the socket is closed. For a process of its own, which it ends.
[[noreturn]] void serve(int socket, const ServiceOptions& options);

}  // namespace sonde::extraction
