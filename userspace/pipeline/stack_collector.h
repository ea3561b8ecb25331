// SPDX-License-Identifier: Apache-2.0
// StackCollector: counts equal stacks. Bounded: a stack for which there is no room counts for its
// process, and a process for which there is none for all others, each under one frame that says so.
// No sample is lost here: seen = kept + cut + unwanted. One thread.
#pragma once

#include <tsl/robin_map.h>

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/model/profile.h"
#include "userspace/model/stack_sample.h"
#include "userspace/pipeline/frame_names.h"
#include "userspace/pipeline/known_frames.h"
#include "userspace/pipeline/sampled_processes.h"
#include "userspace/pipeline/unwinding.h"

namespace sonde {

struct CollectorLimits {
  size_t stacks = 65'536;
  size_t frames = 262'144;
  size_t owners = 16'384;  // threads
};

struct CollectorCounts {
  uint64_t seen = 0;
  uint64_t kept = 0;      // with their stack
  uint64_t cut = 0;       // without, for want of room
  uint64_t unwanted = 0;  // of processes that nobody asked for
};

class StackCollector;

// Sees each sample that counts, as the places where it was.
class SampleSink {
 public:
  // More than any sample has.
  static constexpr size_t kMostFrames = 1024;

  virtual ~SampleSink() = default;
  // Owner and places by their numbers, innermost first; none: the stack found no room.
  virtual void sampled(const StackCollector& by, const StackSample& sample, uint32_t owner,
                       std::span<const uint32_t> places) = 0;
};

class StackCollector {
 public:
  StackCollector(SampledProcesses& processes, Unwinding& unwinding,
                 const CollectorLimits& limits = {}, SampleSink* sink = nullptr);

  void add(const StackSample& sample);

  // What was collected, with names; the samples' times are the caller's to set. Once.
  Profile finish(FrameNames& names);

  const CollectorCounts& counts() const { return counts_; }

  // By number, before finish(): later ones come behind.
  const std::vector<ProfileOwner>& owners() const { return owners_; }
  const std::vector<CodePlace>& places() const { return frames_; }
  const std::vector<Module>& modules() const { return processes_.modules().all(); }

 private:
  struct OwnerKey {
    const SampledProcess* process;
    uint32_t thread;
    std::string name;
    auto operator<=>(const OwnerKey&) const = default;
  };

  uint32_t owner_of(const SampledProcess* process, uint32_t thread, std::string_view name);
  uint32_t frame_at(const CodePlace& place);
  uint32_t frame_of(SampledProcess& process, uint64_t address, uint64_t now_ns);
  // The places of the sample's stack; false: one of them found no room.
  bool collect_frames(SampledProcess& process, const StackSample& sample);
  bool count(uint32_t owner, std::span<const uint32_t> frames, uint32_t weight);

  SampledProcesses& processes_;
  Unwinding& unwinding_;
  const CollectorLimits limits_;
  SampleSink* const sink_;
  CollectorCounts counts_;
  std::vector<ProfileOwner> owners_;
  std::map<OwnerKey, uint32_t> owner_numbers_;
  std::vector<CodePlace> frames_;
  std::map<CodePlace, uint32_t> frame_numbers_;
  struct Met {
    uint64_t samples = 0;
    uint64_t periods = 0;
    void add(uint32_t weight) {
      samples++;
      periods += weight;
    }
  };
  KnownFrames known_;
  // By the owner and the frames, as bytes.
  tsl::robin_map<std::string, Met> stacks_;
  std::map<uint32_t, Met> cut_;  // by owner
  std::vector<uint32_t> scratch_;
};

}  // namespace sonde
