// SPDX-License-Identifier: Apache-2.0
// JsonStrings: the strings of a JSON document one by one, each with the keys that lead to it. For
// files of which we want two or three words. Hostile text: no recursion, depth is capped, it reads
// on only while what it sees is JSON. Views borrow from the text.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sonde {

constexpr size_t kMaxJsonDepth = 24;

class JsonStrings {
 public:
  explicit JsonStrings(std::string_view text) : rest_(text) {}

  // Moves to the next string that is a value. False: there is none, or no JSON from here on.
  bool next();

  // The keys from the outermost object on, as written; an array's is empty.
  std::span<const std::string_view> path() const { return {keys_.data(), depth_}; }
  // True if path() is exactly these.
  template <typename... Keys>
  bool at(Keys... keys) const {
    const std::string_view wanted[] = {keys...};
    if (depth_ != sizeof...(keys)) {
      return false;
    }
    for (size_t i = 0; i < depth_; ++i) {
      if (keys_[i] != wanted[i]) {
        return false;
      }
    }
    return true;
  }
  // The value, decoded.
  std::string value() const;

 private:
  bool take_string(std::string_view& out);
  bool enter(bool object);

  std::string_view rest_;
  std::string_view raw_;
  std::array<std::string_view, kMaxJsonDepth> keys_{};
  std::array<bool, kMaxJsonDepth> object_{};
  size_t depth_ = 0;
  bool key_wanted_ = false;  // in an object, before a key
};

}  // namespace sonde
