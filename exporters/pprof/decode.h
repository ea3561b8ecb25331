// SPDX-License-Identifier: Apache-2.0
// Reads CPU profiles in pprof's format: ours, and those of Go's and other programs. The bytes may
// be anybody's.
#pragma once

#include <cstddef>
#include <string_view>

#include "userspace/base/result.h"
#include "userspace/model/profile.h"

namespace sonde::pprof {

constexpr size_t kMaxPlainBytes = size_t{64} << 20;  // unpacked
constexpr size_t kMaxStackFrames = 4096;             // of one stack, inlined functions with them
constexpr size_t kMaxAllFrames = size_t{16} << 20;   // of all stacks, the same
constexpr size_t kMaxInlined = 256;                  // functions at one place
constexpr size_t kMaxFrames = size_t{4} << 20;       // that differ
constexpr size_t kMaxNameBytes = size_t{256} << 20;  // of all that has a name

// Gzipped or not. Of several functions at one place the last holds the others, which are inlined:
// so our own profiles and Go's tell it. What has no label "service"
// has the program's file name as its service. Fails, too, if it is of something else than CPU time,
// or a difference already.
Result<Profile> decode(std::string_view bytes);

}  // namespace sonde::pprof
