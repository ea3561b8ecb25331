// SPDX-License-Identifier: Apache-2.0
// Exchanges: the requests of a connection that wait for their answers, in order. Slots and their
// memory are used again, so that a busy connection allocates nothing.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "userspace/model/ids.h"
#include "userspace/model/schema.h"
#include "userspace/protocols/protocol.h"

namespace sonde {

constexpr size_t kMaxKeptPath = 2048;  // of a longer path only the beginning is kept

// The values of a head beyond the call that brought it.
class KeptValues {
 public:
  std::array<std::string_view, kMaxAttributes> values{};
  std::string_view path;

  // Keeps the values of these attributes: copies those that lie in `bytes`, takes the others for
  // static. Details are left out if nobody wants them.
  void keep(const Head& head, std::span<const Attribute> attributes, bool details,
            std::span<const uint8_t> bytes);
  // Bytes copied.
  size_t size() const { return size_; }
  void release();

 private:
  size_t size_ = 0;
  std::vector<char> text_;  // what values and path point into; a move keeps them valid
};

// A head that came before on this connection or on another of its endpoint, byte for byte, and what
// was read in it: clients and servers repeat themselves, and comparing is much cheaper than
// parsing.
struct KnownHead {
  const Protocol* protocol = nullptr;
  std::vector<uint8_t> bytes;
  Head head;  // without values: those are in kept
  KeptValues kept;
};
using KnownHeadRef = std::shared_ptr<const KnownHead>;

// A request that waits for its answer.
struct Exchange {
  static constexpr uint64_t kNotOver = UINT64_MAX;
  uint64_t number = 0;
  uint64_t position = 0;  // of its first byte
  uint64_t end = 0;       // behind its last one; kNotOver while it moves
  uint64_t start_ns = 0;
  uint64_t body_bytes = 0;
  uint32_t head_bytes = 0;
  uint32_t turn = 0;
  Pid pid{};
  uint8_t note = 0;
  bool body_known = false;
  bool unread = false;      // its request was counted, not read
  bool asks_leave = false;  // ... for its body, and did not get it so far
  KnownHeadRef known;       // null: the values are in kept
  KeptValues kept;

  const KeptValues& head() const { return known ? known->kept : kept; }
};

// First in, first out; grows to the next power of two.
class ExchangeQueue {
 public:
  bool empty() const { return count_ == 0; }
  size_t size() const { return count_; }
  Exchange& front() { return slots_[first_]; }
  // The i-th from the front.
  const Exchange& at(size_t i) const { return slots_[(first_ + i) & (slots_.size() - 1)]; }
  Exchange& back() { return slots_[(first_ + count_ - 1) & (slots_.size() - 1)]; }
  // A slot at the end, with whatever its last user left.
  Exchange& push();
  void pop_front();

 private:
  std::vector<Exchange> slots_;
  size_t first_ = 0;
  size_t count_ = 0;
};

}  // namespace sonde
