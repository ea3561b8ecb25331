// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/live.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <thread>

#include "bpf/shared/records.h"
#include "userspace/base/log.h"
#include "userspace/base/version.h"
#include "userspace/pipeline/books.h"
#include "userspace/sources/decode.h"

namespace sonde {
namespace {

// /etc/passwd is read by us, not by the C library: a static binary has no name services. What is
// larger is not read.
constexpr std::streamsize kMaxPasswd = 4 << 20;

std::optional<uint32_t> user_number(std::string_view name) {
  std::ifstream file("/etc/passwd", std::ios::binary);
  std::string text(static_cast<size_t>(kMaxPasswd), '\0');
  file.read(text.data(), kMaxPasswd);
  text.resize(static_cast<size_t>(file.gcount()));
  return user_in_passwd(text, name);
}

// One shard does a small host: a thread switch for each batch costs more than the parsing.
size_t shards_for(uint64_t configured) {
  constexpr size_t kCpusPerShard = 8;
  constexpr size_t kMaxShards = 8;
  if (configured > 0) {
    return configured;
  }
  return std::clamp<size_t>(std::thread::hardware_concurrency() / kCpusPerShard, 1, kMaxShards);
}

bool is_process_record(std::span<const uint8_t> record) {
  uint16_t kind = 0;
  if (record.size() >= sizeof(kind)) {
    std::memcpy(&kind, record.data(), sizeof(kind));
  }
  return kind == SONDE_RECORD_PROCESS;
}

// The decoder's handler that wants process news only.
struct ProcessNews {
  WatchedHost& host;
  void on(const ProcessChanged& change) { host.on(change); }
  void on(const auto&) {}
};

KernelSideOptions kernel_options(const Config& config) {
  KernelSideOptions options;
  options.door = std::string(door_name(config.kernel.door));
  options.ring_bytes = static_cast<uint32_t>(config.kernel.ring_bytes);
  options.max_connections = static_cast<uint32_t>(config.limits.connections);
  return options;
}

PipelineOptions pipeline_options(const Config& config) {
  PipelineOptions options;
  options.shards = shards_for(config.pipeline.shards);
  options.flows.max_connections = config.limits.connections;
  options.flows.max_pending_bytes_total = config.limits.memory_bytes;
  options.red.max_series = config.limits.series;
  options.red.max_series_of_service = config.limits.series_per_service;
  options.target = {.host_name = host_name(), .sonde_version = std::string(version())};
  return options;
}

}  // namespace

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

Live::Live(const Config& config, std::unique_ptr<KernelSide> kernel, Selection selection)
    : config_(config), kernel_(std::move(kernel)) {
  host_ = std::make_unique<WatchedHost>(
      host_name(), ProcRoot(), std::move(selection), [this](Pid pid, bool watched) {
        if (auto done = kernel_->watch_process(pid, watched); !done) {
          policies_failed_++;
        }
      });
  PolicyTarget& policies = *this;
  pipeline_ = std::make_unique<Pipeline>(*host_, policies, pipeline_options(config));
}

Live::~Live() { stop(); }

Result<std::unique_ptr<Live>> Live::open(const Config& config, std::vector<DoorAttempt>& attempts) {
  auto selection = Selection::make(config.selection.include, config.selection.exclude, user_number);
  if (!selection) {
    return with_context("selection", selection.error());
  }
  auto kernel = KernelSide::open(kernel_options(config), &attempts);
  if (!kernel) {
    return std::unexpected(kernel.error());
  }
  if (auto set = (*kernel)->set_ports_off(selection->ports_off()); !set) {
    return std::unexpected(set.error());
  }
  return std::unique_ptr<Live>(new Live(config, std::move(*kernel), std::move(*selection)));
}

Result<> Live::start(Poller::Tap tap, std::function<void(std::vector<MetricFamily>&)> more) {
  if (auto started = host_->start(); !started) {
    return started;
  }
  auto see = [this, tap = std::move(tap)](std::span<const uint8_t> record) {
    if (is_process_record(record)) {
      decode_to(record, ProcessNews{*host_});
    }
    if (tap) {
      tap(record);
    }
  };
  auto extra = [this, more = std::move(more)](const PipelineSnapshot& pipeline,
                                              uint64_t records_read,
                                              std::vector<MetricFamily>& out) {
    append_books_to(pipeline, records_read, out);
    if (more) {
      more(out);
    }
  };
  poller_ = std::make_unique<Poller>(
      *kernel_, *pipeline_,
      PollerOptions{.batch_interval_ms = static_cast<uint32_t>(config_.kernel.batch_interval_ms)},
      std::move(see), std::move(extra));
  return poller_->start();
}

void Live::stop() {
  if (poller_) {
    poller_->stop();
  }
}

void Live::set_policy(ConnectionId connection, const Policy& policy) {
  policies_written_++;
  if (!kernel_->set_policy(connection, policy)) {
    policies_failed_++;
  }
}

void Live::learn_policy(Role role, const Address& local, const Address& remote,
                        uint32_t network_namespace, const Policy& policy) {
  policies_written_++;
  if (!kernel_->learn_policy(role, local, remote, network_namespace, policy)) {
    policies_failed_++;
  }
}

void Live::append_books_to(const PipelineSnapshot& pipeline, uint64_t records_read,
                           std::vector<MetricFamily>& out) {
  const auto counters = kernel_->counters();
  std::vector<NamedCounter> host = {
      {"policies_written", "decisions about bytes written for the kernel side", policies_written_},
      {"policies_failed", "decisions that the kernel side did not take", policies_failed_},
      {"process_changes", "forks, execs and exits told by the kernel side", host_->changes_seen()},
      {"process_changes_dropped", "of them dropped for want of room", host_->changes_dropped()},
  };
#define X(name, help) \
  host.push_back({"processes_" #name, help, host_->inventory().count(InventoryCount::name)});
  SONDE_INVENTORY_COUNTERS(X)
#undef X
  const std::span<const uint64_t> kernel =
      counters ? std::span<const uint64_t>(*counters) : std::span<const uint64_t>();
  append_books({.pipeline = pipeline, .kernel = kernel, .records_read = records_read, .host = host},
               out);
  out.push_back(build_info(version()));
}

}  // namespace sonde
