// SPDX-License-Identifier: Apache-2.0
// Noise: which processes most of the records are of. Looks at one in so many, and keeps a few
// processes: a newcomer takes the place of the quietest and its count with it, so that whoever
// makes more than a share of 1/kPlaces is never missed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "userspace/model/ids.h"

namespace sonde {

class Noise {
 public:
  static constexpr size_t kPlaces = 32;

  struct Place {
    Pid pid{};
    uint64_t weight = 0;  // at most so much; 0: nobody
  };

  // Any raw record.
  void heard(std::span<const uint8_t> record);

  const std::array<Place, kPlaces>& places() const { return places_; }
  uint64_t all() const { return all_; }
  // A while has passed: what was heard before counts for less.
  void fade();

 private:
  void add(Pid pid, uint64_t weight);

  uint32_t records_ = 0;
  uint64_t all_ = 0;
  std::array<Place, kPlaces> places_{};
};

}  // namespace sonde
