// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/host_profiler.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "userspace/base/clock.h"
#include "userspace/base/log.h"
#include "userspace/pipeline/host_names.h"

namespace sonde {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;
// What a client waits for lines behind the seconds that it asked for, at most.
constexpr uint64_t kLinesSeconds = 5;

// For whom nobody waits needs no names: they take the most time.
class NamesWhileWanted : public FrameNames {
 public:
  NamesWhileWanted(Extractor* extractor, int kallsyms, const std::atomic<bool>& given_up)
      : names_(extractor, NameForm::kWritten, kallsyms), given_up_(given_up) {}
  std::string name(const Module& module, uint64_t offset) override {
    return given_up_ ? std::string() : names_.name(module, offset);
  }

 private:
  HostNames names_;
  const std::atomic<bool>& given_up_;
};

class LinesWhileWanted : public FrameLines {
 public:
  LinesWhileWanted(FrameLines& lines, const std::atomic<bool>& given_up)
      : lines_(lines), given_up_(given_up) {}
  void find(const Module& module, uint64_t offset, std::vector<LineFrame>& out) override {
    out.clear();
    if (!given_up_) {
      lines_.find(module, offset, out);
    }
  }

 private:
  FrameLines& lines_;
  const std::atomic<bool>& given_up_;
};

// Says so as long as it lives.
class Making {
 public:
  explicit Making(std::atomic<bool>& making) : making_(making) { making_ = true; }
  ~Making() { making_ = false; }
  Making(const Making&) = delete;
  Making& operator=(const Making&) = delete;

 private:
  std::atomic<bool>& making_;
};

MetricFamily counter(std::string name, std::string help) {
  return {.name = std::move(name),
          .unit = "",
          .help = std::move(help),
          .kind = MetricKind::kCounter,
          .bounds = nullptr,
          .points = {}};
}

}  // namespace

HostProfiler::HostProfiler(Opened opened, SamplingRates rates, FindProcess find, WantProcess want)
    : opened_(std::move(opened)),
      find_(std::move(find)),
      want_(std::move(want)),
      rates_(std::move(rates)) {}

void HostProfiler::set_rates(SamplingRates rates) {
  const std::lock_guard lock(mutex_);
  rates_ = std::move(rates);
}

Result<Profile> HostProfiler::make(const ProfileOrder& order, const std::atomic<bool>& given_up) {
  SamplingRates rates;
  {
    const std::lock_guard lock(mutex_);
    rates = rates_;
  }
  const Making making(making_);
  uint32_t slowness = slowness_;
  if (auto slowed = opened_.samples->slow_down(slowness); !slowed) {
    return std::unexpected(slowed.error());
  }
  // No files may be made: rows are kept in memory.
  auto profiling = Profiling::begin(
      *opened_.samples, nullptr,
      {.pid = Pid{order.pid}, .service = order.service, .rates = std::move(rates)}, find_, want_);
  if (!profiling) {
    return std::unexpected(profiling.error());
  }
  const uint64_t end = monotonic_ns() + order.seconds * kSecondNs;
  for (uint64_t now = monotonic_ns(); now < end && !given_up; now = monotonic_ns()) {
    std::this_thread::sleep_for(
        std::chrono::nanoseconds(std::min((*profiling)->rest_ns(), end - now)));
    (*profiling)->read();
    if (const uint32_t wanted = slowness_; wanted != slowness) {
      slowness = wanted;
      (void)(*profiling)->slow_down(slowness);
    }
  }
  if (auto stopped = (*profiling)->stop(); !stopped) {
    return std::unexpected(stopped.error());
  }
  book((*profiling)->counts(), given_up);
  NamesWhileWanted names(opened_.extractor ? &*opened_.extractor : nullptr, opened_.kallsyms.get(),
                         given_up);
  Profile out = (*profiling)->finish(names);
  if (opened_.extractor && opened_.lines && order.lines) {
    add_lines(*opened_.extractor, **profiling, out, given_up);
  }
  return out;
}

void HostProfiler::add_lines(Extractor& extractor, Profiling& profiling, Profile& profile,
                             const std::atomic<bool>& given_up) {
  HostLines lines(extractor, late_, kLinesSeconds);
  LinesWhileWanted wanted(lines, given_up);
  if (const uint64_t no_room = profiling.add_lines(profile, wanted); no_room > 0) {
    log::debug("no room for the lines of {} places", no_room);
  }
  late_lines_ += lines.late();
}

void HostProfiler::book(const ProfilingCounts& counts, bool given_up) {
  const std::lock_guard lock(mutex_);
  fates_.taken += counts.kernel[SONDE_SAMPLES_taken];
  fates_.thinned += counts.kernel[SONDE_SAMPLES_thinned];
  fates_.ring_full += counts.kernel[SONDE_SAMPLES_ring_full];
  fates_.misread += counts.misread;
  fates_.copied += counts.unwound.copied;
  fates_.by_frame_pointers += counts.unwound.by_frame_pointers;
  if (given_up) {
    fates_.given_up += counts.collected.seen;
    return;
  }
  fates_.profiled += counts.collected.kept;
  fates_.without_stack += counts.collected.cut;
  fates_.unwanted += counts.collected.unwanted;
}

void HostProfiler::append(std::vector<MetricFamily>& out) const {
  Fates now;
  {
    const std::lock_guard lock(mutex_);
    now = fates_;
  }
  MetricFamily& taken = out.emplace_back(counter(
      "sonde.profile.samples.taken", "Times that a clock found a process that is profiled."));
  taken.points.push_back({std::make_shared<const Labels>(), now.taken});
  MetricFamily& fates =
      out.emplace_back(counter("sonde.profile.samples", "What became of the samples taken."));
  const auto add = [&](std::string fate, uint64_t count) {
    fates.points.push_back(
        {std::make_shared<const Labels>(Labels{{"fate", std::move(fate)}}), count});
  };
  add("profiled", now.profiled);
  add("without_stack", now.without_stack);
  add("thinned", now.thinned);
  add("unwanted", now.unwanted);
  add("given_up", now.given_up);
  add("ring_full", now.ring_full);
  add("misread", now.misread);
  MetricFamily& copied = out.emplace_back(
      counter("sonde.profile.stacks.copied",
              "Stacks that were copied to be walked in user space, of samples taken."));
  copied.points.push_back({std::make_shared<const Labels>(), now.copied});
  MetricFamily& by_frame_pointers = out.emplace_back(
      counter("sonde.profile.stacks.by_frame_pointers",
              "Stacks by frame pointers, of samples taken before their code was known."));
  by_frame_pointers.points.push_back({std::make_shared<const Labels>(), now.by_frame_pointers});
  MetricFamily& late = out.emplace_back(
      counter("sonde.profile.lines.late",
              "Files whose lines a profile does not tell, since they took too long to read."));
  late.points.push_back({std::make_shared<const Labels>(), late_lines_.load()});
}

}  // namespace sonde
