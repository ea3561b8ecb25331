// SPDX-License-Identifier: Apache-2.0
// How a LineTable lies in a file: a header, nodes, the three columns of the rows, places, names.
// Everything is little-endian, as the machines are that Sonde runs on.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sonde::line_format {

inline constexpr uint64_t kMagic = 0x6e696c65646e6f73;  // "sondelin"
inline constexpr uint32_t kVersion = 1;
inline constexpr uint32_t kNone = UINT32_MAX;  // no node, no place

struct Header {
  uint64_t magic;
  uint32_t version;
  uint32_t checksum;  // of all that follows the header, and then of the header's rest
  uint64_t base;      // added to each start
  uint32_t nodes;
  uint32_t rows;
  uint32_t places;
  uint32_t names_size;
};
static_assert(sizeof(Header) == 40);
inline constexpr size_t kChecked = 16;  // where the header's rest begins

// A function, or one that was inlined into its parent there.
struct Node {
  uint32_t function;  // where its name begins
  uint32_t parent;    // a smaller index, or kNone
  uint32_t called;    // the place in the parent, or kNone
};

struct Place {
  uint32_t file;  // where its name begins
  uint32_t line;
};

inline constexpr size_t kMaxNodes = 4u << 20;
inline constexpr size_t kMaxRows = 8u << 20;
inline constexpr size_t kMaxPlaces = 2u << 20;
inline constexpr size_t kMaxNameBytes = 64u << 20;
inline constexpr size_t kMaxName = 4096;  // the rest is cut

inline constexpr size_t kRowSize = 3 * sizeof(uint32_t);  // start, node, place
inline constexpr size_t kMaxTable = sizeof(Header) + kMaxNodes * sizeof(Node) +
                                    kMaxRows * kRowSize + kMaxPlaces * sizeof(Place) +
                                    kMaxNameBytes;

}  // namespace sonde::line_format
