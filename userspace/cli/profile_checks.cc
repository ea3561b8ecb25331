// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/profile_checks.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <utility>

#include "symbolizer/symbols/kernel_symbols.h"
#include "userspace/base/clock.h"
#include "userspace/cli/privileges.h"
#include "userspace/confine/capabilities.h"
#include "userspace/sources/cpu_samples.h"

namespace sonde::cli {
namespace {

constexpr uint64_t kProofHz = 997;
constexpr uint64_t kWantedSamples = 20;
constexpr uint64_t kPatienceNs = 500'000'000;
constexpr int kUnknown = -100;

Check check(std::string_view name, CheckState state, std::string finding, std::string affects = {},
            std::string remedy = {}) {
  return {.name = std::string(name),
          .state = state,
          .finding = std::move(finding),
          .affects = std::move(affects),
          .remedy = std::move(remedy)};
}

int setting(const char* path) {
  int value = kUnknown;
  std::ifstream file(path);
  return file >> value ? value : kUnknown;
}

// Busy until the time is over.
void spin_until(uint64_t end_ns) {
  while (monotonic_ns() < end_ns) {
  }
}

struct Proof {
  uint64_t samples = 0;
  uint64_t with_stack = 0;
};

// We are sampled ourselves while we are busy.
Result<Proof> sample_ourselves(CpuSamples& samples) {
  Proof proof;
  if (auto started = samples.start(Pid{static_cast<uint32_t>(::getpid())}); !started) {
    return std::unexpected(started.error());
  }
  const uint64_t end = monotonic_ns() + kPatienceNs;
  while (proof.samples < kWantedSamples && monotonic_ns() < end) {
    constexpr uint64_t kStepNs = 10'000'000;
    spin_until(monotonic_ns() + kStepNs);
    samples.read([&](const StackSample& sample) {
      proof.samples++;
      proof.with_stack += sample.user.empty() ? 0 : 1;
    });
  }
  samples.stop();
  samples.read({});
  return proof;
}

Check sampler_check(CpuSamples& samples, uint64_t hz) {
  constexpr std::string_view kAffects = "CPU profiles, or the stacks in them";
  const auto proof = sample_ourselves(samples);
  if (!proof) {
    return check("profiles", CheckState::kDegraded, proof.error().what, std::string(kAffects));
  }
  const std::string clock =
      fmt::format("by cpu-clock on {} CPUs, {} samples a second of each", samples.cpus(), hz);
  if (proof->samples == 0) {
    return check("profiles", CheckState::kDegraded, clock + "; of ourselves no sample came",
                 std::string(kAffects), "see `process ids`");
  }
  if (proof->with_stack == 0) {
    return check("profiles", CheckState::kDegraded,
                 clock + "; no sample of ourselves had a stack of the program's",
                 "stacks of programs: the kernel lets nobody read their memory there");
  }
  return check("profiles", CheckState::kOk,
               fmt::format("{}; proven by {} of ourselves", clock, proof->samples));
}

Check side_band_check(const SideBand* side_band) {
  if (side_band == nullptr) {
    return check("code events", CheckState::kDegraded,
                 "the kernel does not tell what processes map: /proc is read instead",
                 "names in profiles of processes that live for moments",
                 "grant CAP_PERFMON, or set kernel.perf_event_paranoid to 2 or less; raise "
                 "kernel.perf_event_mlock_kb if it is small");
  }
  return check("code events", CheckState::kOk,
               side_band->tells_build_ids()
                   ? "what processes map is told at once, with build-ids"
                   : "what processes map is told at once; build-ids are read of files");
}

}  // namespace

Check no_sampler_check(const Error& error, int paranoid, uint64_t capabilities) {
  std::string remedy = "see docs/limits.md for the kernels that profiles need";
  const std::string lacking = missing_to_load(capabilities);
  if (error.what.find("may lock up") != std::string::npos) {
    remedy = "boot a mended kernel, or say that this one is by --force";
  } else if (!lacking.empty()) {
    remedy = "run it as root, or grant " + lacking;
  } else if (paranoid > 2 && (error.code == EACCES || error.code == EPERM)) {
    remedy = fmt::format(
        "run it as root, or sysctl kernel.perf_event_paranoid=2 (it is {}: CAP_PERFMON is not "
        "enough)",
        paranoid);
  }
  return check("profiles", CheckState::kDegraded, error.what,
               "CPU profiles: `sonde profile`, /debug/pprof/profile", std::move(remedy));
}

Check kernel_names_check(const std::string& why_not, int restricted) {
  if (why_not.empty()) {
    return check("kernel names", CheckState::kOk, "the kernel shows where its functions are");
  }
  return check(
      "kernel names", CheckState::kDegraded, why_not, "names of the kernel's functions in profiles",
      restricted > 1 ? "sysctl kernel.kptr_restrict=1, and run it as root or grant CAP_SYSLOG"
                     : "run it as root or grant CAP_SYSLOG");
}

std::vector<Check> profile_checks(const ProfileConfig& config) {
  std::vector<Check> out;
  auto samples = CpuSamples::open({.hz = kProofHz, .force = config.force});
  if (!samples) {
    out.push_back(no_sampler_check(samples.error(), setting("/proc/sys/kernel/perf_event_paranoid"),
                                   confine::effective_capabilities().value_or(~0ull)));
    return out;
  }
  out.push_back(sampler_check(**samples, config.frequency));
  out.push_back(side_band_check((*samples)->side_band()));
  const auto names = KernelSymbols::read();
  out.push_back(kernel_names_check(names ? std::string() : names.error().what,
                                   setting("/proc/sys/kernel/kptr_restrict")));
  return out;
}

}  // namespace sonde::cli
