// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/unwind/rows_view.h"

#include <algorithm>
#include <cstring>

#include "symbolizer/unwind/walk_memory.h"
#include "userspace/base/crc32c.h"

namespace sonde {
namespace {

// The next n of what lies behind one another; all have an alignment of 4, as the file has.
template <typename T>
std::span<const T> take(const uint8_t*& at, size_t n) {
  static_assert(alignof(T) <= 4);
  const std::span<const T> out(reinterpret_cast<const T*>(at), n);
  at += n * sizeof(T);
  return out;
}

bool page_is_sound(std::span<const sonde_row> rows, size_t rules) {
  if (rows.empty() || rows[0].lo != 0) {
    return false;
  }
  for (size_t i = 0; i < rows.size(); i++) {
    if (rows[i].rule >= rules || (i > 0 && rows[i].lo <= rows[i - 1].lo)) {
      return false;
    }
  }
  return true;
}

}  // namespace

Result<RowsView> RowsView::open(std::span<const uint8_t> bytes, std::string_view identity) {
  RowsFileHeader header{};
  if (bytes.size() < sizeof(header)) {
    return fail("too short for unwinding rows");
  }
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (header.magic != kRowsMagic || header.byte_order != kRowsByteOrder ||
      header.version != kRowsVersion) {
    return fail("no unwinding rows of this version");
  }
  if (header.check != crc32c(bytes.first(offsetof(RowsFileHeader, check)))) {
    return fail("the header of the unwinding rows is damaged");
  }
  const std::string_view of(header.identity.data(), strnlen(header.identity.data(), kMaxIdentity));
  if (of != identity) {
    return fail("the unwinding rows are of another file");
  }
  if (header.rows > kMaxPagedRows || header.pages > kMaxPages || header.rules > kMaxFileRules ||
      bytes.size() != rows_file_size(header.rows, header.pages, header.rules) ||
      header.content_check != crc32c(bytes.subspan(sizeof(header)))) {
    return fail("the unwinding rows are damaged");
  }
  RowsView view;
  const uint8_t* at = bytes.data() + sizeof(header);
  if (reinterpret_cast<uintptr_t>(at) % alignof(RowPage) != 0) {
    return fail("unwinding rows at an odd address");
  }
  view.rows_ = take<sonde_row>(at, header.rows);
  view.pages_ = take<RowPage>(at, header.pages);
  view.rules_ = take<sonde_rule>(at, header.rules);
  if (!view.sound()) {
    return fail("the unwinding rows contradict themselves");
  }
  return view;
}

bool RowsView::sound() const {
  uint64_t next_row = 0;
  for (size_t i = 0; i < pages_.size(); i++) {
    const RowPage& page = pages_[i];
    if (page.first != next_row || page.count > rows_.size() - next_row ||
        (i > 0 && page.number <= pages_[i - 1].number) ||
        !page_is_sound(rows_.subspan(page.first, page.count), rules_.size())) {
      return false;
    }
    next_row += page.count;
  }
  return next_row == rows_.size();
}

std::span<const sonde_row> RowsView::page(uint64_t number) const {
  const auto found = std::ranges::lower_bound(pages_, number, {}, &RowPage::number);
  if (found == pages_.end() || found->number != number) {
    return {};
  }
  return rows_.subspan(found->first, found->count);
}

sonde_rule RowsView::rule_at(uint64_t address) const {
  const std::span<const sonde_row> rows = page(address >> SONDE_UNWIND_PAGE_BITS);
  if (rows.empty()) {
    return {};
  }
  return rules_[rows[find_row(rows, static_cast<uint16_t>(address))].rule];
}

}  // namespace sonde
