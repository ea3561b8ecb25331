// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/unwind/encoded_pointer.h"

namespace sonde {
namespace {

constexpr uint8_t kIndirect = 0x80;

enum Format : uint8_t {
  kAbsolute = 0x00,
  kUleb = 0x01,
  kUnsigned2 = 0x02,
  kUnsigned4 = 0x03,
  kUnsigned8 = 0x04,
  kSleb = 0x09,
  kSigned2 = 0x0a,
  kSigned4 = 0x0b,
  kSigned8 = 0x0c,
};

enum Base : uint8_t { kNoBase = 0x00, kHere = 0x10, kData = 0x30 };

template <typename T>
std::optional<uint64_t> read_as(Bytes& at) {
  T value{};
  if (!at.read(value)) {
    return std::nullopt;
  }
  return static_cast<uint64_t>(static_cast<int64_t>(value));
}

std::optional<uint64_t> read_number(Bytes& at, uint8_t format) {
  switch (format) {
    case kAbsolute:
    case kUnsigned8:
    case kSigned8:
      return read_as<uint64_t>(at);
    case kUleb:
      return read_uleb(at);
    case kSleb:
      return read_sleb(at);
    case kUnsigned2:
      return read_as<uint16_t>(at);
    case kUnsigned4:
      return read_as<uint32_t>(at);
    case kSigned2:
      return read_as<int16_t>(at);
    case kSigned4:
      return read_as<int32_t>(at);
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<uint64_t> read_pointer(Bytes& at, uint8_t encoding, const PointerBases& bases) {
  if ((encoding & kIndirect) != 0) {
    return std::nullopt;
  }
  const std::optional<uint64_t> number = read_number(at, encoding & 0x0f);
  if (!number) {
    return std::nullopt;
  }
  switch (encoding & 0x70) {
    case kNoBase:
      return number;
    case kHere:
      return bases.here + *number;
    case kData:
      return bases.data ? std::optional(*bases.data + *number) : std::nullopt;
    default:
      return std::nullopt;
  }
}

}  // namespace sonde
