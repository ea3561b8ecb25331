// SPDX-License-Identifier: Apache-2.0
// The process that makes tables: it is started before Sonde gives anything up, owns the folder
// where they are kept, and looks into no file itself. For each one that is asked about it starts a
// worker that looks for separate symbols, and, if the table is not kept, one that makes it. Where a
// person said so it has servers asked for separate symbols that this host has not, by a process of
// its own for that.
#pragma once

#include <cstdint>
#include <string>

#include "userspace/extraction/fetcher.h"

namespace sonde::extraction {

struct ServiceOptions {
  std::string folder;  // empty, or one that cannot be used: nothing is kept
  uint64_t max_bytes = 0;
  FetchOptions fetch = {};
};

// The longest that any answer takes, with its two workers, if no server is asked.
inline constexpr uint32_t kLongestAnswerSeconds = 150;

// Says that it is there, and why nothing is kept if so, and, behind a zero byte, why no server is
// asked if one should be; then answers requests until the other end of the socket is closed. For a
// process of its own, which it ends.
[[noreturn]] void serve(int socket, const ServiceOptions& options);

}  // namespace sonde::extraction
