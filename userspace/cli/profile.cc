// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/core.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>

#include "exporters/pprof/encode.h"
#include "exporters/stacks/flame.h"
#include "exporters/stacks/folded.h"
#include "userspace/base/clock.h"
#include "userspace/base/log.h"
#include "userspace/cli/command.h"
#include "userspace/cli/confinement.h"
#include "userspace/cli/live.h"
#include "userspace/cli/output_file.h"
#include "userspace/cli/privileges.h"
#include "userspace/cli/signals.h"
#include "userspace/confine/capabilities.h"
#include "userspace/inventory/inventory.h"
#include "userspace/pipeline/host_names.h"
#include "userspace/pipeline/profiling.h"

namespace sonde::cli {
namespace {

constexpr OptionGroup kGroups[] = {OptionGroup::kProfile,   OptionGroup::kPicture,
                                   OptionGroup::kSampling,  OptionGroup::kGeneral,
                                   OptionGroup::kSelection, OptionGroup::kNaming};
constexpr uint64_t kSecondNs = 1'000'000'000;

int failed(const Error& error) {
  log::error("{}", error.what);
  return kFailure;
}

std::string output_path(const ProfileConfig& profile) {
  if (!profile.output.empty()) {
    return profile.output;
  }
  return profile.folded || profile.text ? std::string(kStandardOutput) : "profile.pb.gz";
}

std::string encoded(const ProfileConfig& wish, const Profile& profile) {
  return wish.folded ? stacks::folded(profile)
         : wish.text ? stacks::top(profile)
                     : pprof::encode(profile);
}

std::string title_of(const ProfileConfig& wish, const Profile& profile) {
  const std::string whose = !wish.service.empty() ? wish.service
                            : wish.pid != 0       ? fmt::format("process {}", wish.pid)
                                                  : host_name();
  return stacks::cpu_title(profile, whose);
}

// What is wrong with what is wanted; empty: nothing.
std::string contradiction(const ProfileConfig& wish) {
  if (wish.folded && wish.text) {
    return "--folded and --text are two forms: choose one";
  }
  const bool binary = !wish.folded && !wish.text;
  if (binary && wish.output == kStandardOutput && ::isatty(STDOUT_FILENO) == 1) {
    return "a profile is no text for a terminal: name a file, or use --text";
  }
  return {};
}

// Who runs here, asked as samples come.
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

// Until the time is over, or somebody has enough of it.
void sample_for(uint64_t seconds, Profiling& profiling) {
  const bool watched = ::isatty(STDERR_FILENO) == 1;
  const uint64_t began = monotonic_ns();
  const uint64_t end = began + seconds * kSecondNs;
  uint64_t told = 0;
  for (uint64_t now = began; now < end; now = monotonic_ns()) {
    if (wait_for_signal(std::min(Profiling::kReadEveryNs, end - now)) != 0) {
      break;
    }
    profiling.read();
    if (const uint64_t passed = (now - began) / kSecondNs; watched && passed != told) {
      told = passed;
      fmt::print(stderr, "\rsonde: {} of {} s ", passed, seconds);
    }
  }
  if (watched) {
    fmt::print(stderr, "\r");
  }
}

void tell_counts(const ProfilingCounts& counts, const CpuSamples& samples) {
  const auto of = [&](sonde_sample_counter which) { return counts.kernel[which]; };
  fmt::print(stderr, "sonde: {} samples on {} CPUs ({} while a CPU was idle, {} of others)",
             counts.collected.kept + counts.collected.cut, samples.cpus(), of(SONDE_SAMPLES_idle),
             of(SONDE_SAMPLES_elsewhere) + counts.collected.unwanted);
  const auto tell = [](uint64_t count, std::string_view what) {
    if (count > 0) {
      fmt::print(stderr, "; {} {}", count, what);
    }
  };
  tell(of(SONDE_SAMPLES_ring_full), "lost, the ring was full");
  tell(counts.misread, "not understood");
  tell(counts.collected.cut, "without their stack, for want of room");
  tell(of(SONDE_SAMPLES_user_cut) + of(SONDE_SAMPLES_kernel_cut), "deeper than 127 frames");
  tell(of(SONDE_SAMPLES_user_unreadable), "whose stack could not be walked");
  tell(counts.unread, "processes gone before they could be read");
  fmt::print(stderr, "\n");
}

// When all is open and the clocks are there. Files are still found by their mappings where the
// kernel has a capability for that: a program may run that was replaced.
void confine(const CpuSamples& samples) {
  const Confinement done =
      confine_process(needed_later([&samples] { return samples.counts().has_value(); }) |
                      confine::capability(CAP_CHECKPOINT_RESTORE));
  for (const std::string& missing : done.missing) {
    log::warn("{}", missing);
  }
}

int profile_host(const Config& config) {
  const ProfileConfig& wish = config.profile;
  block_signals();
  adopt_libbpf_log();
  auto rules = host_rules(config);
  if (!rules) {
    return failed(rules.error());
  }
  const std::string path = output_path(wish);
  const auto output = open_output(path);
  if (!output) {
    return failed(output.error());
  }
  const auto flame = wish.flame.empty() ? Result<Fd>(Fd()) : open_output(wish.flame);
  if (!flame) {
    return failed(flame.error());
  }
  auto samples = CpuSamples::open({.hz = wish.frequency, .force = wish.force});
  if (!samples) {
    const std::string lacking = missing_to_load(confine::effective_capabilities().value_or(~0ull));
    if (!lacking.empty()) {
      log::error("this process lacks {}", lacking);
    }
    return failed(samples.error());
  }
  const Fd kallsyms(::open("/proc/kallsyms", O_RDONLY | O_CLOEXEC));
  if (config.security.confine) {
    confine(**samples);
  }
  Host host(*std::move(rules));
  auto profiling = Profiling::begin(
      **samples, {.pid = Pid{static_cast<uint32_t>(wish.pid)}, .service = wish.service},
      host.finder(), host.chooser());
  if (!profiling) {
    return failed(profiling.error());
  }
  sample_for(wish.seconds, **profiling);
  if (auto stopped = (*profiling)->stop(); !stopped) {
    return failed(stopped.error());
  }
  HostNames names(kallsyms.get());
  const Profile profile = (*profiling)->finish(names);
  if (auto written = write_all(*output, path, encoded(wish, profile)); !written) {
    return failed(written.error());
  }
  if (!wish.flame.empty()) {
    const std::string picture = stacks::flame_graph(profile, title_of(wish, profile));
    if (auto written = write_all(*flame, wish.flame, picture); !written) {
      return failed(written.error());
    }
  }
  tell_counts((*profiling)->counts(), **samples);
  if (path != kStandardOutput) {
    fmt::print(stderr, "sonde: written to {}\n", path);
  }
  if (profile.stacks.empty()) {
    fmt::print(stderr,
               "sonde: no sample of what was asked for: did it run, and is it called so?\n");
  }
  return kOk;
}

int run(const Config& config, const Arguments& /*arguments*/) {
  if (const std::string wrong = contradiction(config.profile); !wrong.empty()) {
    fmt::print(stderr, "sonde profile: {}\n", wrong);
    return kWrongUse;
  }
  if (const std::string missing = missing_privileges("profile"); !missing.empty()) {
    fmt::print(stderr, "{}", missing);
    return kMissingPrivilege;
  }
  return profile_host(config);
}

}  // namespace

const Command profile_command = {
    .name = "profile",
    .summary = "sample where CPU time goes, without a change to any program",
    .usage = "[flags]",
    .text =
        R"(Looks 49 times a second at what each CPU does, and writes down the functions that run and who
called them, of every process or of some, in the kernel and in the program. Nothing is restarted
and no program needs to be prepared. CPUs that idle cost nothing; a sample costs microseconds.

The profile is pprof's: `go tool pprof`, Parca, Pyroscope and speedscope.app read it. Each sample
has the labels service, container, pid, thread and comm. --text prints a table, --folded one line
for each stack, --flame draws a picture for a browser. It ends by itself, or with SIGINT; what was
sampled until then is written.

Callers are found by frame pointers: programs that were compiled without them (most C and C++ code
of distributions) show where they run, but not always who called it. Functions that nobody knows a
name of are told as FILE+OFFSET.

Privileges: CAP_BPF and CAP_PERFMON; also CAP_SYS_PTRACE to see what other users' programs are. sudo
has them. Once the clocks run, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH and CAP_CHECKPOINT_RESTORE are
held of them (before 5.19 CAP_BPF too), and no program is started, no socket made and no file opened
for writing.

Examples:
  sudo sonde profile                                 30 s of everything, to profile.pb.gz
  sudo sonde profile -p 1234 -d 10 --text            where does this process spend its time?
  sudo sonde profile -s checkout --flame out.svg     one service, and a picture of it
  sudo sonde profile --folded | sort -rnk2 | head    the stacks that were met most
  go tool pprof -http : profile.pb.gz                look at it; -tagfocus service=checkout
)",
    .groups = kGroups,
    .operands = {},
    .run = run,
};

}  // namespace sonde::cli
