// SPDX-License-Identifier: Apache-2.0
// SideBand: what perf tells beside samples: which memory processes make executable, their forks,
// execs and ends, with the time. One buffer for each CPU that is online when it is opened. One
// thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "userspace/base/fd.h"
#include "userspace/base/result.h"

struct perf_buffer;

namespace sonde {

class SideBand {
 public:
  // A record as the kernel wrote it, with its header.
  using Reader = std::function<void(std::span<const uint8_t>)>;

  // Silent until start().
  static Result<std::unique_ptr<SideBand>> open();
  ~SideBand();
  SideBand(const SideBand&) = delete;
  SideBand& operator=(const SideBand&) = delete;

  void start() { enable(true); }
  void stop() { enable(false); }

  // The records there are: each CPU's in their order.
  void read(const Reader& reader);

  // The kernel tells build-ids in place of devices and inodes (since 5.12).
  bool tells_build_ids() const { return build_ids_; }

 private:
  SideBand() = default;
  void enable(bool on);
  bool open_buffer(bool build_ids);

  Fd events_;  // the map that libbpf keeps the buffers' events in
  perf_buffer* buffer_ = nullptr;
  const Reader* reader_ = nullptr;  // during read()
  bool build_ids_ = false;
};

}  // namespace sonde
