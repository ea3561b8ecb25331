// SPDX-License-Identifier: Apache-2.0
// Two profiles beside each other: by their functions' shares of all samples, so that one may be of
// a longer time, or of more work, than the other.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/model/profile.h"

namespace sonde::stacks {

// Parts of all samples, 0 to 1.
struct FunctionChange {
  std::string name;
  double self_before = 0;  // as the innermost function
  double self_after = 0;
  double total_before = 0;  // anywhere in the stack
  double total_after = 0;
  double chance = 0;  // what two deviations of so many samples of self are: less may be nothing
  double self_change() const { return self_after - self_before; }
};

// Of every function that either has; the greatest changes first.
std::vector<FunctionChange> compare(const Profile& before, const Profile& after);

// A table for people, of at most so many functions.
std::string comparison(const Profile& before, const Profile& after, size_t most = 40);

// Both in one flame graph: a function is as wide as its mean share, red where it grew and blue
// where it shrank.
std::string flame_comparison(const Profile& before, const Profile& after, std::string_view title);

// "before: 2.5 s of CPU time in 30 s (123 samples)".
std::string extent(std::string_view which, const Profile& profile);

}  // namespace sonde::stacks
