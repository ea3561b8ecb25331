// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/profiling.h"

#include <utility>

#include "userspace/base/clock.h"
#include "userspace/base/log.h"
#include "userspace/pipeline/profile_lines.h"

namespace sonde {
namespace {

// Of each CPU. As many as there are samples at the usual rates: of processes that live for a few
// samples, and in builds without tables for the kernel side, each brings its stack.
constexpr uint32_t kMostStacksPerSecond = 128;
constexpr uint64_t kLookForCpusNs = 1'000'000'000;

WantProcess wanted(const ProfileWish& wish, WantProcess may) {
  return
      [service = wish.service, rates = wish.rates, may = std::move(may)](const Process* process) {
        if (!service.empty() &&
            (process == nullptr || process->service == nullptr ||
             (process->service->name != service && process->service->job != service))) {
          return false;
        }
        return rates.one_in(process) != 0 && may(process);
      };
}

}  // namespace

Profiling::Profiling(CpuSamples& samples, const Store* store, const ProfileWish& wish,
                     FindProcess&& find, WantProcess&& want)
    : samples_(samples),
      rates_(wish.rates),
      processes_(
          std::move(find), std::move(want), [](Pid pid) { return read_mappings(pid); },
          [this](const StackSample& first, const Process* known, bool wanted) {
            meet(first, known, wanted);
          }),
      unwinding_(processes_, samples.unwind(), store),
      collector_(processes_, unwinding_, {}, wish.sink) {}

Result<std::unique_ptr<Profiling>> Profiling::begin(CpuSamples& samples, const Store* store,
                                                    const ProfileWish& wish, FindProcess find,
                                                    WantProcess may) {
  std::unique_ptr<Profiling> out(
      new Profiling(samples, store, wish, std::move(find), wanted(wish, std::move(may))));
  const auto before = samples.counts();
  if (!before) {
    return std::unexpected(before.error());
  }
  out->counts_.kernel = *before;
  out->counts_.misread = samples.misread();
  out->began_ns_ = out->looked_for_cpus_ns_ = monotonic_ns();
  out->began_wall_ns_ = wall_ns();
  samples.set_hz(wish.rates.clock_hz());
  const auto started = samples.start(wish.pid, kMostStacksPerSecond, wish.rates.usual_one_in());
  if (!started) {
    return std::unexpected(started.error());
  }
  return out;
}

Profiling::~Profiling() { samples_.stop(); }

void Profiling::meet(const StackSample& first, const Process* known, bool wanted) {
  const uint32_t one_in = wanted ? rates_.one_in(known) : 0;
  if (one_in != rates_.usual_one_in()) {
    (void)samples_.set_one_in(first, one_in);
  }
}

void Profiling::read() {
  const uint64_t copied = unwinding_.counts().copied;
  samples_.read([this](const StackSample& sample) { collector_.add(sample); },
                [this](const CodeEvent& event) { processes_.apply(event); });
  learning_ = samples_.unwind() != nullptr && unwinding_.counts().copied > copied;
  if (const uint64_t now = monotonic_ns(); now - looked_for_cpus_ns_ >= kLookForCpusNs) {
    looked_for_cpus_ns_ = now;
    (void)samples_.tend_clocks();
  }
}

Result<> Profiling::stop() {
  samples_.stop();
  if (samples_.unwind() != nullptr) {
    const UnwindTables::Told told = samples_.unwind()->told();
    log::debug("the kernel side was told {} pages of rows, {} KiB; {} things found no room",
               told.pages, told.row_bytes / 1024, told.refused);
  }
  ended_ns_ = monotonic_ns();
  read();
  const auto now = samples_.counts();
  if (!now) {
    return std::unexpected(now.error());
  }
  for (size_t i = 0; i < now->size(); ++i) {
    counts_.kernel[i] = (*now)[i] - counts_.kernel[i];
  }
  counts_.misread = samples_.misread() - counts_.misread;
  counts_.collected = collector_.counts();
  counts_.unwound = unwinding_.counts();
  counts_.unread = processes_.unread();
  return {};
}

Profile Profiling::finish(FrameNames& names) {
  Profile out = collector_.finish(names);
  out.start_wall_ns = began_wall_ns_;
  out.duration_ns = ended_ns_ - began_ns_;
  out.period_ns = samples_.period_ns();
  return out;
}

uint64_t Profiling::add_lines(Profile& profile, FrameLines& lines) {
  return sonde::add_lines(profile, processes_.modules().all(), lines);
}

}  // namespace sonde
