// SPDX-License-Identifier: Apache-2.0
// What extraction is asked for, and what it answers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sonde::extraction {

// Each kind of table is made by one function (makers.h) and kept under one ending.
enum class TableKind : uint8_t {
  kSymbols,  // functions by where they stand in the file
  kLines,    // functions, inlined ones too, files and lines by the file's own addresses
};

struct Request {
  TableKind kind = TableKind::kSymbols;
  bool anew = false;          // the one that is kept turned out to be damaged
  uint16_t seconds = 0;       // that it may take at most; 0: as long as its kind usually may
  std::string_view build_id;  // in hexadecimal; empty: it has none
  std::string_view path;      // as the file's process sees it; empty: not known
  int file = -1;              // open for reading
  int root = -1;              // of its process, open; -1: the host's alone is looked at
};

enum class Answer : uint8_t {
  kFound,   // it was kept
  kMade,    // it was made for this
  kFailed,  // the text says why
};

// What became of asking a server for the debug file of a build.
enum class Fetch : uint8_t {
  kNotAsked,  // nobody need be, or may be, or it was in vain not long ago
  kFetched,
  kAbsent,  // no server has it
  kFailed,
  kSpent,  // enough was asked for
};

}  // namespace sonde::extraction
