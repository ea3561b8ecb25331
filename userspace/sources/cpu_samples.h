// SPDX-License-Identifier: Apache-2.0
// CpuSamples: the sampler: what the CPUs run, so many times a second each. Opened once (which takes
// privileges and makes everything that it needs), then started and stopped as often as wanted,
// which takes none but those that the maps do. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "userspace/base/result.h"
#include "userspace/kernel/bpf_object.h"
#include "userspace/kernel/cpu_clock.h"
#include "userspace/kernel/ring.h"
#include "userspace/kernel/sample_maps.h"
#include "userspace/kernel/unwind_maps.h"
#include "userspace/model/stack_sample.h"

namespace sonde {

struct CpuSamplesOptions {
  uint64_t hz = 49;         // of each CPU
  bool force = false;       // also where this kernel's version says that it might lock up
  uint32_t ring_bytes = 0;  // a power of two; 0: room for a second
  std::string types =
      {};  // the kernel's types (BTF), used only if it offers none itself; empty: none
};

class CpuSamples : private RecordReader {
 public:
  using Reader = std::function<void(const StackSample&)>;

  static Result<std::unique_ptr<CpuSamples>> open(const CpuSamplesOptions& options);
  ~CpuSamples() override;

  // Begins to sample: one process, or all (0). Where unwinding needs what unwind() was not told
  // yet, at most so many stacks a second of each CPU are copied. What an earlier sampling left in
  // the ring is thrown away, and what unwind() was told.
  Result<> start(Pid only, uint32_t stacks_per_second = 0);
  // Ends it. What was sampled until then stays to be read.
  void stop();

  // Hands over the samples there are. To be called some times a second: the ring has room for one.
  void read(const Reader& reader);
  // Looks for CPUs that came or went.
  void follow_cpus() { clock_.follow_cpus(); }

  // All since open(): those of one sampling are a difference.
  Result<SampleCounts> counts() const { return maps_.counts(); }
  // Records of the ring that were no samples: the two sides disagree.
  uint64_t misread() const { return misread_; }
  // Copied stacks whose sample never came (for want of room in the ring).
  uint64_t stacks_alone() const { return stacks_alone_; }

  // What the kernel side is told of code; null in builds where it is told nothing.
  UnwindMaps* unwind() { return unwind_.get(); }

  uint64_t period_ns() const { return clock_.period_ns(); }
  size_t cpus() const { return clock_.cpus(); }
  std::vector<ProgramFacts> programs() const { return object_->programs(); }

 private:
  CpuSamples(std::unique_ptr<MapPool> pool, std::unique_ptr<BpfObject> object, CpuClock clock)
      : pool_(std::move(pool)),
        object_(std::move(object)),
        clock_(std::move(clock)),
        maps_(*pool_) {}
  void record(std::span<const uint8_t> bytes) override;
  void keep_stack(std::span<const uint8_t> bytes);
  void hand_over(StackSample sample, bool wants_stack);

  std::unique_ptr<MapPool> pool_;
  std::unique_ptr<BpfObject> object_;
  CpuClock clock_;
  SampleMaps maps_;
  std::unique_ptr<UnwindMaps> unwind_;
  std::unique_ptr<Ring> ring_;
  const Reader* reader_ = nullptr;  // during read()
  // By CPU, until their samples come. As the kernel side wrote them; empty: none.
  std::map<uint32_t, std::vector<uint64_t>> stacks_;
  uint64_t misread_ = 0;
  uint64_t stacks_alone_ = 0;
};

// Bytes of the ring for so many CPUs and samples a second of each: a second of samples of a usual
// depth, a power of two.
uint32_t sample_ring_bytes(uint64_t cpus, uint64_t hz);

}  // namespace sonde
