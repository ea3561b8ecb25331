// SPDX-License-Identifier: Apache-2.0
#include "userspace/config/options.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "userspace/config/naming_text.h"
#include "userspace/config/rate_text.h"

namespace sonde {
namespace {

constexpr std::array<std::string_view, 4> kLevels = {"debug", "info", "warn", "error"};

// Each takes the place of the value as a lambda, so that a line of the table names it once.
template <auto kAt>
constexpr FlagOption flag() {
  return {[](Config& c) -> bool& { return kAt(c); }};
}
template <auto kAt>
constexpr IntegerOption integer(uint64_t min, uint64_t max, Unit unit = Unit::kNone,
                                bool power_of_two = false) {
  return {[](Config& c) -> uint64_t& { return kAt(c); }, min, max, unit, power_of_two};
}
template <auto kAt>
constexpr NumberOption number(double min, double max) {
  return {[](Config& c) -> double& { return kAt(c); }, min, max};
}
template <auto kAt>
constexpr ChoiceOption choice(std::span<const std::string_view> names) {
  return {names, [](const Config& c) { return static_cast<size_t>(kAt(c)); },
          [](Config& c, size_t i) {
            kAt(c) = static_cast<std::remove_reference_t<decltype(kAt(c))>>(i);
          }};
}
template <auto kAt>
constexpr TextOption text(std::optional<std::string> (*check)(std::string_view) = nullptr) {
  return {[](Config& c) -> std::string& { return kAt(c); }, check};
}
template <auto kAt>
constexpr TextListOption texts(std::optional<std::string> (*check)(std::string_view) = nullptr) {
  return {[](Config& c) -> std::vector<std::string>& { return kAt(c); }, check};
}
template <auto kAt>
constexpr RuleListOption rules() {
  return {[](Config& c) -> std::vector<SelectionRule>& { return kAt(c); }};
}
template <auto kAt>
constexpr NamingListOption namings() {
  return {[](Config& c) -> std::vector<NamingRule>& { return kAt(c); }};
}
template <auto kAt>
constexpr RateListOption rates() {
  return {[](Config& c) -> std::vector<RateRule>& { return kAt(c); }};
}

// Names are not resolved: the port must be there before the network's name service is.
std::optional<std::string> check_listen(std::string_view value) {
  constexpr std::string_view kWanted = "must be IP:PORT, such as 127.0.0.1:9464 or [::1]:9464";
  const size_t colon = value.rfind(':');
  if (colon == std::string_view::npos) {
    return std::string(kWanted);
  }
  std::string host(value.substr(0, colon));
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) {
    host = host.substr(1, host.size() - 2);
  }
  std::array<uint8_t, sizeof(in6_addr)> address{};
  if (inet_pton(bracketed ? AF_INET6 : AF_INET, host.c_str(), address.data()) != 1) {
    return std::string(kWanted);
  }
  const std::string_view digits = value.substr(colon + 1);
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    return std::string(kWanted);
  }
  return std::nullopt;
}

// Routes are matched elsewhere; here only what cannot be one is refused.
std::optional<std::string> check_pattern(std::string_view value) {
  const size_t slash = value.find('/');
  const bool after_service =
      slash != std::string_view::npos && slash > 1 && value[slash - 1] == ':';
  if (slash != 0 && !after_service) {
    return "must be a path such as /users/{id}, or one after the name of a service and a colon";
  }
  const size_t rest = value.find("**");
  if (rest != std::string_view::npos && rest + 2 != value.size()) {
    return "** must be its end";
  }
  return std::nullopt;
}

std::optional<std::string> check_servers(std::string_view value) {
  constexpr size_t kMaxServers = 8;
  size_t count = 0;
  while (!value.empty() && value != "env") {
    const std::string_view server = value.substr(0, value.find(' '));
    value.remove_prefix(std::min(server.size() + 1, value.size()));
    if (server.empty()) {
      continue;
    }
    const bool plain = std::ranges::all_of(server, [](char c) { return c > ' ' && c <= '~'; });
    if ((!server.starts_with("https://") && !server.starts_with("http://")) || !plain ||
        ++count > kMaxServers) {
      return "must be up to 8 URLs (https://HOST), with blanks between them, or env";
    }
  }
  return std::nullopt;
}

// NOLINTNEXTLINE(bugprone-macro-parentheses): a member cannot stand in them
#define SONDE_AT(member) [](auto& c) -> auto& { return c.member; }

using enum OptionGroup;

// Environment names follow from the flags. None may be SONDE_PORT, SONDE_SERVICE_*: Kubernetes sets
// those by itself in every container beside a Service called sonde.
constexpr Option kOptions[] = {
    {"", "config", kGeneral, "FILE", "Configuration; else /etc/sonde/sonde.yaml if it is there",
     text<SONDE_AT(file)>()},
    {"log.level", "log-level", kGeneral, "LEVEL", "Least important kind of message to log",
     choice<SONDE_AT(log.level)>(kLevels), true},

    {"security.confine", "confine", kGeneral, "",
     "Once everything is attached, give up what is not needed any more",
     flag<SONDE_AT(security.confine)>()},

    {"web.listen", "listen", kWeb, "IP:PORT",
     "Where metrics and health are served; port 0: any free",
     text<SONDE_AT(web.listen)>(check_listen)},
    {"web.tls_certificate", "tls-certificate", kWeb, "FILE",
     "Serve by TLS with this certificate (PEM, its chain behind it)",
     text<SONDE_AT(web.tls_certificate)>()},
    {"web.tls_key", "tls-key", kWeb, "FILE", "The certificate's key (PEM)",
     text<SONDE_AT(web.tls_key)>()},
    {"web.users", "web-users", kWeb, "FILE",
     "Who may read: lines as `htpasswd -nB NAME` prints; else everybody",
     text<SONDE_AT(web.users)>()},
    {"web.created_samples", "created-samples", kWeb, "",
     "Write _created samples, which many servers store as series",
     flag<SONDE_AT(web.created_samples)>()},
    {"web.profiles", "profiles", kWeb, "", "Make CPU profiles for who asks at /debug/pprof/profile",
     flag<SONDE_AT(web.profiles)>()},

    {"kernel.door", "door", kKernel, "DOOR",
     "Way into the kernel; auto: the best that proves itself",
     choice<SONDE_AT(kernel.door)>(kDoorNames)},
    {"kernel.ring_size", "ring-size", kKernel, "SIZE",
     "Buffer between the kernel side and Sonde, a power of two",
     integer<SONDE_AT(kernel.ring_bytes)>(64ull << 10, 1ull << 30, Unit::kBytes, true)},
    {"kernel.batch_interval", "batch-interval", kKernel, "TIME",
     "Least time between wake-ups; longer costs less, tells later",
     integer<SONDE_AT(kernel.batch_interval_ms)>(1, 1'000, Unit::kMilliseconds)},
    {"kernel.tcp_health", "tcp-health", kKernel, "",
     "Connects, round trips, retransmits and resets by peer", flag<SONDE_AT(kernel.tcp_health)>()},
    {"kernel.types", "kernel-types", kKernelTypes, "FILE",
     "The kernel's types (BTF), used only if it offers none itself",
     text<SONDE_AT(kernel.types)>()},

    {"pipeline.shards", "shards", kPipeline, "N", "Worker threads; 0 chooses by the number of CPUs",
     integer<SONDE_AT(pipeline.shards)>(0, 64)},

    {"limits.connections", "max-connections", kLimits, "N", "Connections followed at the same time",
     integer<SONDE_AT(limits.connections)>(64, 4'194'304)},
    {"limits.series", "max-series", kLimits, "N",
     "Time series in all; the rest goes into an overflow series",
     integer<SONDE_AT(limits.series)>(100, 10'000'000)},
    {"limits.series_per_service", "max-series-per-service", kLimits, "N",
     "Time series of one service", integer<SONDE_AT(limits.series_per_service)>(10, 10'000'000)},
    {"limits.series_idle", "series-idle", kLimits, "TIME",
     "Series that nobody used for so long leave; 0: they stay",
     integer<SONDE_AT(limits.series_idle_ms)>(0, 86'400'000, Unit::kMilliseconds)},
    {"limits.tcp_peers", "max-tcp-peers", kLimits, "N",
     "Peers of one service with TCP metrics of their own",
     integer<SONDE_AT(limits.tcp_peers)>(1, 100'000)},
    {"limits.memory", "max-memory", kLimits, "SIZE",
     "Captured bytes that wait for more, of all connections",
     integer<SONDE_AT(limits.memory_bytes)>(16ull << 20, 1ull << 40, Unit::kBytes)},

    {"governor.cpu", "cpu-budget", kGovernor, "PERCENT",
     "Share of all CPUs' time that Sonde holds itself to; 0: any",
     number<SONDE_AT(governor.cpu_percent)>(0, 100)},
    {"governor.memory", "memory-budget", kGovernor, "SIZE",
     "Memory that Sonde holds itself to; 0: any",
     integer<SONDE_AT(governor.memory_bytes)>(0, 1ull << 40, Unit::kBytes)},

    {"selection.include", "include", kSelection, "RULE",
     "Watch only what matches one of these rules", rules<SONDE_AT(selection.include)>(), true},
    {"selection.exclude", "exclude", kSelection, "RULE",
     "Never watch what matches one of these rules", rules<SONDE_AT(selection.exclude)>(), true},

    {"naming.rules", "name-rule", kNaming, "RULE",
     "Who a process is: the first rule that matches and says so decides",
     namings<SONDE_AT(naming.rules)>(), true},
    {"naming.labels", "name-labels", kNaming, "NAME",
     "What is known of a service and becomes a label of all its metrics",
     texts<SONDE_AT(naming.labels)>(check_label), true},

    {"routes.patterns", "route", kRoutes, "PATTERN",
     "A route as the services have it, such as /users/{id}",
     texts<SONDE_AT(routes.patterns)>(check_pattern), true},

    {"record.tape", "tape", kRecord, "FILE", "Tape to write", text<SONDE_AT(record.tape)>()},
    {"record.raw", "raw", kRecord, "",
     "Keep headers, queries and bodies: the tape will hold secrets", flag<SONDE_AT(record.raw)>()},
    {"record.samples", "samples", kRecord, "",
     "Write samples of where CPU time goes, too, for sonde profile --replay",
     flag<SONDE_AT(record.samples)>()},

    {"replay.tapes", "tapes", kReplay, "FILE", "Tapes to read, one after the other",
     texts<SONDE_AT(replay.tapes)>()},
    {"replay.speed", "speed", kReplay, "FACTOR",
     "1 replays as it was, 10 ten times as fast, 0 as fast as possible",
     number<SONDE_AT(replay.speed)>(0, 1'000)},

    {"profile.pid", "pid", kProfile, "PID", "Only this process; 0: every process",
     integer<SONDE_AT(profile.pid)>(0, 4'194'304), false, 'p'},
    {"profile.service", "service", kProfile, "NAME",
     "Only processes of this service, as the metrics name it", text<SONDE_AT(profile.service)>(),
     false, 's'},
    {"profile.replay", "replay", kProfile, "TAPE",
     "Make it of what sonde record --samples wrote, instead of sampling",
     text<SONDE_AT(profile.replay)>()},
    {"profile.seconds", "seconds", kProfile, "N", "How long to sample",
     integer<SONDE_AT(profile.seconds)>(1, 86'400), false, 'd'},
    {"profile.output", "output", kProfile, "FILE",
     "Where to; - is standard output [profile.pb.gz; text: -]", text<SONDE_AT(profile.output)>(),
     false, 'o'},
    {"profile.every", "every", kProfile, "N",
     "Go on: a profile of each N seconds, in the folder -o; 0: one",
     integer<SONDE_AT(profile.every)>(0, 86'400)},
    {"profile.keep", "keep", kProfile, "N", "With --every: so many files stay, the newest",
     integer<SONDE_AT(profile.keep)>(1, 1'000'000)},
    {"profile.keep_size", "keep-size", kProfile, "SIZE",
     "With --every: so large may all of them be",
     integer<SONDE_AT(profile.keep_bytes)>(1ull << 20, 1ull << 44, Unit::kBytes)},
    {"profile.folded", "folded", kProfile, "", "Write one line for each stack instead of pprof",
     flag<SONDE_AT(profile.folded)>()},
    {"profile.text", "text", kProfile, "", "Write a table of services and functions instead",
     flag<SONDE_AT(profile.text)>()},
    {"profile.otlp", "otlp", kProfile, "", "Write OpenTelemetry's profiles (v1development) instead",
     flag<SONDE_AT(profile.otlp)>()},
    {"profile.flame", "flame", kPicture, "FILE", "Draw a flame graph as well (SVG, for a browser)",
     text<SONDE_AT(profile.flame)>()},

    {"profile.frequency", "frequency", kSampling, "N", "Samples a second of each CPU",
     integer<SONDE_AT(profile.frequency)>(1, kMostHz), true, 'F'},
    {"profile.rates", "rate", kSampling, "RULE",
     "How often some are sampled, as service=cart,rate=199; 0: not at all",
     rates<SONDE_AT(profile.rates)>(), true},
    {"profile.force", "force", kSampling, "",
     "Sample also on a kernel whose version may lock up by it", flag<SONDE_AT(profile.force)>()},
    {"profile.lines", "lines", kSampling, "",
     "Tell inlined functions and lines of source, too, where files have them",
     flag<SONDE_AT(profile.lines)>()},
    {"symbols.debuginfod", "debuginfod", kSymbols, "URLS",
     "Ask these servers for symbols that are not here; env: DEBUGINFOD_URLS",
     text<SONDE_AT(symbols.debuginfod)>(check_servers)},
    {"symbols.debuginfod_time", "debuginfod-time", kSymbols, "TIME",
     "Longest that a server's file may take",
     integer<SONDE_AT(symbols.debuginfod_ms)>(1'000, 600'000, Unit::kMilliseconds)},
    {"symbols.debuginfod_size", "debuginfod-size", kSymbols, "SIZE",
     "Largest file that is taken of a server",
     integer<SONDE_AT(symbols.debuginfod_bytes)>(1ull << 16, 1ull << 30, Unit::kBytes)},
    {"compare.profiles", "compared", kCompare, "FILE", "Profiles to compare: before, after",
     texts<SONDE_AT(compare.profiles)>()},
};

}  // namespace

std::string_view title_of(OptionGroup group) {
  constexpr std::array<std::string_view, kOptionGroups> kTitles = {
      "General",   "Serving",         "Kernel side", "Kernel types", "Pipeline",  "Limits",
      "Governor",  "What is watched", "Names",       "Routes",       "Recording", "Replaying",
      "Profiling", "Sampling",        "Picture",     "Symbols",      "Comparing"};
  static_assert(std::ranges::none_of(kTitles, &std::string_view::empty));
  return kTitles[static_cast<size_t>(group)];
}

std::span<const Option> options() { return kOptions; }

std::string environment_name(const Option& option) {
  std::string name = "SONDE_";
  for (const char c : option.flag) {
    name += c == '-' ? '_' : static_cast<char>(c - 'a' + 'A');
  }
  return name;
}

const Option* option_by_path(std::string_view path) {
  const auto* found = std::ranges::find(kOptions, path, &Option::path);
  return found != std::end(kOptions) && !path.empty() ? found : nullptr;
}

const Option* option_by_flag(std::string_view flag) {
  const auto* found = std::ranges::find(kOptions, flag, &Option::flag);
  return found != std::end(kOptions) ? found : nullptr;
}

const Option* option_by_letter(char letter) {
  const auto* found = std::ranges::find(kOptions, letter, &Option::letter);
  return letter != 0 && found != std::end(kOptions) ? found : nullptr;
}

}  // namespace sonde
