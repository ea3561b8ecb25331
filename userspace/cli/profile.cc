// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <unistd.h>

#include <optional>
#include <string>

#include "exporters/otlp/profiles.h"
#include "exporters/pprof/encode.h"
#include "exporters/stacks/flame.h"
#include "exporters/stacks/folded.h"
#include "userspace/base/log.h"
#include "userspace/cli/command.h"
#include "userspace/cli/extraction.h"
#include "userspace/cli/live.h"
#include "userspace/cli/output_file.h"
#include "userspace/cli/privileges.h"
#include "userspace/cli/profile_series.h"
#include "userspace/cli/profile_session.h"
#include "userspace/cli/signals.h"
#include "userspace/cli/taped_samples.h"
#include "userspace/extraction/extractor.h"
#include "userspace/kernel/tape_reader.h"
#include "userspace/pipeline/host_names.h"

namespace sonde::cli {
namespace {

constexpr OptionGroup kGroups[] = {OptionGroup::kProfile,   OptionGroup::kPicture,
                                   OptionGroup::kSampling,  OptionGroup::kGeneral,
                                   OptionGroup::kSelection, OptionGroup::kNaming,
                                   OptionGroup::kSymbols,   OptionGroup::kKernelTypes};

int failed(const Error& error) {
  log::error("{}", error.what);
  return kFailure;
}

std::string output_path(const ProfileConfig& profile) {
  if (!profile.output.empty()) {
    return profile.output;
  }
  return profile.folded || profile.text ? std::string(kStandardOutput)
         : profile.otlp                 ? "profile.otlp"
                                        : "profile.pb.gz";
}

std::string encoded(const ProfileConfig& wish, const Profile& profile) {
  return wish.folded ? stacks::folded(profile)
         : wish.text ? stacks::top(profile)
         : wish.otlp ? otlp::encode_profiles(profile)
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
  if (int{wish.folded} + int{wish.text} + int{wish.otlp} > 1) {
    return "--folded, --text and --otlp are different forms: choose one";
  }
  if (wish.every != 0 && (wish.folded || wish.text || wish.otlp || !wish.flame.empty())) {
    return "--every writes profiles of pprof's format: leave the other forms out";
  }
  if (wish.every != 0 && (wish.output.empty() || wish.output == kStandardOutput)) {
    return "--every wants a folder: -o FOLDER";
  }
  if (wish.every != 0 && !wish.replay.empty()) {
    return "--every samples on and on, a tape has an end: leave one out";
  }
  const bool binary = !wish.folded && !wish.text;
  if (binary && wish.output == kStandardOutput && ::isatty(STDOUT_FILENO) == 1) {
    return "a profile is no text for a terminal: name a file, or use --text";
  }
  return {};
}

void tell_counts(const ProfileSession::Made& made, const CpuSamples& samples, uint64_t unnamed) {
  const ProfilingCounts& counts = made.counts;
  const auto of = [&](sonde_sample_counter which) { return counts.kernel[which]; };
  fmt::print(stderr, "sonde: {} samples on {} CPUs ({} while a CPU was idle, {} of others)",
             counts.collected.kept + counts.collected.cut, samples.cpus(), of(SONDE_SAMPLES_idle),
             of(SONDE_SAMPLES_elsewhere) + counts.collected.unwanted);
  const auto tell = [](uint64_t count, std::string_view what) {
    if (count > 0) {
      fmt::print(stderr, "; {} {}", count, what);
    }
  };
  tell(of(SONDE_SAMPLES_thinned), "passed over, by --rate");
  tell(of(SONDE_SAMPLES_ring_full), "lost, the ring was full");
  tell(counts.misread, "not understood");
  tell(counts.collected.cut, "without their stack, for want of room");
  tell(of(SONDE_SAMPLES_kernel_cut), "deeper in the kernel than 127 frames");
  tell(of(SONDE_SAMPLES_user_cut), "deeper in the program than is walked");
  tell(of(SONDE_SAMPLES_user_unreadable), "whose stack could not be walked");
  tell(counts.unread, "processes gone before they could be read");
  tell(unnamed, "files whose symbols could not be read");
  tell(made.late_lines, "files without lines, which would have taken too long to read");
  tell(made.lines_no_room, "places without lines, for want of room");
  fmt::print(stderr, "\n");
  const UnwindingCounts& unwound = counts.unwound;
  if (unwound.stacks > 0) {
    fmt::print(stderr, "sonde: {} stacks of programs, {} of them whole ({:.1f} %)", unwound.stacks,
               unwound.whole,
               100.0 * static_cast<double>(unwound.whole) / static_cast<double>(unwound.stacks));
    tell(unwound.guessed, "with guessed frames");
    tell(unwound.copied, "completed from a copy");
    tell(unwound.by_frame_pointers, "by frame pointers, for want of rules");
    for (size_t end = 0; end < unwound.ends.size(); end++) {
      if (end != SONDE_STEP_outermost) {
        tell(unwound.ends[end], fmt::format("ended by {}", name_of(static_cast<sonde_step>(end))));
      }
    }
    fmt::print(stderr, "\n");
  }
}

// Where a profile goes, opened before there is one.
struct Outputs {
  std::string path;
  Fd file;
  Fd flame;  // none: no picture is wanted
};

Result<Outputs> open_outputs(const ProfileConfig& wish) {
  Outputs out{.path = output_path(wish), .file = {}, .flame = {}};
  auto file = open_output(out.path);
  if (!file) {
    return std::unexpected(file.error());
  }
  out.file = *std::move(file);
  if (!wish.flame.empty()) {
    auto flame = open_output(wish.flame);
    if (!flame) {
      return std::unexpected(flame.error());
    }
    out.flame = *std::move(flame);
  }
  return out;
}

Result<> write_out(const ProfileConfig& wish, const Outputs& outputs, const Profile& profile) {
  if (auto written = write_all(outputs.file, outputs.path, encoded(wish, profile)); !written) {
    return written;
  }
  if (!wish.flame.empty()) {
    const std::string picture = stacks::flame_graph(profile, title_of(wish, profile));
    return write_all(outputs.flame, wish.flame, picture);
  }
  return {};
}

void tell_end(const Outputs& outputs, const Profile& profile, std::string_view of_nothing) {
  if (outputs.path != kStandardOutput) {
    fmt::print(stderr, "sonde: written to {}\n", outputs.path);
  }
  if (profile.stacks.empty()) {
    fmt::print(stderr, "sonde: {}\n", of_nothing);
  }
}

int profile_tape(const Config& config) {
  const ProfileConfig& wish = config.profile;
  std::optional<Extractor> extractor = start_extractor(config.symbols);
  auto tape = TapeReader::open(wish.replay);
  if (!tape) {
    return failed(tape.error());
  }
  const auto outputs = open_outputs(wish);
  if (!outputs) {
    return failed(outputs.error());
  }
  TapedSamples samples(static_cast<uint32_t>(wish.pid), wish.service);
  for (TapeFrame frame; (*tape)->next(frame);) {
    samples.take(frame);
  }
  HostNames names(extractor ? &*extractor : nullptr);
  const Profile profile = samples.finish((*tape)->facts(), names);
  if (auto written = write_out(wish, *outputs, profile); !written) {
    return failed(written.error());
  }
  const TapeReport& report = (*tape)->report();
  fmt::print(
      stderr, "sonde: {} samples of {}{}{}\n", samples.samples(), wish.replay,
      report.ended ? "" : "; it does not end in order",
      samples.refused() > 0 ? fmt::format("; {} frames not understood", samples.refused()) : "");
  tell_end(*outputs, profile,
           "no sample of what was asked for: was it recorded with --samples, and is it called so?");
  return kOk;
}

int profile_host(const Config& config) {
  const ProfileConfig& wish = config.profile;
  const auto outputs = open_outputs(wish);
  if (!outputs) {
    return failed(outputs.error());
  }
  auto session = ProfileSession::open(config);
  if (!session) {
    return failed(session.error());
  }
  const auto made = (*session)->make(wish.seconds, ::isatty(STDERR_FILENO) == 1);
  if (!made) {
    return failed(made.error());
  }
  const Profile& profile = made->profile;
  if (auto written = write_out(wish, *outputs, profile); !written) {
    return failed(written.error());
  }
  tell_counts(*made, (*session)->samples(), (*session)->unnamed());
  tell_fetched((*session)->extraction());
  tell_end(*outputs, profile, "no sample of what was asked for: did it run, and is it called so?");
  return kOk;
}

int run(const Config& config, const Arguments& /*arguments*/) {
  if (const std::string wrong = contradiction(config.profile); !wrong.empty()) {
    fmt::print(stderr, "sonde profile: {}\n", wrong);
    return kWrongUse;
  }
  if (!config.profile.replay.empty()) {
    return profile_tape(config);
  }
  if (const std::string missing = missing_privileges("profile"); !missing.empty()) {
    fmt::print(stderr, "{}", missing);
    return kMissingPrivilege;
  }
  block_signals();
  adopt_libbpf_log();
  return config.profile.every != 0 ? profile_series(config) : profile_host(config);
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
for each stack, --flame draws a picture for a browser, --otlp is what is POSTed to
/v1development/profiles. It ends by itself, or with SIGINT; what was
sampled until then is written. --every N goes on until SIGINT or SIGTERM: a profile of each N
seconds, a file of its own in the folder that -o names, the oldest giving way.

Callers are found also in programs without frame pointers (most C and C++ code of distributions), by
what their files say for exceptions; in code that is made at run time by frame pointers. Functions
that nobody knows a name of are told as FILE+OFFSET. Where a file has debug information, or is a Go
program, functions that were inlined are frames of their own, and each place has its file and line;
finding them takes 10 s at most (--no-lines: none). What is found out of a file is kept in
/var/cache/sonde. --debuginfod asks servers for the symbols of files that have none here, when the
sampling is over.

Privileges: CAP_BPF and CAP_PERFMON; also CAP_SYS_PTRACE to see what other users' programs are. sudo
has them. Once the clocks run, CAP_BPF, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH and
CAP_CHECKPOINT_RESTORE are held of them, and no program is started and no socket made.

Examples:
  sudo sonde profile                                 30 s of everything, to profile.pb.gz
  sudo sonde profile -p 1234 -d 10 --text            where does this process spend its time?
  sudo sonde profile -s checkout --flame out.svg     one service, and a picture of it
  sudo sonde profile --folded | sort -rnk2 | head    the stacks that were met most
  sudo sonde profile --every 60 -o /var/log/profiles on and on, a day of minutes is kept
  sonde profile --replay shop.tape --text            of what `sonde record --samples` wrote
  go tool pprof -http : profile.pb.gz                look at it; -tagfocus service=checkout
)",
    .groups = kGroups,
    .operands = {},
    .run = run,
};

}  // namespace sonde::cli
