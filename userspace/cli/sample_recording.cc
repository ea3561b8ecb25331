// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/sample_recording.h"

#include <fcntl.h>
#include <pthread.h>

#include <chrono>
#include <utility>

#include "userspace/base/log.h"
#include "userspace/cli/sample_taper.h"
#include "userspace/pipeline/host_names.h"

namespace sonde::cli {
namespace {

// Of rows that the kernel side can be told: no map can be made later.
constexpr size_t kRowBytes = 8 << 20;

}  // namespace

Result<std::unique_ptr<SampleRecording>> SampleRecording::open(const ProfileConfig& config,
                                                               SamplingRates rates) {
  auto samples =
      CpuSamples::open({.hz = rates.clock_hz(), .force = config.force, .row_bytes = kRowBytes});
  if (!samples) {
    return with_context("samples", samples.error());
  }
  return std::unique_ptr<SampleRecording>(new SampleRecording(
      *std::move(samples), std::move(rates), Fd(::open("/proc/kallsyms", O_RDONLY | O_CLOEXEC))));
}

SampleRecording::~SampleRecording() { stop(); }

void SampleRecording::start(WatchedHost& host, TapeRecorder& tape) {
  thread_ = std::thread([this, &host, &tape] {
    pthread_setname_np(pthread_self(), "sonde-samples");
    if (auto done = sample(host, tape); !done) {
      log::error("no more samples: {}", done.error().what);
    }
  });
}

void SampleRecording::stop() {
  stop_ = true;
  if (thread_.joinable()) {
    thread_.join();
  }
}

Result<> SampleRecording::sample(WatchedHost& host, TapeRecorder& tape) {
  HostNames names(nullptr, NameForm::kWritten, kallsyms_.get());
  SampleTaper taper([&tape](TapeFrameKind kind,
                            std::span<const uint8_t> payload) { tape.sampled(kind, payload); },
                    names);
  // Confined, it can make no file: rows are kept in memory.
  auto profiling = Profiling::begin(
      *samples_, nullptr, {.service = {}, .rates = rates_, .sink = &taper},
      [&host](Pid pid) { return host.process_of(pid); },
      [&host](const Process* process) { return !host.excludes(process); });
  if (!profiling) {
    return std::unexpected(profiling.error());
  }
  taper.begin(samples_->period_ns());
  while (!stop_) {
    std::this_thread::sleep_for(std::chrono::nanoseconds((*profiling)->rest_ns()));
    (*profiling)->read();
  }
  auto stopped = (*profiling)->stop();
  counts_ = (*profiling)->counts();
  return stopped;
}

}  // namespace sonde::cli
