// SPDX-License-Identifier: Apache-2.0
#include "userspace/flows/exchanges.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>

namespace sonde {
namespace {

constexpr size_t kKeptMemory = 1024;  // a slot that needed more gives it back
constexpr size_t kFirstSlots = 1;

bool lies_in(std::string_view view, std::span<const uint8_t> bytes) {
  const auto* begin = reinterpret_cast<const uint8_t*>(view.data());
  const std::less<> before;
  return !view.empty() && !before(begin, bytes.data()) &&
         before(begin, bytes.data() + bytes.size());
}

}  // namespace

void KeptValues::keep(const Head& head, std::span<const Attribute> attributes, bool details,
                      std::span<const uint8_t> bytes) {
  static_assert(kMaxAttributes < 32);
  uint32_t borrowed = 0;  // which of the values must be copied
  path = head.path.substr(0, kMaxKeptPath);
  const bool borrowed_path = lies_in(path, bytes);
  size_ = borrowed_path ? path.size() : 0;
  const size_t count = std::min(attributes.size(), kMaxAttributes);
  for (size_t i = 0; i < count; ++i) {
    values[i] = details || !attributes[i].detail ? head.values[i] : std::string_view();
    if (lies_in(values[i], bytes)) {
      borrowed |= 1u << i;
      size_ += values[i].size();
    }
  }
  if (size_ > text_.size()) {
    text_.resize(size_);
  }
  char* at = text_.data();
  const auto copy = [&](std::string_view& view) {
    std::memcpy(at, view.data(), view.size());
    view = std::string_view(at, view.size());
    at += view.size();
  };
  if (borrowed_path) {
    copy(path);
  }
  for (; borrowed != 0; borrowed &= borrowed - 1) {
    copy(values[static_cast<size_t>(std::countr_zero(borrowed))]);
  }
}

void KeptValues::release() {
  if (text_.capacity() > kKeptMemory) {
    text_ = {};
  }
}

Exchange& ExchangeQueue::push() {
  if (count_ == slots_.size()) {
    std::rotate(slots_.begin(), slots_.begin() + static_cast<std::ptrdiff_t>(first_), slots_.end());
    first_ = 0;
    slots_.resize(std::max(kFirstSlots, slots_.size() * 2));
  }
  ++count_;
  return back();
}

void ExchangeQueue::pop_front() {
  slots_[first_].kept.release();
  slots_[first_].known.reset();
  first_ = (first_ + 1) & (slots_.size() - 1);
  --count_;
}

}  // namespace sonde
