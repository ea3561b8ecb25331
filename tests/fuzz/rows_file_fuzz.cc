// SPDX-License-Identifier: Apache-2.0
// Any bytes as a rows file: what is opened can be looked up anywhere. The checks are made to hold,
// so that the fuzzer gets past them.
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "symbolizer/unwind/rows_view.h"
#include "userspace/base/crc32c.h"

namespace {

void seal(std::vector<uint8_t>& bytes) {
  sonde::RowsFileHeader header{};
  std::memcpy(&header, bytes.data(), sizeof(header));
  header.magic = sonde::kRowsMagic;
  header.byte_order = sonde::kRowsByteOrder;
  header.version = sonde::kRowsVersion;
  header.identity = {};
  header.content_check = sonde::crc32c(std::span(bytes).subspan(sizeof(header)));
  std::memcpy(bytes.data(), &header, sizeof(header));
  header.check = sonde::crc32c(std::span(bytes).first(offsetof(sonde::RowsFileHeader, check)));
  std::memcpy(bytes.data(), &header, sizeof(header));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<uint8_t> bytes(data, data + size);
  if (bytes.size() >= sizeof(sonde::RowsFileHeader)) {
    seal(bytes);
  }
  const auto view = sonde::RowsView::open(bytes, "");
  if (!view) {
    return 0;
  }
  for (const sonde::RowPage& page : view->pages()) {
    const uint64_t first = uint64_t{page.number} << SONDE_UNWIND_PAGE_BITS;
    for (const sonde_row& row : view->page(page.number)) {
      const sonde_rule rule = view->rule_at(first + row.lo);
      if (std::memcmp(&rule, &view->rules()[row.rule], sizeof(rule)) != 0) {
        abort();
      }
    }
    view->rule_at(first + SONDE_UNWIND_PAGE_SIZE - 1);
    view->rule_at(first + SONDE_UNWIND_PAGE_SIZE);
  }
  return 0;
}
