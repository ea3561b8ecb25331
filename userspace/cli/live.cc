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
#include "userspace/base/clock.h"
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
  return kind == SONDE_RECORD_PROCESS || kind == SONDE_RECORD_EXEC;
}

// The decoder's handler that wants process news only.
struct ProcessNews {
  WatchedHost& host;
  void on(const ProcessChanged& change) { host.on(change); }
  void on(const auto&) {}
};

KernelSideOptions kernel_options(const Config& config) {
  KernelSideOptions options;
  options.door = config.kernel.door;
  options.ring_bytes = static_cast<uint32_t>(config.kernel.ring_bytes);
  options.max_connections = static_cast<uint32_t>(config.limits.connections);
  options.tcp_health = config.kernel.tcp_health;
  options.types = config.kernel.types;
  return options;
}

TcpLimits tcp_limits(const Config& config) {
  TcpLimits limits;
  limits.max_peers_of_service = config.limits.tcp_peers;
  limits.idle_ns = config.limits.series_idle_ms * 1'000'000;
  limits.max_peers = std::max(limits.max_peers, limits.max_peers_of_service);
  return limits;
}

Budget budget(const Config& config) {
  constexpr double kPercent = 100;
  return {.cpu = config.governor.cpu_percent / kPercent,
          .memory_bytes = config.governor.memory_bytes};
}

// What systemd and dbus call this machine; empty if neither does.
std::string host_id() {
  constexpr size_t kDigits = 32;
  for (const char* path : {"/etc/machine-id", "/var/lib/dbus/machine-id"}) {
    std::ifstream file(path);
    std::string id(kDigits, '\0');
    if (file.read(id.data(), kDigits)) {
      return id;
    }
  }
  return {};
}

TargetFacts target_facts() {
  return {.host_name = host_name(), .host_id = host_id(), .sonde_version = std::string(version())};
}

PipelineOptions pipeline_options(const Config& config) {
  PipelineOptions options;
  options.shards = shards_for(config.pipeline.shards);
  options.limits.flows.max_connections = config.limits.connections;
  options.limits.flows.max_pending_bytes_total = config.limits.memory_bytes;
  options.limits.red.max_series = config.limits.series;
  options.limits.red.max_series_of_service = config.limits.series_per_service;
  options.limits.red.routes = RoutePatterns(config.routes.patterns);
  options.limits.red.idle_ns = config.limits.series_idle_ms * 1'000'000;
  options.target = target_facts();
  return options;
}

}  // namespace

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

Result<HostRules> host_rules(const Config& config) {
  auto selection = Selection::make(config.selection.include, config.selection.exclude, user_number);
  if (!selection) {
    return with_context("selection", selection.error());
  }
  auto naming = NamingRules::make(config.naming.rules, config.naming.labels, user_number);
  if (!naming) {
    return with_context("naming", naming.error());
  }
  return HostRules{.selection = std::move(*selection), .naming = std::move(*naming)};
}

Result<SamplingRates> sampling_rates(const ProfileConfig& config) {
  auto rates = SamplingRates::make(config.frequency, config.rates, user_number);
  return rates ? std::move(rates) : with_context("profile.rates", rates.error());
}

Live::Live(const Config& config, std::unique_ptr<KernelSide> kernel, HostRules rules)
    : config_(config), kernel_(std::move(kernel)) {
  host_ = std::make_unique<WatchedHost>(
      host_name(), ProcRoot(), std::move(rules),
      [this](Pid pid, bool watched, Restraint restraint) {
        if (auto done = kernel_->watch_process(pid, watched, restraint); !done) {
          policies_failed_++;
        }
      });
  governing_ = std::make_unique<Governing>(budget(config), *kernel_, *host_);
  if (TcpHealth* health = kernel_->tcp_health()) {
    tcp_ = std::make_unique<TcpReading>(*health, *host_, tcp_limits(config));
  }
}

Live::~Live() { stop(); }

Result<std::unique_ptr<Live>> Live::open(const Config& config, std::vector<DoorAttempt>& attempts) {
  auto rules = host_rules(config);
  if (!rules) {
    return std::unexpected(rules.error());
  }
  auto kernel = KernelSide::open(kernel_options(config), &attempts);
  if (!kernel) {
    return std::unexpected(kernel.error());
  }
  if (auto set = (*kernel)->set_ports_off(rules->selection.ports_off()); !set) {
    return std::unexpected(set.error());
  }
  return std::unique_ptr<Live>(new Live(config, std::move(*kernel), std::move(*rules)));
}

Result<> Live::start(Poller::Tap tap, std::function<void(std::vector<MetricFamily>&)> more) {
  if (auto started = host_->start(); !started) {
    return started;
  }
  PolicyTarget& policies = *this;
  const PipelineOptions options = pipeline_options(config_);
  target_ = options.target;
  pipeline_ = std::make_unique<Pipeline>(*host_, policies, options);
  auto see = [this, tap = std::move(tap)](std::span<const uint8_t> record) {
    if (is_process_record(record)) {
      decode_to(record, ProcessNews{*host_});
    }
    governing_->heard(record);
    if (tap) {
      tap(record);
    }
  };
  auto extra = [this, more = std::move(more)](const PipelineSnapshot& pipeline,
                                              uint64_t records_read,
                                              std::vector<MetricFamily>& out) {
    append_books_to(pipeline, records_read, out);
    governing_->append(out);
    if (tcp_) {
      tcp_->append(out, target_, pipeline_->clock());
    }
    if (more) {
      more(out);
    }
  };
  poller_ = std::make_unique<Poller>(
      *kernel_, *pipeline_,
      PollerOptions{.batch_interval_ms = static_cast<uint32_t>(config_.kernel.batch_interval_ms)},
      std::move(see), std::move(extra));
  poller_->add_chore(Governing::kLookEveryMs, [this] { governing_->look(); });
  if (tcp_) {
    poller_->add_chore(TcpReading::kReadEveryMs, [this] { tcp_->read(); });
  }
  return poller_->start();
}

Result<> Live::apply(const Config& config) {
  auto rules = host_rules(config);
  if (!rules) {
    return std::unexpected(rules.error());
  }
  if (auto set = kernel_->set_ports_off(rules->selection.ports_off()); !set) {
    return set;
  }
  host_->apply(std::move(*rules));
  const auto use_routes = [this, routes = RoutePatterns(config.routes.patterns)] {
    pipeline_->set_routes(routes);
  };
  if (!poller_->do_between_batches(use_routes)) {
    log::warn("the new routes come late: reading the ring is far behind");
  }
  return {};
}

std::optional<size_t> Live::services() {
  // Shared, since it may be done when we no longer wait for it.
  const auto count = std::make_shared<size_t>(0);
  const auto ask = [this, count] { *count = pipeline_->services().size(); };
  return poller_->do_between_batches(ask) ? std::optional(*count) : std::nullopt;
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
      {"process_texts_dropped", "execs whose words were dropped for want of room",
       host_->texts_dropped()},
      {"instances_shared", "namings that wanted an instance of their own beyond the cap",
       host_->instances_shared()},
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
