// SPDX-License-Identifier: Apache-2.0
// WordSet: a fixed set of ASCII words, matched a byte at a time: after each byte it is known which
// words may still come. One bit a word, one table row a position.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace sonde {

enum class Case : uint8_t { kExact, kIgnored };  // kIgnored: words are given in lower case

class WordSet {
 public:
  static constexpr size_t kMaxWords = 64;
  static constexpr size_t kMaxLength = 24;

  // At compile time; a word too many or too long does not compile.
  consteval WordSet(Case how, std::span<const std::string_view> words) {
    for (size_t i = 0; i < words.size(); i++) {
      const uint64_t bit = uint64_t{1} << i;
      for (size_t at = 0; at < words[i].size(); at++) {
        const auto c = static_cast<uint8_t>(words[i][at]);
        next_[at][c] |= bit;
        if (how == Case::kIgnored && c >= 'a' && c <= 'z') {
          next_[at][c - 'a' + 'A'] |= bit;
        }
      }
      ends_[words[i].size()] |= bit;
    }
    all_ = words.size() == kMaxWords ? ~uint64_t{0} : (uint64_t{1} << words.size()) - 1;
  }

  // A match under way: starts with every word, loses words byte by byte.
  struct Match {
    uint64_t live = 0;
    uint8_t length = 0;
  };

  Match begin() const { return {.live = all_, .length = 0}; }
  // False, and the match stays as it is: no word goes on with c.
  bool advance(Match& match, uint8_t c) const {
    const uint64_t live =
        match.length < kMaxLength && c < 128 ? match.live & next_[match.length][c] : 0;
    if (live == 0) {
      return false;
    }
    match.live = live;
    match.length++;
    return true;
  }
  // The word that is complete now; -1: none.
  int complete(const Match& match) const {
    const uint64_t done = match.live & ends_[match.length];
    return done == 0 ? -1 : __builtin_ctzll(done);
  }

 private:
  std::array<std::array<uint64_t, 128>, kMaxLength> next_{};
  std::array<uint64_t, kMaxLength + 1> ends_{};
  uint64_t all_ = 0;
};

}  // namespace sonde
