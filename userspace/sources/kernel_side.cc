// SPDX-License-Identifier: Apache-2.0
#include "userspace/sources/kernel_side.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

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

Result<Proven> try_door(const DoorKind& kind, const KernelSideOptions& options) {
  auto pool = std::make_unique<MapPool>();
  auto door = Door::open(kind, *pool, options.ring_bytes, options.max_connections);
  if (!door) {
    return std::unexpected(door.error());
  }
  auto control = ControlPage::map(*pool);
  if (!control) {
    return std::unexpected(control.error());
  }
  auto report = prove_door(*pool, *control);
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
      decisions_(*pool_) {}

Result<std::unique_ptr<KernelSide>> KernelSide::open(const KernelSideOptions& options,
                                                     std::vector<DoorAttempt>* attempts) {
  std::string reasons;
  for (const DoorKind& kind : door_kinds()) {
    if (options.door != "auto" && options.door != kind.name) {
      continue;
    }
    auto proven = try_door(kind, options);
    if (attempts != nullptr) {
      attempts->push_back({&kind, proven.has_value(), proven ? "" : proven.error().what,
                           proven ? proven->report.checks : 0});
    }
    if (!proven) {
      reasons += fmt::format("\n  {}: {}", kind.name, proven.error().what);
      continue;
    }
    std::unique_ptr<KernelSide> out(new KernelSide(std::move(proven->pool), std::move(proven->door),
                                                   std::move(proven->control)));
    out->self_ = proven->report.self;
    out->self_test_records_ = proven->report.records;
    out->control_.set_self(out->self_);
    out->control_.set_ring_wake_bytes(options.ring_bytes / 4);
    if (auto hooks = open_process_hooks(*out->pool_, options.ring_bytes); hooks) {
      out->processes_ = std::move(*hooks);
    } else {
      out->warnings_.push_back("new processes are not seen at once: " + hooks.error().what);
    }
    if (auto noted = note_listeners(*out->pool_); !noted) {
      out->warnings_.push_back(
          "roles of connections older than Sonde are guessed from their bytes: " +
          noted.error().what);
    }
    return out;
  }
  if (reasons.empty()) {
    return fail(fmt::format("no door is called '{}'; 'sonde doctor' lists them", options.door));
  }
  return fail("no door into the kernel could be opened:" + reasons);
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

Result<KernelCounts> KernelSide::counters() const {
  auto counts = counters_.read();
  if (counts) {
    (*counts)[SONDE_COUNT_records_sent] -= self_test_records_;
  }
  return counts;
}

Result<> KernelSide::sweep(RecordReader& reader) {
  auto records = door_->sweep();
  if (!records) {
    return std::unexpected(records.error());
  }
  std::span<const uint8_t> left(*records);
  while (left.size() >= sizeof(sonde_progress_record)) {
    reader.record(left.first(sizeof(sonde_progress_record)));
    left = left.subspan(sizeof(sonde_progress_record));
  }
  return {};
}

std::vector<ProgramFacts> KernelSide::programs() const {
  std::vector<ProgramFacts> out = door_->programs();
  if (processes_) {
    std::ranges::move(processes_->programs(), std::back_inserter(out));
  }
  return out;
}

Result<> KernelSide::watch_process(Pid pid, bool watched) {
  return decisions_.set_process(static_cast<uint32_t>(pid),
                                watched ? SONDE_PROCESS_WATCHED : SONDE_PROCESS_EXCLUDED);
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
  if (role == Role::kClient) {
    std::memcpy(endpoint.address, remote.bytes.data(), sizeof(endpoint.address));
    endpoint.port = remote.port;
    endpoint.family = remote.family;
  } else {
    endpoint.port = local.port;
  }
  return decisions_.learn(endpoint, to_kernel(policy));
}

}  // namespace sonde
