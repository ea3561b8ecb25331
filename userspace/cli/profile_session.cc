// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/profile_session.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/bpf.h>
#include <linux/capability.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "userspace/base/clock.h"
#include "userspace/base/log.h"
#include "userspace/cli/confinement.h"
#include "userspace/cli/extraction.h"
#include "userspace/cli/live.h"
#include "userspace/cli/privileges.h"
#include "userspace/cli/signals.h"
#include "userspace/inventory/inventory.h"
#include "userspace/pipeline/hide_addresses.h"
#include "userspace/pipeline/host_names.h"

namespace sonde::cli {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;
// What somebody waits for lines behind the sampling, at most.
constexpr uint64_t kLinesSeconds = 10;

// Who runs here, asked as samples come. For one profile: nobody tells it of processes that end and
// numbers that are used again.
struct Host {
  Selection selection;
  Namer namer;
  Inventory inventory;

  explicit Host(HostRules rules)
      : selection(std::move(rules.selection)),
        namer(host_name(), std::move(rules.naming)),
        inventory(ProcRoot(), kMaxProcesses, Containers(),
                  [this](const Process& process) { return namer.name(process); }) {}

  FindProcess finder() {
    return [this](Pid pid) { return inventory.discover(pid); };
  }
  WantProcess chooser() {
    return [this](const Process* process) {
      const ProcessFacts facts = process != nullptr ? facts_of(*process) : ProcessFacts{};
      return selection.decide(facts) != Selected::kExcluded;
    };
  }
};

// Until the time is over, or somebody has enough of it: true.
bool sample_for(uint64_t seconds, bool tell, Profiling& profiling) {
  const uint64_t began = monotonic_ns();
  const uint64_t end = began + seconds * kSecondNs;
  uint64_t told = 0;
  bool ended = false;
  for (uint64_t now = began; now < end && !ended; now = monotonic_ns()) {
    ended = wait_for_signal(std::min(profiling.rest_ns(), end - now)) != 0;
    profiling.read();
    if (const uint64_t passed = (now - began) / kSecondNs; tell && passed != told) {
      told = passed;
      fmt::print(stderr, "\rsonde: {} of {} s ", passed, seconds);
    }
  }
  fmt::print(stderr, "{}", tell ? "\r" : "");
  return ended;
}

// Tables of code are kept: in files for other runs, and in maps for the kernel side.
bool keeps_tables(const confine::CallRule& rule) {
  constexpr std::array<std::string_view, 7> kOfFiles = {
      "open", "openat", "rename", "renameat", "unlink", "unlinkat", "utimensat"};
  return std::ranges::find(kOfFiles, rule.name) != kOfFiles.end() ||
         (rule.name == "bpf" && rule.value == BPF_MAP_CREATE);
}

// Without it tables are made again each time.
std::optional<Store> open_store() {
  const std::string path = Store::default_path();
  auto store = path.empty() ? fail("no home") : Store::open(path);
  if (!store) {
    log::warn("unwinding tables are not kept: {}", store.error().what);
    return std::nullopt;
  }
  return std::optional<Store>(*std::move(store));
}

// When all is open and the clocks are there. Files are still found by their mappings where the
// kernel has a capability for that: a program may run that was replaced.
void confine_session() {
  constexpr confine::CapabilitySet kKept =
      confine::capability(CAP_SYS_PTRACE) | confine::capability(CAP_DAC_READ_SEARCH) |
      confine::capability(CAP_CHECKPOINT_RESTORE) | confine::capability(CAP_BPF);
  const Confinement done = confine_process(kKept, keeps_tables);
  for (const std::string& missing : done.missing) {
    log::warn("{}", missing);
  }
}

}  // namespace

ProfileSession::ProfileSession(const ProfileConfig& wish, HostRules rules, SamplingRates rates,
                               std::optional<Extractor> extractor,
                               std::unique_ptr<CpuSamples> samples)
    : wish_(wish),
      rules_(std::move(rules)),
      rates_(std::move(rates)),
      extractor_(std::move(extractor)),
      samples_(std::move(samples)),
      store_(open_store()),
      kallsyms_(::open("/proc/kallsyms", O_RDONLY | O_CLOEXEC)) {}

Result<std::unique_ptr<ProfileSession>> ProfileSession::open(const Config& config) {
  // First, while there is little memory to be forked with.
  std::optional<Extractor> extractor = start_extractor(config.symbols);
  auto rules = host_rules(config);
  if (!rules) {
    return std::unexpected(rules.error());
  }
  const ProfileConfig& wish = config.profile;
  auto rates = sampling_rates(wish);
  if (!rates) {
    return std::unexpected(rates.error());
  }
  auto samples = CpuSamples::open(
      {.hz = rates->clock_hz(), .force = wish.force, .types = config.kernel.types});
  if (!samples) {
    const std::string lacking = missing_to_load_after(samples.error());
    if (!lacking.empty()) {
      log::error("this process lacks {}", lacking);
    }
    return std::unexpected(samples.error());
  }
  std::unique_ptr<ProfileSession> out(new ProfileSession(
      wish, *std::move(rules), *std::move(rates), std::move(extractor), *std::move(samples)));
  if (config.security.confine) {
    confine_session();
  }
  return out;
}

Result<ProfileSession::Made> ProfileSession::make(uint64_t seconds, bool tell) {
  Host host(rules_);
  auto profiling = Profiling::begin(
      *samples_, store_ ? &*store_ : nullptr,
      {.pid = Pid{static_cast<uint32_t>(wish_.pid)}, .service = wish_.service, .rates = rates_},
      host.finder(), host.chooser());
  if (!profiling) {
    return std::unexpected(profiling.error());
  }
  Made out;
  out.ended = sample_for(seconds, tell, **profiling);
  if (auto stopped = (*profiling)->stop(); !stopped) {
    return std::unexpected(stopped.error());
  }
  name(**profiling, out);
  hide_addresses(out.profile);  // whoever reads the file need not know where the kernel lies
  out.counts = (*profiling)->counts();
  return out;
}

void ProfileSession::name(Profiling& profiling, Made& out) {
  const auto failed = [this] { return extractor_ ? extractor_->counts().failed : 0; };
  const uint64_t before = failed();
  HostNames names(extractor_ ? &*extractor_ : nullptr, NameForm::kWritten, kallsyms_.get());
  out.profile = profiling.finish(names);
  unnamed_ += failed() - before;
  if (extractor_ && wish_.lines) {
    HostLines lines(*extractor_, late_, kLinesSeconds);
    out.lines_no_room = profiling.add_lines(out.profile, lines);
    out.late_lines = lines.late();
  }
}

}  // namespace sonde::cli
