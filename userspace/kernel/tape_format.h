// SPDX-License-Identifier: Apache-2.0
// The tape's layout: a header, then frames. docs/reference/tape-format.md is its prose. Integers
// are in the order of the machine that wrote; sizes are asserted; every byte is named.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "bpf/shared/records.h"

namespace sonde {

constexpr std::array<char, 8> kTapeMagic = {'S', 'O', 'N', 'D', 'T', 'A', 'P', 'E'};
constexpr uint32_t kTapeVersion = 1;
constexpr uint32_t kTapeByteOrder = 0x01020304;

// TapeFileHeader::flags: payloads are as they were on the wire, secrets included.
constexpr uint32_t kTapeRaw = 0x1;

// Texts are padded by zero bytes and not terminated if they fill their field.
struct TapeFileHeader {
  std::array<char, 8> magic;
  uint32_t byte_order;      // kTapeByteOrder as the writer's machine stores it
  uint32_t version;         // kTapeVersion
  uint32_t record_version;  // SONDE_RECORD_VERSION
  uint32_t flags;
  uint64_t monotonic_ns;  // the kernel's clock ...
  uint64_t wall_ns;       // ... and the wall clock at the same moment, when the tape was begun
  std::array<char, 64> kernel;
  std::array<char, 16> door;
  uint32_t reserved;
  uint32_t check;  // CRC-32C of all before it
};
static_assert(sizeof(TapeFileHeader) == 128);

enum class TapeFrameKind : uint16_t {
  kRecord = 1,    // one record (bpf/shared/records.h), without padding
  kProcess = 2,   // fields: what the inventory knew of a process
  kCounters = 3,  // fields: counters by name, as decimal numbers; later ones replace earlier ones
  kEnd = 4,       // fields: the recording ended in order; the writer's own counters
  // Samples. Owners, modules and places are numbered as they come, from 0.
  kSampling = 5,  // fields: what a sample of weight 1 stands for
  kOwner = 6,     // fields: whose samples are
  kModule = 7,    // fields: a file, the kernel, code that was made at run time
  kPlace = 8,     // fields: a place in a module
  kSample = 9,    // a TapeSample and its places
};

// Frames begin at multiples of 8; zero bytes fill up to the next.
struct TapeFrameHeader {
  uint32_t length;  // of what follows, without the fill
  TapeFrameKind kind;
  uint16_t flags;          // 0
  uint32_t payload_check;  // CRC-32C of the length bytes that follow
  uint32_t header_check;   // CRC-32C of the 12 bytes before it: with it, length can be trusted
};
static_assert(sizeof(TapeFrameHeader) == 16);

// Behind it stand the numbers of the places where it was, 32 bits each, innermost first; none: its
// stack found no room.
struct TapeSample {
  uint64_t time_ns;  // monotonic
  uint32_t owner;
  uint32_t weight;  // how many periods it stands for
};
static_assert(sizeof(TapeSample) == 16);

constexpr size_t kTapeAlignment = 8;
constexpr size_t kTapeMaxPayload =
    size_t{512} * 1024;  // longer frames are not written and not believed
constexpr size_t tape_padded(size_t n) { return (n + kTapeAlignment - 1) & ~(kTapeAlignment - 1); }

}  // namespace sonde
