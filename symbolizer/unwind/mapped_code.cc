// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/unwind/mapped_code.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace sonde {

MappedCode::MappedCode(std::vector<CodeMapping> mappings) : mappings_(std::move(mappings)) {
  if (mappings_.size() > kMaxCodeMappings) {
    mappings_.resize(kMaxCodeMappings);
  }
  std::ranges::sort(mappings_, {}, [](const CodeMapping& m) { return std::pair(m.begin, m.end); });
}

const CodeMapping* MappedCode::find(uint64_t address) const {
  const auto after = std::ranges::upper_bound(mappings_, address, {}, &CodeMapping::begin);
  if (after == mappings_.begin() || address >= std::prev(after)->end) {
    return nullptr;
  }
  return &*std::prev(after);
}

}  // namespace sonde
