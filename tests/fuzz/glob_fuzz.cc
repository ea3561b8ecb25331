// SPDX-License-Identifier: Apache-2.0
// A glob and a text, a zero byte between, against the plain table of which beginnings match which.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "userspace/inventory/glob.h"

namespace {

// One piece of a pattern.
struct Piece {
  char byte;
  bool any_text;
  bool any_byte;
};

std::vector<Piece> pieces_of(std::string_view pattern) {
  std::vector<Piece> pieces;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const bool escaped = pattern[i] == '\\' && i + 1 < pattern.size();
    i += escaped ? 1 : 0;
    pieces.push_back({pattern[i], !escaped && pattern[i] == '*', !escaped && pattern[i] == '?'});
  }
  return pieces;
}

bool expected(std::string_view pattern, std::string_view text) {
  // reached[t]: the pieces so far match the first t bytes.
  std::vector<bool> reached(text.size() + 1, false);
  reached[0] = true;
  for (const Piece& piece : pieces_of(pattern)) {
    std::vector<bool> next(text.size() + 1, false);
    for (size_t t = 0; t <= text.size(); ++t) {
      if (piece.any_text) {
        next[t] = reached[t] || (t > 0 && next[t - 1]);
      } else if (t > 0 && reached[t - 1]) {
        next[t] = piece.any_byte || piece.byte == text[t - 1];
      }
    }
    reached = next;
  }
  return reached[text.size()];
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t zero = input.find('\0');
  if (zero == std::string_view::npos || size > 512) {
    return 0;
  }
  const std::string_view pattern = input.substr(0, zero);
  const std::string_view text = input.substr(zero + 1);
  if (sonde::glob_matches(pattern, text) != expected(pattern, text)) {
    abort();
  }
  return 0;
}
