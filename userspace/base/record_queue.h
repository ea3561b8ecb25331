// SPDX-License-Identifier: Apache-2.0
// RecordQueue: a bounded ring of variable-length records between one writing and one reading
// thread. The writer waits when it is full (the kernel's ring behind it then fills, where loss is
// counted); the reader sleeps when it is empty.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

namespace sonde {

class RecordQueue {
 public:
  // capacity: a power of two; a record is at most a quarter of it.
  explicit RecordQueue(size_t capacity)
      : mask_(capacity - 1), data_(new uint64_t[capacity / sizeof(uint64_t)]) {}

  // Writer. Copies the record in; it becomes visible with publish(), or when the queue fills.
  void push(std::span<const uint8_t> record) {
    const size_t need = kHeader + ((record.size() + 7) & ~size_t{7});
    size_t at = write_ & mask_;
    if (at + need > mask_ + 1) {  // no room before the edge: a filler record, then from the start
      const size_t filler = mask_ + 1 - at;
      wait_for_room(filler);
      put_size(at, kFiller);
      write_ += filler;
      at = 0;
    }
    wait_for_room(need);
    put_size(at, record.size());
    if (!record.empty()) {
      std::memcpy(bytes() + at + kHeader, record.data(), record.size());
    }
    write_ += need;
  }

  // Writer. Shows the reader everything pushed so far and wakes it.
  void publish() {
    published_.store(write_, std::memory_order_release);
    published_.notify_one();
  }

  // Reader. Hands every visible record to f(span); returns how many there were.
  template <typename F>
  size_t drain(F&& f) {
    const uint64_t end = published_.load(std::memory_order_acquire);
    uint64_t at = read_.load(std::memory_order_relaxed);
    size_t count = 0;
    while (at != end) {
      const size_t place = at & mask_;
      const uint64_t size = get_size(place);
      if (size == kFiller) {
        at += mask_ + 1 - place;
        continue;
      }
      f(std::span<const uint8_t>(bytes() + place + kHeader, size));
      at += kHeader + ((size + 7) & ~uint64_t{7});
      read_.store(at, std::memory_order_release);
      read_.notify_one();
      count++;
    }
    read_.store(at, std::memory_order_release);
    read_.notify_one();
    return count;
  }

  // Reader. Sleeps until something is visible that was not at the last drain.
  void wait() const {
    published_.wait(read_.load(std::memory_order_relaxed), std::memory_order_acquire);
  }

 private:
  static constexpr size_t kHeader = sizeof(uint64_t);
  static constexpr uint64_t kFiller = ~uint64_t{0};

  uint8_t* bytes() { return reinterpret_cast<uint8_t*>(data_.get()); }
  void put_size(size_t at, uint64_t size) { data_[at / sizeof(uint64_t)] = size; }
  uint64_t get_size(size_t at) const { return data_[at / sizeof(uint64_t)]; }

  void wait_for_room(size_t need) {
    uint64_t read = read_.load(std::memory_order_acquire);
    while (write_ + need - read > mask_ + 1) {
      publish();
      read_.wait(read, std::memory_order_acquire);
      read = read_.load(std::memory_order_acquire);
    }
  }

  const size_t mask_;
  std::unique_ptr<uint64_t[]> data_;
  uint64_t write_ = 0;  // the writer's
  alignas(64) std::atomic<uint64_t> published_{0};
  alignas(64) std::atomic<uint64_t> read_{0};
};

}  // namespace sonde
