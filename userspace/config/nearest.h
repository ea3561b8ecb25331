// SPDX-License-Identifier: Apache-2.0
// nearest: the word someone probably meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sonde {

// The candidate closest to `word` by single-character edits, if it is close enough to be a slip;
// else empty.
std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates);

// "; did you mean WORD?", or nothing if there is no such candidate.
std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace sonde
