// SPDX-License-Identifier: Apache-2.0
// SampleTaper: what was sampled, as frames of a tape: whose, and where in which files. What is
// written is what is left of memory when its stacks were walked: no address and no byte of it.
// docs/reference/tape-format.md tells how. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "userspace/kernel/tape_format.h"
#include "userspace/pipeline/frame_names.h"
#include "userspace/pipeline/stack_collector.h"

namespace sonde::cli {

class SampleTaper : public SampleSink {
 public:
  using Write = std::function<void(TapeFrameKind, std::span<const uint8_t>)>;

  // names: of what has none elsewhere: the kernel's functions, code that was made at run time. Must
  // live longer.
  SampleTaper(Write write, FrameNames& names) : write_(std::move(write)), names_(names) {}

  // First of all: what a sample of weight 1 stands for.
  void begin(uint64_t period_ns);
  void sampled(const StackCollector& by, const StackSample& sample, uint32_t owner,
               std::span<const uint32_t> places) override;

 private:
  void owner(const ProfileOwner& owner);
  void place(const StackCollector& by, const CodePlace& place);
  void flush(TapeFrameKind kind);

  const Write write_;
  FrameNames& names_;
  std::vector<uint8_t> frame_;  // that is being made
  size_t owners_ = 0;           // written so far
  size_t places_ = 0;
  size_t modules_ = 0;
};

}  // namespace sonde::cli
