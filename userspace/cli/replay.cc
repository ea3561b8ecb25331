// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <ctime>
#include <unordered_map>

#include "bpf/shared/counters.h"
#include "exporters/prometheus/encode.h"
#include "userspace/base/bytes.h"
#include "userspace/base/clock.h"
#include "userspace/base/log.h"
#include "userspace/cli/command.h"
#include "userspace/kernel/tape_fields.h"
#include "userspace/kernel/tape_reader.h"
#include "userspace/pipeline/books.h"

namespace sonde::cli {
namespace {

constexpr OptionGroup kGroups[] = {OptionGroup::kGeneral, OptionGroup::kPipeline,
                                   OptionGroup::kLimits, OptionGroup::kRoutes,
                                   OptionGroup::kReplay};
constexpr size_t kMaxServices = 65536;
// How much is read between two looks at the clock when the speed is limited.
constexpr uint64_t kLongestNapNs = 1'000'000'000;

// Who was who when the tape was made, as far as it says so.
class TapedHost : public ServiceDirectory {
 public:
  void describe(std::span<const uint8_t> fields) {
    Bytes in(fields);
    TapeField field;
    std::string name;
    uint32_t pid = 0;
    while (next_field(in, field)) {
      if (field.key == "pid") {
        std::from_chars(field.value.data(), field.value.data() + field.value.size(), pid);
      } else if (field.key == "service") {
        name = field.value;
      }
    }
    if (name.empty() || services_.size() >= kMaxServices) {
      return;
    }
    services_[pid] = std::make_shared<const Service>(Service{.name = name,
                                                             .name_space = {},
                                                             .instance = "tape:" + name,
                                                             .job = name,
                                                             .language = {},
                                                             .extra = {}});
    version_++;
  }

  ServiceRef service_of(Pid pid) override {
    const auto found = services_.find(static_cast<uint32_t>(pid));
    return found == services_.end() ? unknown_ : found->second;
  }
  bool watched(const ConnectionOpened&) override { return true; }
  uint64_t version() const override { return version_; }

 private:
  std::unordered_map<uint32_t, ServiceRef> services_;
  const ServiceRef unknown_ = std::make_shared<const Service>(Service{.name = "unknown",
                                                                      .name_space = {},
                                                                      .instance = "tape:unknown",
                                                                      .job = "unknown",
                                                                      .language = {},
                                                                      .extra = {}});
  uint64_t version_ = 0;
};

// Nobody is there to be advised.
class NoPolicies : public PolicyTarget {
  void set_policy(ConnectionId, const Policy&) override {}
  void learn_policy(Role, const Address&, const Address&, uint32_t, const Policy&) override {}
};

std::array<uint64_t, SONDE_COUNTERS> read_counters(std::span<const uint8_t> fields) {
  static constexpr std::string_view kNames[] = {
#define X(name, help) #name,
      SONDE_KERNEL_COUNTERS(X)
#undef X
  };
  std::array<uint64_t, SONDE_COUNTERS> out{};
  Bytes in(fields);
  TapeField field;
  while (next_field(in, field)) {
    const auto* found = std::ranges::find(kNames, field.key);
    if (found != std::end(kNames)) {
      std::from_chars(field.value.data(), field.value.data() + field.value.size(),
                      out[static_cast<size_t>(found - std::begin(kNames))]);
    }
  }
  return out;
}

// Holds the tape back to the speed asked for.
class Pace {
 public:
  explicit Pace(double speed) : speed_(speed) {}
  void keep(std::span<const uint8_t> record, Pipeline& pipeline) {
    sonde_record_header header{};
    if (speed_ <= 0 || record.size() < sizeof(header)) {
      return;
    }
    std::memcpy(&header, record.data(), sizeof(header));
    const uint64_t now = monotonic_ns();
    if (first_ns_ == 0) {
      first_ns_ = header.time_ns;
      began_ns_ = now;
    }
    const double passed = static_cast<double>(header.time_ns - std::min(header.time_ns, first_ns_));
    const double due = passed / speed_ - static_cast<double>(now - began_ns_);
    if (due > 1e6) {
      pipeline.flush();
      const uint64_t nap = std::min(static_cast<uint64_t>(due), kLongestNapNs);
      const timespec time{static_cast<time_t>(nap / 1'000'000'000),
                          static_cast<long>(nap % 1'000'000'000)};
      nanosleep(&time, nullptr);
    }
  }

 private:
  const double speed_;
  uint64_t first_ns_ = 0;
  uint64_t began_ns_ = 0;
};

struct Replayed {
  std::array<uint64_t, SONDE_COUNTERS> kernel{};
  bool has_kernel = false;
};

Result<> replay_one(const std::string& path, double speed, TapedHost& host, Pipeline& pipeline,
                    Replayed& total) {
  auto tape = TapeReader::open(path);
  if (!tape) {
    return std::unexpected(tape.error());
  }
  Pace pace(speed);
  TapeFrame frame;
  std::array<uint64_t, SONDE_COUNTERS> kernel{};
  const uint64_t began = monotonic_ns();
  uint64_t records = 0;
  uint64_t samples = 0;
  while ((*tape)->next(frame)) {
    switch (frame.kind) {
      case TapeFrameKind::kRecord:
        records++;
        pace.keep(frame.payload, pipeline);
        pipeline.record(frame.payload);
        break;
      case TapeFrameKind::kProcess:
        host.describe(frame.payload);
        break;
      case TapeFrameKind::kCounters:
        kernel = read_counters(frame.payload);
        total.has_kernel = true;
        break;
      case TapeFrameKind::kEnd:
        break;
      default:
        samples += frame.kind == TapeFrameKind::kSample ? 1 : 0;
        break;
    }
  }
  pipeline.flush();
  for (size_t i = 0; i < kernel.size(); i++) {
    total.kernel[i] += kernel[i];
  }
  const TapeReport& report = (*tape)->report();
  fmt::print(
      stderr, "sonde: {}: {} records in {:.3f} s{}{}{}{}\n", path, records,
      static_cast<double>(monotonic_ns() - began) / 1e9,
      samples > 0 ? fmt::format("; {} samples, for sonde profile --replay", samples) : "",
      report.ended ? "" : "; it does not end in order",
      report.bytes_cut > 0 ? fmt::format("; {} bytes at its end are not whole", report.bytes_cut)
                           : "",
      report.frames_damaged > 0 ? fmt::format("; {} frames damaged", report.frames_damaged) : "");
  return {};
}

int run(const Config& config, const Arguments& /*arguments*/) {
  if (config.replay.tapes.empty()) {
    fmt::print(stderr, "sonde replay: which tapes? sonde replay shop.tape\n");
    return kWrongUse;
  }
  TapedHost host;
  NoPolicies policies;
  PipelineOptions options;
  options.shards = std::max<size_t>(config.pipeline.shards, 1);
  options.limits.flows.max_connections = config.limits.connections;
  options.limits.flows.max_pending_bytes_total = config.limits.memory_bytes;
  options.limits.red.max_series = config.limits.series;
  options.limits.red.max_series_of_service = config.limits.series_per_service;
  options.limits.red.routes = RoutePatterns(config.routes.patterns);
  options.limits.red.idle_ns = 0;  // everything on the tapes counts, however long they are
  Pipeline pipeline(host, policies, options);
  Replayed total;
  for (const std::string& path : config.replay.tapes) {
    if (auto done = replay_one(path, config.replay.speed, host, pipeline, total); !done) {
      log::error("{}", done.error().what);
      return kFailure;
    }
  }
  PipelineSnapshot seen;
  pipeline.snapshot(seen);
  MetricSnapshot snapshot;
  snapshot.families = std::move(seen.families);
  const std::span<const uint64_t> kernel =
      total.has_kernel ? std::span<const uint64_t>(total.kernel) : std::span<const uint64_t>();
  append_books({.pipeline = seen, .kernel = kernel, .records_read = {}, .host = {}},
               snapshot.families);
  fmt::print("{}", prometheus::encode(std::move(snapshot), prometheus::Format::kText));
  return kOk;
}

}  // namespace

const Command replay_command = {
    .name = "replay",
    .summary = "take recorded tapes through the same pipeline, without privileges",
    .usage = "[flags] FILE...",
    .text =
        R"(Reads tapes that `sonde record` wrote, takes them through the pipeline of `sonde run`, and prints
the metrics at their end, in Prometheus' text format, to standard output.

Privileges: none.

Examples:
  sonde replay shop.tape                               as fast as possible
  sonde replay --speed 1 monday.tape tuesday.tape      as it was
)",
    .groups = kGroups,
    .operands = "tapes",
    .run = run,
};

}  // namespace sonde::cli
