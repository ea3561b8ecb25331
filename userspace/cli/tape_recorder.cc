// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/tape_recorder.h"

#include <sys/utsname.h>

#include "userspace/base/clock.h"
#include "userspace/base/log.h"
#include "userspace/kernel/tape_fields.h"
#include "userspace/protocols/http1_redact.h"
#include "userspace/sources/decode.h"

namespace sonde::cli {
namespace {

// What a crash costs at most.
constexpr uint64_t kFlushNs = 1'000'000'000;
constexpr size_t kMaxExcluded = 65536;
constexpr size_t kMaxDescribed = 65536;

}  // namespace

TapeRecorder::TapeRecorder(WatchedHost& host, std::function<void()> on_stop)
    : host_(host), on_stop_(std::move(on_stop)), redaction_(make_http1_redactor) {}

Result<std::unique_ptr<TapeRecorder>> TapeRecorder::create(const RecordConfig& config,
                                                           std::string_view door, WatchedHost& host,
                                                           std::function<void()> on_stop) {
  utsname system{};
  uname(&system);
  const TapeFacts facts{.monotonic_ns = monotonic_ns(),
                        .wall_ns = wall_ns(),
                        .kernel = system.release,
                        .door = std::string(door)};
  std::unique_ptr<TapeRecorder> out(new TapeRecorder(host, std::move(on_stop)));
  auto writer =
      TapeWriter::create({.path = config.tape}, facts, config.raw ? nullptr : &out->redaction_);
  if (!writer) {
    return std::unexpected(writer.error());
  }
  out->writer_ = std::move(*writer);
  return out;
}

void TapeRecorder::record(std::span<const uint8_t> bytes) {
  keep_ = true;  // what cannot be decoded is the writer's to count
  decode_to(bytes, *this);
  if (!keep_) {
    return;
  }
  const std::lock_guard lock(writer_mutex_);
  writer_->record(bytes);
  keep_up();
}

void TapeRecorder::keep_up() {
  const uint64_t now = monotonic_ns();
  if (now >= next_flush_ns_) {
    next_flush_ns_ = now + kFlushNs;
    writer_->flush();
  }
  if (writer_->stopped() && !told_stop_) {
    told_stop_ = true;
    log::error("the recording ends early, what it has so far can be replayed: {}",
               writer_->why_stopped().what);
    on_stop_();
  }
}

void TapeRecorder::sampled(TapeFrameKind kind, std::span<const uint8_t> payload) {
  const std::lock_guard lock(writer_mutex_);
  writer_->fields(kind, payload);
  keep_up();
}

void TapeRecorder::on(const ConnectionOpened& event) {
  keep_ = host_.watched(event);
  if (keep_) {
    describe(event.pid);
  } else if (excluded_.size() < kMaxExcluded) {
    excluded_.insert(static_cast<uint64_t>(event.connection));
  }
}

void TapeRecorder::on(const ConnectionClosed& event) {
  keep_ = excluded_.erase(static_cast<uint64_t>(event.connection)) == 0;
}

// A tape needs no process but those it describes; what becomes of them makes their description old.
void TapeRecorder::on(const ProcessChanged& event) {
  keep_ = false;
  if (event.change != ProcessChange::kFork) {
    described_.erase(static_cast<uint32_t>(event.pid));
  }
}

void TapeRecorder::describe(Pid pid) {
  if (described_.size() >= kMaxDescribed) {
    described_.clear();
  }
  if (!described_.insert(static_cast<uint32_t>(pid)).second) {
    return;
  }
  fields_.clear();
  append_field(fields_, "pid", static_cast<uint64_t>(pid));
  append_field(fields_, "service", host_.service_of(pid)->name);
  const std::lock_guard lock(writer_mutex_);
  writer_->fields(TapeFrameKind::kProcess, fields_);
}

void TapeRecorder::counters(const KernelCounts& counts) {
  fields_.clear();
#define X(name, help) append_field(fields_, #name, counts[SONDE_COUNT_##name]);
  SONDE_KERNEL_COUNTERS(X)
#undef X
  const std::lock_guard lock(writer_mutex_);
  writer_->fields(TapeFrameKind::kCounters, fields_);
}

}  // namespace sonde::cli
