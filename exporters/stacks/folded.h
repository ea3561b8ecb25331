// SPDX-License-Identifier: Apache-2.0
// Profiles as text: one line for each stack, as flame graph tools read them, and a table for
// people.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "userspace/model/profile.h"

namespace sonde::stacks {

// What is counted are periods of the profile: a sample of who is sampled more seldom counts for all
// that it stands for.

// "service;outermost;...;innermost 17", by lasting_name(), equal lines once, sorted. Frames of the
// kernel end with _[k], functions that were inlined, which are frames of their own, with _[i], as
// flame graph tools know it. What would cut a line in pieces is replaced.
std::string folded(const Profile& profile);

// Services and functions by the samples they were met in: `self` as the innermost, `total` anywhere
// in the stack (once, however often it stands there), inlined or called: it is one function. At
// most `most` functions, by lasting_name().
std::string top(const Profile& profile, size_t most = 40);

// How many samples a function was met in.
struct FunctionSamples {
  uint64_t self = 0;
  uint64_t total = 0;
};
// By frame_name(), those that were inlined by their own.
std::map<std::string, FunctionSamples> function_samples(const Profile& profile);

// Valid UTF-8 without line ends and semicolons: what would cut a line in pieces is replaced.
std::string one_line(std::string_view text);

// A name for people: a frame's function, and of the kernel's what tells it apart.
std::string frame_name(const Profile& profile, uint32_t frame);

// The same for who may look for its function later: code without a name ("shop+0x8e5c4") has the
// beginning of its file's build-id in it, "shop:93ac61ec5a8eb139+0x8e5c4", which is enough for
// `sonde symbolize` to know the file again.
std::string lasting_name(const Profile& profile, uint32_t frame);

}  // namespace sonde::stacks
