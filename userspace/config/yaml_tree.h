// SPDX-License-Identifier: Apache-2.0
// YamlTree: a YAML document as plain nodes with their lines. Hostile files are bounded: bytes,
// nodes and depth have caps, aliases (which can unfold without end) are refused. The library's
// exceptions stop here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "userspace/base/result.h"

namespace sonde {

constexpr size_t kMaxYamlBytes = 1 << 20;
constexpr size_t kMaxYamlNodes = 20'000;
constexpr size_t kMaxYamlDepth = 16;

struct YamlNode {
  enum class Kind : uint8_t { kNull, kScalar, kSequence, kMap };
  Kind kind = Kind::kNull;
  int line = 1;
  std::string text;  // of scalars
  // Sequences: pairs of an unused key and the item. Maps: key and value. Numbers are places in
  // YamlTree::nodes.
  std::vector<std::pair<uint32_t, uint32_t>> children;
};

struct YamlTree {
  std::vector<YamlNode> nodes;  // the first is the root; empty: an empty document
};

struct YamlFault {
  int line;
  std::string what;
};

// The first document of the text; a second one is a fault.
std::expected<YamlTree, YamlFault> parse_yaml(std::string_view text);

}  // namespace sonde
