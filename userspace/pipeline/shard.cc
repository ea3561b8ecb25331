// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/shard.h"

namespace sonde {
namespace {

// Excluded connections that were told before the kernel side knew: few, and each goes with its
// close record. Beyond this the oldest knowledge is dropped; the flows then meet such a connection
// as one never opened.
constexpr size_t kMaxExcluded = 65536;

}  // namespace

Shard::Shard(ServiceDirectory& directory, PolicyTarget& policies, const FlowLimits& flows,
             const RedLimits& red)
    : directory_(directory), policies_(policies), flows_(*this, flows), red_(red) {}

void Shard::record(std::span<const uint8_t> bytes) {
  counters_.records_seen++;
  if (decode_to(bytes, *this) != DecodeStep::kOk) {
    counters_.records_malformed++;
  }
}

bool Shard::excluded(ConnectionId id) {
  if (!excluded_.empty() && excluded_.contains(static_cast<uint64_t>(id))) {
    counters_.records_excluded++;
    return true;
  }
  counters_.records_taken++;
  return false;
}

void Shard::on(const ConnectionOpened& event) {
  if (!directory_.watched(event)) {
    counters_.records_excluded++;
    if (excluded_.size() >= kMaxExcluded) {
      excluded_.erase(excluded_.begin());
    }
    excluded_.insert(static_cast<uint64_t>(event.connection));
    policies_.set_policy(event.connection, {.mode = PolicyMode::kOff});
    return;
  }
  counters_.records_taken++;
  flows_.on(event);
}

void Shard::on(const DataMoved& event) {
  if (!excluded(event.connection)) {
    flows_.on(event);
  }
}

void Shard::on(const TurnProgress& event) {
  if (!excluded(event.connection)) {
    flows_.on(event);
  }
}

void Shard::on(const ConnectionClosed& event) {
  if (!excluded(event.connection)) {
    flows_.on(event);
  } else {
    excluded_.erase(static_cast<uint64_t>(event.connection));
  }
}

const ServiceRef& Shard::service_of(Pid pid) {
  CachedService& cached = services_[static_cast<uint32_t>(pid) % services_.size()];
  const uint64_t version = directory_.version();
  if (cached.pid != pid || cached.version != version) {
    cached = {pid, version, directory_.service_of(pid)};
  }
  return cached.service;
}

void Shard::request(const Request& request, const ConnectionFacts& connection) {
  Series* series = red_.add(request, service_of(connection.pid));
  if (request.repeat != nullptr) {
    *request.repeat = {.note = series, .version = directory_.version()};
  }
}

// The same series again, unless a process may have become another service since.
bool Shard::repeated(const Request& request, const ConnectionFacts& /*connection*/) {
  if (request.repeat->version != directory_.version()) {
    return false;
  }
  red_.add_again(*static_cast<Series*>(request.repeat->note), request);
  return true;
}

void Shard::policy(const ConnectionFacts& connection, const Policy& policy, bool learn) {
  policies_.set_policy(connection.id, policy);
  if (learn) {
    policies_.learn_policy(connection.role, connection.local, connection.remote,
                           connection.network_namespace, policy);
  }
}

}  // namespace sonde
