// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/joins.h"

#include <algorithm>

namespace sonde {

bool Join::raise(std::atomic<uint64_t>& counted, uint64_t to) {
  uint64_t now = counted.load(std::memory_order_relaxed);
  while (now < to) {
    if (counted.compare_exchange_weak(now, to, std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

Joins::End::~End() {
  if (table_ != nullptr) {
    table_->close(*this);
  }
}

Joins::End Joins::open(uint64_t near_end, uint64_t far_end, Pid pid) {
  const std::lock_guard lock(mutex_);
  End end;
  if (near_end == 0 || far_end == 0 || near_end == far_end) {
    ++counters_.nameless;
    return end;
  }
  ++counters_.ends;
  end.table_ = this;
  end.key_ = std::minmax(near_end, far_end);
  end.end_ = near_end < far_end ? 0 : 1;
  const auto bit = static_cast<uint8_t>(1u << end.end_);
  std::shared_ptr<Join>& join = by_names_[end.key_];
  if (join == nullptr || (join->ends_.load(std::memory_order_relaxed) & bit) != 0) {
    join = std::make_shared<Join>();  // new, or the same names once more
  }
  join->open_ |= bit;
  join->pids_[end.end_].store(static_cast<uint32_t>(pid), std::memory_order_relaxed);
  const uint8_t before = join->ends_.fetch_or(bit, std::memory_order_acq_rel);
  counters_.joined += (before | bit) == Join::kBoth ? 1 : 0;
  end.join_ = join;
  return end;
}

void Joins::close(const End& end) {
  const std::lock_guard lock(mutex_);
  end.join_->open_ &= static_cast<uint8_t>(~(1u << end.end_));
  const auto found = by_names_.find(end.key_);
  if (end.join_->open_ == 0 && found != by_names_.end() && found->second == end.join_) {
    by_names_.erase(found);
  }
}

size_t Joins::size() const {
  const std::lock_guard lock(mutex_);
  return by_names_.size();
}

JoinCounters Joins::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

}  // namespace sonde
