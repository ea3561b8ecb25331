// SPDX-License-Identifier: Apache-2.0
// CodeEvent: what changed in which code a process may execute.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "userspace/model/ids.h"

namespace sonde {

enum class CodeEventKind : uint8_t {
  kMapped,  // memory that may be executed
  kExec,    // the process runs another program: nothing is mapped any more
  kForked,  // it is a copy of its parent
  kExited,
  kLost,  // events were lost: whatever was known may be wrong
};

// Views live during the call that hands it over. What a kind does not tell is zero.
struct CodeEvent {
  CodeEventKind kind = CodeEventKind::kLost;
  uint64_t time_ns = 0;  // monotonic
  Pid pid{};
  Pid parent{};
  uint64_t address = 0;
  uint64_t size = 0;
  uint64_t offset = 0;  // in the file
  uint64_t device = 0;  // as makedev() writes it; none if there is a build-id
  uint64_t inode = 0;
  std::span<const uint8_t> build_id = {};  // empty: the file has none, or this kernel does not tell
  std::string_view path = {};              // any bytes
  uint64_t lost = 0;                       // events
};

}  // namespace sonde
