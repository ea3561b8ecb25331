// SPDX-License-Identifier: Apache-2.0
#include "userspace/sources/cpu_samples.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

#include "skel/cpu_samples.skel.h"
#include "userspace/kernel/kernel_types.h"
#include "userspace/kernel/kernel_version.h"
#include "userspace/sources/sample_record.h"

namespace sonde {

uint32_t sample_ring_bytes(uint64_t cpus, uint64_t hz) {
  constexpr uint64_t kUsualBytes = 700;
  constexpr uint64_t kStacks = 64 << 10;  // four copied stacks of each CPU
  constexpr uint64_t kLeast = 1 << 20;
  constexpr uint64_t kMost = 64 << 20;
  return static_cast<uint32_t>(
      std::bit_ceil(std::clamp(cpus * (hz * kUsualBytes + kStacks), kLeast, kMost)));
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
  if (out->pool_->find("codes") >= 0) {
    auto unwind = UnwindMaps::open(*out->pool_);
    if (!unwind) {
      return std::unexpected(unwind.error());
    }
    out->unwind_ = *std::move(unwind);
  }
  return out;
}

CpuSamples::~CpuSamples() { clock_.stop(); }

Result<> CpuSamples::start(Pid only, uint32_t stacks_per_second) {
  read({});
  stacks_.clear();
  if (unwind_ != nullptr) {
    unwind_->forget_all();
  }
  const sonde_sampling wanted{.only_pid = static_cast<uint32_t>(only),
                              .stacks_per_second = stacks_per_second};
  if (auto done = maps_.set_sampling(wanted); !done) {
    return done;
  }
  return clock_.start();
}

void CpuSamples::stop() { clock_.stop(); }

void CpuSamples::read(const Reader& reader) {
  reader_ = &reader;
  // All there are: what comes meanwhile is little.
  constexpr size_t kMost = size_t{1} << 24;
  ring_->drain(kMost);
  reader_ = nullptr;
}

void CpuSamples::record(std::span<const uint8_t> bytes) {
  if (const auto sample = read_sample(bytes)) {
    hand_over(*sample, wants_stack(bytes));
  } else if (read_stack(bytes)) {
    keep_stack(bytes);
  } else {
    misread_++;
  }
}

void CpuSamples::keep_stack(std::span<const uint8_t> bytes) {
  std::vector<uint64_t>& kept = stacks_[read_stack(bytes)->cpu];
  stacks_alone_ += kept.empty() ? 0 : 1;
  kept.resize(bytes.size() / sizeof(uint64_t));
  std::memcpy(kept.data(), bytes.data(), kept.size() * sizeof(uint64_t));
}

void CpuSamples::hand_over(StackSample sample, bool wants_stack) {
  std::optional<StackRecord> stack;
  std::vector<uint64_t>& kept = stacks_[sample.cpu];
  if (!kept.empty()) {
    stack = read_stack({reinterpret_cast<const uint8_t*>(kept.data()), kept.size() * 8});
    if (wants_stack && stack && stack->time_ns == sample.time_ns) {
      sample.copied = &stack->stack;
    } else {
      stacks_alone_++;
    }
  }
  if (reader_ != nullptr && *reader_) {
    (*reader_)(sample);
  }
  kept.clear();
}

}  // namespace sonde
