// SPDX-License-Identifier: Apache-2.0
// Profile: where CPU time went in a stretch of time: stacks, how often each was met, and whose they
// are. Made once, then handed to exporters. Strings may hold any bytes (they come from the watched
// world): who exports them cleans them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sonde {

// What code stands in: a file, the kernel, memory that a program made code of.
struct ProfileModule {
  std::string path;      // "/usr/lib/libc.so.6", "[kernel]", "[jit]"
  std::string build_id;  // hex; empty: none, or not known
  bool in_kernel = false;
};

// A function that the compiler put into another one, where it stands.
struct InlinedFunction {
  std::string function;   // never empty
  std::string file = {};  // of its source; empty: not known
  uint32_t line = 0;      // 0: not known
};

// Offsets in files count from the file's beginning, so that they are the same in every process and
// at every start; in the kernel and in code that is no file they are addresses.
struct ProfileFrame {
  uint32_t module = 0;  // place in Profile::modules
  uint64_t offset = 0;
  std::string function;   // what people call it; never empty
  std::string file = {};  // as above: where it stands, or calls what is inlined
  uint32_t line = 0;
  std::vector<InlinedFunction> inlined = {};  // innermost first
};

// Whose stack it is.
struct ProfileOwner {
  std::string service;
  std::string container;  // empty: none
  std::string thread_name;
  uint32_t pid = 0;
  uint32_t thread = 0;
  bool operator==(const ProfileOwner&) const = default;
};

struct ProfileStack {
  uint32_t owner = 0;            // place in Profile::owners
  std::vector<uint32_t> frames;  // places in Profile::frames, innermost first
  uint64_t samples = 0;
  // What they stand for, in periods of the profile: more than one each of who was sampled more
  // seldom than others.
  uint64_t periods = samples;
};

struct Profile {
  uint64_t start_wall_ns = 0;
  uint64_t duration_ns = 0;
  uint64_t period_ns = 0;  // of one CPU's time: the least that a sample stands for
  std::vector<ProfileModule> modules;
  std::vector<ProfileFrame> frames;
  std::vector<ProfileOwner> owners;
  std::vector<ProfileStack> stacks;

  uint64_t samples() const {
    uint64_t sum = 0;
    for (const ProfileStack& stack : stacks) {
      sum += stack.samples;
    }
    return sum;
  }
  uint64_t periods() const {
    uint64_t sum = 0;
    for (const ProfileStack& stack : stacks) {
      sum += stack.periods;
    }
    return sum;
  }
};

}  // namespace sonde
