// SPDX-License-Identifier: Apache-2.0
// TapeRecorder: the poller's tap that writes a tape: the records of watched connections, redacted
// unless raw, and who their processes are. The poller's thread; finish() after it has ended.
#pragma once

#include <tsl/robin_set.h>

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "userspace/cli/tape_redaction.h"
#include "userspace/config/config.h"
#include "userspace/kernel/tape_writer.h"
#include "userspace/pipeline/watched_host.h"
#include "userspace/sources/kernel_side.h"

namespace sonde::cli {

class TapeRecorder {
 public:
  // host must outlive the recorder. on_stop: called once, on a thread that writes, when the tape
  // takes no more: its disk is full, or broken. What comes later is only counted.
  static Result<std::unique_ptr<TapeRecorder>> create(const RecordConfig& config,
                                                      std::string_view door, WatchedHost& host,
                                                      std::function<void()> on_stop);

  void record(std::span<const uint8_t> bytes);
  // A frame of samples. Any thread.
  void sampled(TapeFrameKind kind, std::span<const uint8_t> payload);
  // The books of the kernel side so far; the last ones count.
  void counters(const KernelCounts& counts);
  Result<> finish() { return writer_->finish(); }

  const TapeCounters& counters() const { return writer_->counters(); }
  // Decoder's callbacks: is the record to be kept?
  void on(const ConnectionOpened& event);
  void on(const ConnectionClosed& event);
  void on(const ProcessChanged& event);
  void on(const auto& event) {
    keep_ = !excluded_.contains(static_cast<uint64_t>(event.connection));
  }

 private:
  TapeRecorder(WatchedHost& host, std::function<void()> on_stop);
  void describe(Pid pid);
  // Behind each writing: writes out now and then, and tells once that no more is taken. REQUIRES:
  // writer_mutex_ held.
  void keep_up();

  WatchedHost& host_;
  const std::function<void()> on_stop_;
  TapeRedaction redaction_;
  std::mutex writer_mutex_;  // guards writer_; not held for longer than a write takes
  std::unique_ptr<TapeWriter> writer_;
  tsl::robin_set<uint64_t> excluded_;   // connections, by id
  tsl::robin_set<uint32_t> described_;  // processes whose description is on the tape
  std::vector<uint8_t> fields_;         // scratch
  uint64_t next_flush_ns_ = 0;
  bool told_stop_ = false;
  bool keep_ = false;
};

}  // namespace sonde::cli
