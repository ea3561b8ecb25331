// SPDX-License-Identifier: Apache-2.0
// TapedSamples: a profile of what a tape holds of samples. A tape is hostile input: what refers to
// what was not told, or finds no room, is refused and counted. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "userspace/kernel/tape_reader.h"
#include "userspace/model/profile.h"
#include "userspace/pipeline/frame_names.h"
#include "userspace/pipeline/stack_collector.h"

namespace sonde::cli {

class TapedSamples {
 public:
  // Of one process and service, or of all (0, empty).
  TapedSamples(uint32_t pid, std::string service, const CollectorLimits& limits = {})
      : pid_(pid), service_(std::move(service)), limits_(limits) {}

  // The tape's frames, in their order; others than those of samples are passed over.
  void take(const TapeFrame& frame);

  // With the names that can be had here: a file counts if its build is the one that was sampled.
  // facts: the tape's. Once.
  Profile finish(const TapeFacts& facts, FrameNames& names);

  uint64_t samples() const { return samples_; }
  uint64_t refused() const { return refused_; }  // frames

 private:
  struct Place {
    uint32_t module = 0;
    uint64_t offset = 0;
    std::string name;
  };
  struct Met {
    uint64_t samples = 0;
    uint64_t periods = 0;
  };

  bool sampling(std::span<const uint8_t> fields);
  bool owner(std::span<const uint8_t> fields);
  bool module(std::span<const uint8_t> fields);
  bool place(std::span<const uint8_t> fields);
  bool sample(std::span<const uint8_t> bytes);
  bool is_wanted(const ProfileOwner& owner) const;
  // An own frame for those whose stack found no room, here or when they were taped.
  static uint32_t no_room(Profile& profile);

  const uint32_t pid_;
  const std::string service_;
  const CollectorLimits limits_;
  uint64_t period_ns_ = 0;
  std::vector<ProfileOwner> owners_;
  std::vector<Module> modules_;
  std::vector<Place> places_;
  std::map<std::vector<uint32_t>, Met> stacks_;  // by owner, and then places
  std::map<uint32_t, Met> cut_;                  // by owner
  uint64_t periods_ = 0;
  uint64_t samples_ = 0;
  uint64_t first_ns_ = 0;
  uint64_t last_ns_ = 0;
  uint64_t refused_ = 0;
};

}  // namespace sonde::cli
