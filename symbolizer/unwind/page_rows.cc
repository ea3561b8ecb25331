// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/unwind/page_rows.h"

#include <utility>

namespace sonde {
namespace {

constexpr size_t kRowsAtOnce = 16384;

uint64_t page_of(uint64_t address) { return address >> SONDE_UNWIND_PAGE_BITS; }

}  // namespace

PageRows::PageRows(Sink sink) : sink_(std::move(sink)), rules_(kMaxFileRules) {
  waiting_.reserve(kRowsAtOnce);
}

void PageRows::add(uint64_t address, const sonde_rule& rule) {
  cut_ = cut_ || address >= kMaxPagedAddress;
  if (cut_) {
    return;
  }
  go_on_to(address);
  const uint16_t number = rules_.number_of(rule);
  const auto lo = static_cast<uint16_t>(address & (SONDE_UNWIND_PAGE_SIZE - 1));
  const bool in_page = !pages_.empty() && pages_.back().number == page_of(address);
  if (in_page) {
    if (number != in_force_) {
      put(lo, number);
    }
  } else if (lo != 0 && (number != 0 || in_force_ != 0)) {
    open_page(page_of(address));
    put(lo, number);
  }
  in_force_ = number;
  if (!in_page && lo == 0 && number != 0) {
    open_page(page_of(address));
  }
}

// The rule in force goes on over the beginnings of pages; where none is, there need be no page.
void PageRows::go_on_to(uint64_t address) {
  if (in_force_ == 0) {
    return;
  }
  for (uint64_t next = uint64_t{pages_.back().number} + 1;
       next << SONDE_UNWIND_PAGE_BITS < address && !cut_; next++) {
    open_page(next);
  }
}

void PageRows::open_page(uint64_t number) {
  cut_ = cut_ || pages_.size() >= kMaxPages || rows_ >= kMaxPagedRows;
  if (!cut_) {
    pages_.push_back({.number = static_cast<uint32_t>(number), .first = rows_, .count = 0});
    put(0, in_force_);
  }
}

void PageRows::put(uint16_t lo, uint16_t rule) {
  cut_ = cut_ || rows_ >= kMaxPagedRows;
  if (cut_) {
    return;
  }
  waiting_.push_back({.lo = lo, .rule = rule});
  pages_.back().count++;
  rows_++;
  if (waiting_.size() == kRowsAtOnce) {
    hand_on();
  }
}

void PageRows::hand_on() {
  taken_ = taken_ && (waiting_.empty() || sink_(waiting_));
  waiting_.clear();
}

bool PageRows::finish() {
  hand_on();
  return taken_;
}

}  // namespace sonde
