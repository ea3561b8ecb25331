// SPDX-License-Identifier: Apache-2.0
// Fields: named values in a tape's frame, so that whoever writes one may say more without a new
// format. Each is two 16-bit lengths, the key and the value; the reader passes over keys that it
// does not know.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/base/bytes.h"

namespace sonde {

struct TapeField {
  std::string_view key;
  std::string_view value;
};

// Appends one; texts longer than 65,535 bytes are cut there.
inline void append_field(std::vector<uint8_t>& out, std::string_view key, std::string_view value) {
  key = key.substr(0, UINT16_MAX);
  value = value.substr(0, UINT16_MAX);
  const uint16_t lengths[2] = {static_cast<uint16_t>(key.size()),
                               static_cast<uint16_t>(value.size())};
  const auto* raw = reinterpret_cast<const uint8_t*>(lengths);
  out.insert(out.end(), raw, raw + sizeof(lengths));
  out.insert(out.end(), key.begin(), key.end());
  out.insert(out.end(), value.begin(), value.end());
}

inline void append_field(std::vector<uint8_t>& out, std::string_view key, uint64_t value) {
  append_field(out, key, std::to_string(value));
}

// The next field; false at the end, or where the rest is no field. Views borrow from in's memory.
inline bool next_field(Bytes& in, TapeField& out) {
  uint16_t key = 0;
  uint16_t value = 0;
  if (!in.read(key) || !in.read(value) || size_t{key} + value > in.left()) {
    return false;
  }
  out.key = in.take(key).value_or("");
  out.value = in.take(value).value_or("");
  return true;
}

}  // namespace sonde
