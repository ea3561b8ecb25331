// SPDX-License-Identifier: Apache-2.0
#include "userspace/sources/kernel_side.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "userspace/kernel/kernel_types.h"
#include "userspace/sources/open_sockets.h"
#include "userspace/sources/processes.h"
#include "userspace/sources/self_test.h"

namespace sonde {
namespace {

struct Proven {
  std::unique_ptr<MapPool> pool;
  std::unique_ptr<Door> door;
  ControlPage control;
  SelfTestReport report;
};

// Runs of its programs that the kernel skipped.
uint64_t missed_of(const Door& door) {
  uint64_t missed = 0;
  for (const ProgramFacts& program : door.programs()) {
    missed += program.missed;
  }
  return missed;
}

Result<Proven> try_door(const DoorKind& kind, const KernelSideOptions& options) {
  auto pool = std::make_unique<MapPool>();
  auto door =
      Door::open(kind, *pool, options.ring_bytes, options.max_connections, options.tcp_health);
  if (!door) {
    return std::unexpected(door.error());
  }
  auto control = ControlPage::map(*pool);
  if (!control) {
    return std::unexpected(control.error());
  }
  auto report = prove_door(*pool, *control, [&] { return missed_of(**door); });
  if (!report) {
    return std::unexpected(report.error());
  }
  return Proven{std::move(pool), std::move(*door), std::move(*control), *report};
}

sonde_policy to_kernel(const Policy& policy) {
  return {.mode = static_cast<uint32_t>(policy.mode),
          .head = {policy.head[0], policy.head[1]},
          .burst = policy.burst};
}

}  // namespace

KernelSide::KernelSide(std::unique_ptr<MapPool> pool, std::unique_ptr<Door> door,
                       ControlPage control)
    : pool_(std::move(pool)),
      door_(std::move(door)),
      control_(std::move(control)),
      counters_(*pool_),
      costs_(*pool_),
      decisions_(*pool_),
      waiting_ends_(*pool_) {}

Result<std::unique_ptr<KernelSide>> KernelSide::open(const KernelSideOptions& options,
                                                     std::vector<DoorAttempt>* attempts) {
  if (auto types = use_kernel_types(options.types); !types) {
    return std::unexpected(types.error());
  }
  std::string reasons;
  for (const DoorKind& kind : door_kinds()) {
    if (options.door != DoorChoice::kAuto && options.door != kind.choice) {
      continue;
    }
    auto proven = try_door(kind, options);
    if (attempts != nullptr) {
      DoorAttempt& attempt = attempts->emplace_back(DoorAttempt{.kind = &kind});
      if (proven) {
        attempt.taken = true;
        attempt.checks = proven->report.checks;
        attempt.unix_checks = proven->report.unix_checks;
        attempt.unix_why_not = proven->report.unix_why_not;
      } else {
        attempt.why_not = proven.error().what;
      }
    }
    if (!proven) {
      reasons +=
          fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", kind.name, proven.error().what);
      continue;
    }
    std::unique_ptr<KernelSide> out(new KernelSide(std::move(proven->pool), std::move(proven->door),
                                                   std::move(proven->control)));
    out->ring_bytes_ = options.ring_bytes;
    out->self_ = proven->report.self;
    out->self_test_records_ = proven->report.records;
    out->control_.set_self(out->self_);
    out->control_.set_ring_wake_bytes(options.ring_bytes / 4);
    if (!proven->report.unix_why_not.empty()) {
      out->warnings_.push_back("exchanges over AF_UNIX may be missed or wrong: " +
                               proven->report.unix_why_not);
    }
    if (auto hooks = open_process_hooks(*out->pool_, options.ring_bytes); hooks) {
      out->processes_ = std::move(*hooks);
    } else {
      out->warnings_.push_back("new processes are not seen at once: " + hooks.error().what);
    }
    if (auto noted = note_open_sockets(*out->pool_, kind, options.ring_bytes); !noted) {
      out->warnings_.push_back(
          "roles of connections older than Sonde are guessed from their bytes: " +
          noted.error().what);
    }
    out->sweeps_ =
        Sweeps::open(*out->pool_, kind, options.ring_bytes, options.tcp_health, out->warnings_);
    if (options.tcp_health) {
      out->open_tcp_health();
    }
    return out;
  }
  return fail("no door into the kernel could be opened: " + reasons);
}

void KernelSide::open_tcp_health() {
  if (auto health = TcpHealth::open(*pool_, door_->kind(), *sweeps_, warnings_); health) {
    tcp_health_ = std::move(*health);
    control_.set_tcp_health(true);
  } else {
    warnings_.push_back("the health of TCP is not watched: " + health.error().what);
  }
}

Result<> KernelSide::start(RecordReader& reader) {
  auto ring = Ring::open(*pool_, reader);
  if (!ring) {
    return std::unexpected(ring.error());
  }
  ring_ = std::move(*ring);
  control_.set_only_port(0);
  return {};
}

void KernelSide::stop() {
  door_->detach();
  if (processes_) {
    processes_->detach();
  }
}

sonde_kernel_counter counter_of_missed(const ProgramFacts& program) {
  return program.section.ends_with("/inet_sock_set_state") ? SONDE_COUNT_states_missed
                                                           : SONDE_COUNT_runs_missed;
}

Result<KernelCounts> KernelSide::counters() const {
  auto counts = counters_.read();
  if (counts) {
    (*counts)[SONDE_COUNT_records_sent] -= self_test_records_;
    for (const ProgramFacts& program : programs()) {
      (*counts)[counter_of_missed(program)] += program.missed;
    }
  }
  return counts;
}

void KernelSide::tell_waiting_ends(RecordReader& reader) {
  if (held_ends_.empty()) {
    std::vector<sonde_close_record> ends = waiting_ends_.take();
    control_.took_waiting_ends(static_cast<uint32_t>(ends.size()));
    held_ends_.hold(std::move(ends), ring_->written());
  }
  // What came before them is in the ring: no more records than it has room for.
  ring_->drain(ring_bytes_ / sizeof(sonde_record_header));
  for (const sonde_close_record& end : held_ends_.due(ring_->read())) {
    reader.record({reinterpret_cast<const uint8_t*>(&end), sizeof(end)});
  }
}

std::vector<ProgramFacts> KernelSide::programs() const {
  std::vector<ProgramFacts> out = door_->programs();
  if (processes_) {
    std::ranges::move(processes_->programs(), std::back_inserter(out));
  }
  if (tcp_health_) {
    std::ranges::move(tcp_health_->programs(), std::back_inserter(out));
  }
  std::ranges::move(sweeps_->programs(), std::back_inserter(out));
  return out;
}

Result<> KernelSide::watch_process(Pid pid, bool watched, Restraint restraint) {
  auto done = decisions_.set_process(static_cast<uint32_t>(pid),
                                     watched ? SONDE_PROCESS_WATCHED : SONDE_PROCESS_EXCLUDED,
                                     static_cast<sonde_restraint>(restraint));
  control_.move_process_epoch();
  if (restraint != Restraint::kNone) {
    control_.move_policy_epoch();
  }
  return done;
}

void KernelSide::restrain(Restraint restraint) {
  control_.set_restraint(static_cast<sonde_restraint>(restraint));
}

Result<uint64_t> KernelSide::cost_ns() const {
  const auto costs = costs_.read();
  if (!costs) {
    return std::unexpected(costs.error());
  }
  double sum = 0;
  for (const sonde_cost& cost : *costs) {
    if (cost.timed != 0) {
      sum += static_cast<double>(cost.runs) * static_cast<double>(cost.timed_ns) /
             static_cast<double>(cost.timed);
    }
  }
  return static_cast<uint64_t>(sum);
}

Result<> KernelSide::set_policy(ConnectionId connection, const Policy& policy) {
  auto done = decisions_.decide(static_cast<uint64_t>(connection), to_kernel(policy));
  control_.move_policy_epoch();
  return done;
}

Result<> KernelSide::learn_policy(Role role, const Address& local, const Address& remote,
                                  uint32_t network_namespace, const Policy& policy) {
  sonde_endpoint endpoint{};
  endpoint.role = static_cast<uint8_t>(role);
  endpoint.network_namespace = network_namespace;
  const Address& name = role == Role::kClient ? remote : local;
  if (name.family == kUnixFamily) {
    std::memcpy(endpoint.address, name.bytes.data(), sizeof(endpoint.address));
    endpoint.family = kUnixFamily;
  } else if (role == Role::kClient) {
    std::memcpy(endpoint.address, remote.bytes.data(), sizeof(endpoint.address));
    endpoint.port = remote.port;
    endpoint.family = remote.family;
  } else {
    endpoint.port = local.port;
  }
  return decisions_.learn(endpoint, to_kernel(policy));
}

}  // namespace sonde
