// SPDX-License-Identifier: Apache-2.0
#include "userspace/flows/exchanges.h"

#include <algorithm>
#include <cstring>
#include <functional>

namespace sonde {
namespace {

constexpr size_t kKeptMemory = 1024;  // a slot that needed more gives it back
constexpr size_t kFirstSlots = 2;

bool lies_in(std::string_view view, std::span<const uint8_t> bytes) {
  const auto* begin = reinterpret_cast<const uint8_t*>(view.data());
  const std::less<> before;
  return !view.empty() && !before(begin, bytes.data()) &&
         before(begin, bytes.data() + bytes.size());
}

}  // namespace

void KeptValues::keep(const Head& head, size_t count, std::span<const uint8_t> bytes) {
  const std::string_view whole_path = head.path.substr(0, kMaxKeptPath);
  size_t need = lies_in(whole_path, bytes) ? whole_path.size() : 0;
  for (size_t i = 0; i < count; ++i) {
    need += lies_in(head.values[i], bytes) ? head.values[i].size() : 0;
  }
  size_ = need;
  if (need > text_.size()) {
    text_.resize(need);
  }
  char* at = text_.data();
  const auto kept = [&](std::string_view view) {
    if (!lies_in(view, bytes)) {
      return view;
    }
    std::memcpy(at, view.data(), view.size());
    const std::string_view copy(at, view.size());
    at += view.size();
    return copy;
  };
  for (size_t i = 0; i < count; ++i) {
    values[i] = kept(head.values[i]);
  }
  path = kept(whole_path);
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
  first_ = (first_ + 1) & (slots_.size() - 1);
  --count_;
}

}  // namespace sonde
