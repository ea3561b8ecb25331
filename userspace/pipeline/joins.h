// SPDX-License-Identifier: Apache-2.0
// Joins: which connections have both ends on this host. The two ends are told apart by names that
// both know (ConnectionOpened), may be in different shards, and meet here. The table is touched
// when an end opens and when it goes; what the ends tell each other in between is in the Join that
// both hold, without a lock.
#pragma once

#include <tsl/robin_map.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "userspace/model/ids.h"

namespace sonde {

// X(name, help)
#define SONDE_JOIN_COUNTERS(X)                               \
  X(ends, "ends of connections that told who they are")      \
  X(nameless, "ends of connections that could not be named") \
  X(joined, "connections with both ends on this host")

struct JoinCounters {
#define X(name, help) uint64_t name = 0;
  SONDE_JOIN_COUNTERS(X)
#undef X
};

// One connection, for its one or two ends. Any thread.
class Join {
 public:
  // What an end has had of exchanges, the one at hand included.
  struct Told {
    uint64_t exchanges = 0;
    uint64_t failures = 0;
  };
  // What of it nobody counted yet.
  struct Count {
    bool first = false;   // the exchange
    bool failed = false;  // its failure
  };

  bool complete() const { return ends_.load(std::memory_order_acquire) == kBoth; }
  // The process at that end. complete() must hold.
  Pid pid(size_t end) const { return Pid{pids_[end].load(std::memory_order_relaxed)}; }

  // An end has one more exchange. Both have the same ones, each in its own time: the number of all
  // is what the end that had more has had. It is the same with failures, and what fails for the
  // server fails for the client too.
  Count count(const Told& told, bool failed) {
    return {.first = raise(exchanges_, told.exchanges),
            .failed = failed && raise(failures_, told.failures)};
  }

 private:
  friend class Joins;
  static constexpr uint8_t kBoth = 3;

  // False: it is that high already.
  static bool raise(std::atomic<uint64_t>& counted, uint64_t to);

  std::array<std::atomic<uint32_t>, 2> pids_{};
  std::atomic<uint8_t> ends_{0};        // that were ever there
  std::atomic<uint64_t> exchanges_{0};  // counted
  std::atomic<uint64_t> failures_{0};
  uint8_t open_ = 0;  // guarded by the table's mutex
};

class Joins {
 public:
  // An end of a connection; leaves the table with it.
  class End {
   public:
    End() = default;
    End(End&& other) noexcept { swap(other); }
    End& operator=(End&& other) noexcept {
      swap(other);
      return *this;
    }
    ~End();

    // Who speaks at this end may change: a server hands connections on to its workers.
    void tell_pid(Pid pid) const {
      if (join_ != nullptr) {
        join_->pids_[end_].store(static_cast<uint32_t>(pid), std::memory_order_relaxed);
      }
    }

    // The connection, if both its ends are known; else null.
    Join* join() const { return join_ != nullptr && join_->complete() ? join_.get() : nullptr; }
    // One more exchange at this end. What is counted before the other end is known stays counted:
    // ends that are watched from different moments on (Sonde came midway) have different ones
    // first.
    Join::Count count(const Join::Told& told, bool failed) const {
      return join_ != nullptr ? join_->count(told, failed)
                              : Join::Count{.first = true, .failed = failed};
    }
    // join() must not be null.
    Pid other_pid() const { return join_->pid(1 - end_); }

   private:
    friend class Joins;
    void swap(End& other) noexcept {
      std::swap(table_, other.table_);
      std::swap(join_, other.join_);
      std::swap(key_, other.key_);
      std::swap(end_, other.end_);
    }

    Joins* table_ = nullptr;
    std::shared_ptr<Join> join_;
    std::pair<uint64_t, uint64_t> key_;
    size_t end_ = 0;
  };

  Joins() = default;
  Joins(const Joins&) = delete;
  Joins& operator=(const Joins&) = delete;

  // The table must outlive what it returns. Names of 0 join nothing.
  End open(uint64_t near_end, uint64_t far_end, Pid pid);

  size_t size() const;
  JoinCounters counters() const;

 private:
  struct KeyHash {
    size_t operator()(const std::pair<uint64_t, uint64_t>& key) const {
      const uint64_t mixed = (key.first * 0x9e3779b97f4a7c15ull) ^ key.second;
      return static_cast<size_t>(mixed ^ (mixed >> 32));
    }
  };

  void close(const End& end);

  mutable std::mutex mutex_;  // guards all of it; held for moments only
  tsl::robin_map<std::pair<uint64_t, uint64_t>, std::shared_ptr<Join>, KeyHash> by_names_;
  JoinCounters counters_;
};

}  // namespace sonde
