// SPDX-License-Identifier: Apache-2.0
// CpuSamples: the sampler: what the CPUs run, so many times a second each. Opened once (which takes
// privileges and makes everything that it needs), then started and stopped as often as wanted,
// which takes none but those that the maps do. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "userspace/base/result.h"
#include "userspace/kernel/bpf_object.h"
#include "userspace/kernel/cpu_clock.h"
#include "userspace/kernel/ring.h"
#include "userspace/kernel/sample_maps.h"
#include "userspace/kernel/side_band.h"
#include "userspace/kernel/unwind_maps.h"
#include "userspace/model/code_event.h"
#include "userspace/model/stack_sample.h"
#include "userspace/sources/unwind_tables.h"

namespace sonde {

struct CpuSamplesOptions {
  uint64_t hz = 49;         // of each CPU
  bool force = false;       // also where this kernel's version says that it might lock up
  uint32_t ring_bytes = 0;  // a power of two; 0: room for a second
  // Of tables that the kernel side unwinds by: made room for at once, and no more later. 0: as it
  // is needed, which takes the right to make maps.
  size_t row_bytes = 0;
  std::string types =
      {};  // the kernel's types (BTF), used only if it offers none itself; empty: none
};

class CpuSamples : private RecordReader {
 public:
  using Reader = std::function<void(const StackSample&)>;
  using EventReader = std::function<void(const CodeEvent&)>;

  static Result<std::unique_ptr<CpuSamples>> open(const CpuSamplesOptions& options);
  ~CpuSamples() override;

  // Begins to sample: one process, or all (0). Where unwinding needs what unwind() was not told
  // yet, at most so many stacks a second of each CPU are copied. Of so many rings of the clock that
  // meet a process one is taken (0: none), unless it has a rate of its own. What an earlier
  // sampling left in the ring is thrown away, and what unwind() and set_one_in() were told.
  Result<> start(Pid only, uint32_t stacks_per_second = 0, uint32_t one_in = 1);
  // Ends it. What was sampled until then stays to be read.
  void stop();

  // Hands over the samples there are, and what changed in the code of processes before each. To be
  // called some times a second: the ring has room for one.
  void read(const Reader& reader, const EventReader& events = {});
  // To be called about once a second: looks for CPUs that came or went, and changes the clocks'
  // periods a little. How many clocks took it.
  size_t tend_clocks() {
    clock_.follow_cpus();
    return clock_.draw_periods();
  }
  // The process of the sample, until it executes another program. False: the kernel side does not
  // take it, and samples it like all others.
  bool set_one_in(const StackSample& sample, uint32_t one_in);
  // From now on the clocks ring so many times more seldom, and each sample weighs as much more.
  Result<> slow_down(uint32_t times);
  // Samples a second of each CPU; not while it samples.
  void set_hz(uint64_t hz) { clock_.set_hz(hz); }

  // All since open(): those of one sampling are a difference.
  Result<SampleCounts> counts() const { return maps_.counts(); }
  // Records of the ring that were no samples: the two sides disagree.
  uint64_t misread() const { return misread_; }
  // Null: this kernel tells no such events, or this process may not have them.
  const SideBand* side_band() const { return side_band_.get(); }
  // Copied stacks whose sample never came (for want of room in the ring).
  uint64_t stacks_alone() const { return stacks_alone_; }

  // What the kernel side is told of code; null in builds where it is told nothing.
  UnwindTables* unwind() { return unwind_ ? &*unwind_ : nullptr; }

  // REQUIRES: unwind() is there. How full it is.
  UnwindMaps& unwind_maps() { return *unwind_maps_; }

  // Of a sample of weight 1.
  uint64_t period_ns() const { return clock_.period_ns(); }
  size_t cpus() const { return clock_.cpus(); }
  std::vector<ProgramFacts> programs() const { return object_->programs(); }

 private:
  CpuSamples(std::unique_ptr<MapPool> pool, std::unique_ptr<BpfObject> object, CpuClock clock)
      : pool_(std::move(pool)),
        object_(std::move(object)),
        clock_(std::move(clock)),
        maps_(*pool_) {}
  // A record of the ring or of the side-band, kept until all of one reading can be put in order.
  struct Kept {
    uint64_t time_ns;
    size_t first;  // word of words_
    size_t size;   // bytes
    bool event;
  };

  void record(std::span<const uint8_t> bytes) override;
  void keep(uint64_t time_ns, std::span<const uint8_t> bytes, bool event);
  std::span<const uint8_t> bytes_of(const Kept& kept) const;
  void hand_over(std::span<const uint8_t> bytes, const Reader& reader);

  std::unique_ptr<MapPool> pool_;
  std::unique_ptr<BpfObject> object_;
  CpuClock clock_;
  SampleMaps maps_;
  std::unique_ptr<UnwindMaps> unwind_maps_;
  std::optional<UnwindTables> unwind_;
  std::unique_ptr<Ring> ring_;
  std::unique_ptr<SideBand> side_band_;
  std::vector<Kept> kept_;
  std::vector<uint64_t> words_;
  // By CPU: of the stack whose sample comes next.
  std::map<uint32_t, std::span<const uint8_t>> stacks_;
  sonde_sampling wanted_{.only_pid = 0, .stacks_per_second = 0, .one_in = 1, .weight = 1};
  uint64_t misread_ = 0;
  uint64_t stacks_alone_ = 0;
};

// Bytes of the ring for so many CPUs and samples a second of each: a second of samples of a usual
// depth, a power of two.
uint32_t sample_ring_bytes(uint64_t cpus, uint64_t hz);

}  // namespace sonde
