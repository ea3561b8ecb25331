// SPDX-License-Identifier: Apache-2.0
// What one segment of a path looks like: a word somebody wrote into a program, or a value.
#pragma once

#include <cstddef>
#include <string_view>

namespace sonde {

inline constexpr size_t kMaxWordBytes = 40;  // longer segments are values

// True for what is a value by its shape alone: numbers, UUIDs, hashes, dates, tokens, e-mail
// addresses, anything percent-encoded, unprintable or long. False for words, words with a digit or
// two (oauth2, i18n) and versions (v1, v2beta1). Reads at most kMaxWordBytes + 1 bytes.
bool looks_like_value(std::string_view segment);

}  // namespace sonde
