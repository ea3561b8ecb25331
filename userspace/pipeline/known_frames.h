// SPDX-License-Identifier: Apache-2.0
// KnownFrames: the frames of addresses that were met before. Most samples are of places that others
// were of, and the way there - a mapping, its module, the place in it - is the longer one. One
// thread.
#pragma once

#include <tsl/robin_map.h>

#include <cstdint>
#include <optional>

#include "userspace/pipeline/sampled_processes.h"

namespace sonde {

class KnownFrames {
 public:
  static constexpr size_t kMaxAddresses = 32'768;  // then all are forgotten

  // Of the process as its mappings were read last.
  std::optional<uint32_t> find(const SampledProcess& process, uint64_t address) const {
    const auto found = frames_.find(Key{&process, process.readings, address});
    return found == frames_.end() ? std::nullopt : std::optional(found->second);
  }

  void add(const SampledProcess& process, uint64_t address, uint32_t frame) {
    if (frames_.size() >= kMaxAddresses) {
      frames_.clear();
    }
    frames_.emplace(Key{&process, process.readings, address}, frame);
  }

 private:
  struct Key {
    const SampledProcess* process;
    uint32_t reading;
    uint64_t address;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    size_t operator()(const Key& key) const {
      constexpr uint64_t kOdd = 0x9e3779b97f4a7c15;
      const uint64_t whose = reinterpret_cast<uintptr_t>(key.process) + key.reading;
      const uint64_t mixed = (key.address ^ whose * kOdd) * kOdd;
      return mixed ^ mixed >> 32;
    }
  };

  tsl::robin_map<Key, uint32_t, Hash> frames_;
};

}  // namespace sonde
