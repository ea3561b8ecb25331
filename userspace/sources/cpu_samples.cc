// SPDX-License-Identifier: Apache-2.0
#include "userspace/sources/cpu_samples.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <utility>

#include "bpf/shared/samples.h"
#include "skel/cpu_samples.skel.h"
#include "userspace/base/log.h"
#include "userspace/kernel/kernel_types.h"
#include "userspace/kernel/kernel_version.h"
#include "userspace/sources/code_event_record.h"
#include "userspace/sources/sample_record.h"

namespace sonde {

uint32_t sample_ring_bytes(uint64_t cpus, uint64_t hz) {
  constexpr uint64_t kUsualBytes = 700;
  constexpr uint64_t kStacksPart = 8;  // of a second: stacks are copied for a while only
  constexpr uint64_t kLeast = 1 << 20;
  constexpr uint64_t kMost = 64 << 20;
  return static_cast<uint32_t>(std::bit_ceil(
      std::clamp(cpus * hz * (kUsualBytes + sizeof(sonde_stack) / kStacksPart), kLeast, kMost)));
}

Result<std::unique_ptr<CpuSamples>> CpuSamples::open(const CpuSamplesOptions& options) {
  const auto version = kernel_version();
  if (!options.force && version && sampling_may_lock_up(*version)) {
    return fail(fmt::format(
        "Linux {}.{}.{} may lock up when user memory is read in an interrupt, as a sampler does "
        "(mended in 6.1.36, 6.3.10 and 6.4; distributions may have mended theirs: --force)",
        version->major, version->minor, version->patch));
  }
  if (auto types = use_kernel_types(options.types); !types) {
    return std::unexpected(types.error());
  }
  size_t size = 0;
  const void* elf = cpu_samples_bpf__elf_bytes(&size);
  auto object = BpfObject::open("cpu_samples", elf, size);
  if (!object) {
    return std::unexpected(object.error());
  }
  const long cpus = std::max(::sysconf(_SC_NPROCESSORS_CONF), 1L);
  auto pool = std::make_unique<MapPool>();
  const uint32_t ring_bytes = options.ring_bytes != 0
                                  ? options.ring_bytes
                                  : sample_ring_bytes(static_cast<uint64_t>(cpus), options.hz);
  if (auto done = (*object)->set_entries("samples", ring_bytes); !done) {
    return std::unexpected(done.error());
  }
  if (auto done = (*object)->load(*pool); !done) {
    return std::unexpected(done.error());
  }
  auto clock = CpuClock::open((*object)->program_fd("sample_cpu"), options.hz);
  if (!clock) {
    return std::unexpected(clock.error());
  }
  std::unique_ptr<CpuSamples> out(
      new CpuSamples(std::move(pool), *std::move(object), *std::move(clock)));
  auto ring = Ring::open(*out->pool_, *out, "samples");
  if (!ring) {
    return std::unexpected(ring.error());
  }
  out->ring_ = *std::move(ring);
  if (auto side_band = SideBand::open()) {
    out->side_band_ = *std::move(side_band);
  } else {
    log::debug("{}: what processes map is read of /proc", side_band.error().what);
  }
  if (out->pool_->find("codes") >= 0) {
    auto unwind = UnwindMaps::open(*out->pool_);
    if (!unwind) {
      return std::unexpected(unwind.error());
    }
    out->unwind_maps_ = *std::move(unwind);
    if (options.row_bytes != 0) {
      if (auto made = out->unwind_maps_->make_all_room(options.row_bytes); !made) {
        return std::unexpected(made.error());
      }
    }
    out->unwind_.emplace(*out->unwind_maps_);
  }
  return out;
}

CpuSamples::~CpuSamples() { clock_.stop(); }

Result<> CpuSamples::start(Pid only, uint32_t stacks_per_second, uint32_t one_in) {
  read({});
  if (unwind_) {
    if (auto done = unwind_->forget_all(); !done) {
      return done;
    }
  }
  maps_.forget_rates();
  wanted_.only_pid = static_cast<uint32_t>(only);
  wanted_.stacks_per_second = stacks_per_second;
  wanted_.one_in = one_in;
  if (auto done = maps_.set_sampling(wanted_); !done) {
    return done;
  }
  if (side_band_ != nullptr) {
    side_band_->start();
  }
  return clock_.start();
}

void CpuSamples::stop() {
  clock_.stop();
  if (side_band_ != nullptr) {
    side_band_->stop();
  }
}

bool CpuSamples::set_one_in(const StackSample& sample, uint32_t one_in) {
  return maps_.set_rate(
      static_cast<uint32_t>(sample.pid),
      {.started_ns = sample.started_ns, .image = sample.image, .one_in = one_in, .pad = 0});
}

// Between the two a ring may weigh what it did not: one of each CPU.
Result<> CpuSamples::slow_down(uint32_t times) {
  wanted_.weight = std::max(times, 1u);
  clock_.slow_down(wanted_.weight);
  return maps_.set_sampling(wanted_);
}

void CpuSamples::keep(uint64_t time_ns, std::span<const uint8_t> bytes, bool event) {
  kept_.push_back(
      {.time_ns = time_ns, .first = words_.size(), .size = bytes.size(), .event = event});
  words_.resize(words_.size() + (bytes.size() + sizeof(uint64_t) - 1) / sizeof(uint64_t));
  std::memcpy(words_.data() + kept_.back().first, bytes.data(), bytes.size());
}

std::span<const uint8_t> CpuSamples::bytes_of(const Kept& kept) const {
  return {reinterpret_cast<const uint8_t*>(words_.data() + kept.first), kept.size};
}

void CpuSamples::record(std::span<const uint8_t> bytes) {
  if (const auto sample = read_sample(bytes)) {
    keep(sample->time_ns, bytes, false);
  } else if (const auto stack = read_stack(bytes)) {
    keep(stack->time_ns, bytes, false);
  } else {
    misread_++;
  }
}

// The side-band is read behind the ring: it tells all that happened before the samples, and
// perhaps more, which is put behind them.
void CpuSamples::read(const Reader& reader, const EventReader& events) {
  constexpr size_t kMost = size_t{1} << 24;  // all there are: what comes meanwhile is little
  ring_->drain(kMost);
  if (side_band_ != nullptr) {
    side_band_->read([this](std::span<const uint8_t> bytes) {
      if (const auto event = read_code_event(bytes)) {
        keep(event->time_ns, bytes, true);
      }
    });
  }
  // Of the same time in the order of their coming.
  std::ranges::sort(kept_, {},
                    [](const Kept& kept) { return std::pair(kept.time_ns, kept.first); });
  for (const Kept& kept : kept_) {
    if (!kept.event) {
      hand_over(bytes_of(kept), reader);
    } else if (const auto event = read_code_event(bytes_of(kept)); event && events) {
      events(*event);
    }
  }
  stacks_alone_ += stacks_.size();
  stacks_.clear();
  kept_.clear();
  words_.clear();
}

void CpuSamples::hand_over(std::span<const uint8_t> bytes, const Reader& reader) {
  auto sample = read_sample(bytes);
  if (!sample) {
    if (const auto stack = read_stack(bytes)) {
      stacks_alone_ += stacks_.contains(stack->cpu) ? 1 : 0;
      stacks_[stack->cpu] = bytes;
    }
    return;
  }
  std::optional<StackRecord> stack;
  if (const auto found = stacks_.find(sample->cpu); found != stacks_.end()) {
    stack = read_stack(found->second);
    stacks_.erase(found);
    if (wants_stack(bytes) && stack && stack->time_ns == sample->time_ns) {
      sample->copied = &stack->stack;
    } else {
      stacks_alone_++;
    }
  }
  if (reader) {
    reader(*sample);
  }
}

}  // namespace sonde
