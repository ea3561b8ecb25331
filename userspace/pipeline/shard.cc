// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/shard.h"

#include "userspace/pipeline/peer_name.h"
#include "userspace/pipeline/request_cache.h"

namespace sonde {
namespace {

// Excluded connections that were told before the kernel side knew: few, and each goes with its
// close record. Beyond this the oldest knowledge is dropped; the flows then meet such a connection
// as one never opened.
constexpr size_t kMaxExcluded = 65536;

}  // namespace

// What is kept on a connection.
struct Shard::Peer : public ConnectionNote {
  Peer(Joins::End end_of_it, Pid at_first) : end(std::move(end_of_it)), pid(at_first) {}

  Joins::End end;
  Pid pid;  // who had the last exchange
  Join::Told told;
  // The pair of services that its exchanges are of, while that goes by the connection. True as long
  // as the version is the shard's.
  ServicePair* pair = nullptr;
  uint64_t version = 0;
  bool joined = false;  // the pair is that of both ends
};

Shard::Shard(ServiceDirectory& directory, PolicyTarget& policies, Joins& joins,
             const ShardLimits& limits)
    : directory_(directory),
      policies_(policies),
      joins_(joins),
      red_(limits.red),
      graph_(red_.clock(), limits.graph),
      flows_(*this, limits.flows) {}

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

std::unique_ptr<ConnectionNote> Shard::met(const ConnectionFacts& connection) {
  return std::make_unique<Peer>(
      joins_.open(connection.near_end, connection.far_end, connection.pid), connection.pid);
}

void Shard::request(const Request& request, const ConnectionFacts& connection) {
  advance(request.end_ns);
  const uint64_t noted = version();  // before anything is asked that may change meanwhile
  const ServiceRef& service = service_of(request.pid);
  const RedMetrics::Counted counted = red_.add(request, service);
  if (request.repeat != nullptr) {
    *request.repeat = {.note = counted.lasting ? counted.series : nullptr, .version = noted};
  }
  if (counted.series != nullptr) {
    relate(*counted.series, request, connection, service);
  }
}

// The same series again, unless a process may have become another service since, or the series has
// left.
bool Shard::repeated(const Request& request, const ConnectionFacts& connection) {
  if (request.repeat->version != version()) {
    return false;
  }
  auto& series = *static_cast<Series*>(request.repeat->note);
  red_.add_again(series, request);
  relate(series, request, connection, service_of(request.pid));
  return true;
}

// Counts the exchange for the two services that it is between.
void Shard::relate(Series& series, const Request& request, const ConnectionFacts& connection,
                   const ServiceRef& service) {
  auto& peer = *static_cast<Peer*>(request.note);  // met() made it
  ++peer.told.exchanges;
  peer.told.failures += request.failed ? 1 : 0;
  Join* const join = peer.end.join();
  if (peer.pid != request.pid) {
    peer.pid = request.pid;
    peer.end.tell_pid(request.pid);
    peer.pair = nullptr;
  }
  if (peer.version != version() || peer.joined != (join != nullptr)) {
    peer.pair = nullptr;
    peer.joined = join != nullptr;
    peer.version = version();
  }
  const Join::Count count = peer.end.count(peer.told, request.failed);
  ServicePair& pair = pair_of(series, request, connection, service, peer);
  const uint64_t start = request.start_ns;
  graph_.add(pair, request.role,
             DurationHistogram::place(request.end_ns > start ? request.end_ns - start : 0), count);
}

// The other side is the service at the other end, if that is on this host; else the server is what
// the client calls it, and the client where it comes from.
ServicePair& Shard::pair_of(Series& series, const Request& request,
                            const ConnectionFacts& connection, const ServiceRef& service,
                            Peer& peer) {
  if (peer.pair != nullptr) {
    return *peer.pair;
  }
  if (peer.joined) {
    peer.pair = &pair_on_host(request, service, peer);
    return *peer.pair;
  }
  const Schema& schema = *request.schema;
  const bool asks = request.role == Role::kClient;
  const GraphSide own{service->name, service->name_space};
  const auto pair_with = [&](const GraphSide& other) -> ServicePair& {
    return asks ? graph_.pair(request.role, own, other, schema.connection_type, request.start_ns)
                : graph_.pair(request.role, other, own, schema.connection_type, request.start_ns);
  };
  const int address = schema.address_attribute;
  if (asks && address >= 0 && schema.attributes[static_cast<size_t>(address)].on_client) {
    // The series has the server's name among its labels: one pair for all of it.
    if (series.pair == nullptr || series.overflow) {
      series.pair =
          series.overflow
              ? &graph_.overflow(request.role, own, schema.connection_type, request.start_ns)
              : &pair_with({request.values[static_cast<size_t>(address)], {}});
    }
    return *series.pair;
  }
  peer.pair = &pair_with({peer_name(connection.remote), {}});
  return *peer.pair;
}

// Connections come and go between the same few services.
ServicePair& Shard::pair_on_host(const Request& request, const ServiceRef& service,
                                 const Peer& peer) {
  // Asking for the other side's service may take the place of this one.
  const ServiceRef own = service;
  const ServiceRef& other = service_of(peer.end.other_pid());
  const uint64_t mixed = reinterpret_cast<uintptr_t>(own.get()) * 0x9e3779b97f4a7c15ull +
                         reinterpret_cast<uintptr_t>(other.get()) * 0xc2b2ae3d27d4eb4full +
                         static_cast<uint64_t>(request.role);
  CachedPair& cached = pairs_[(mixed >> 32) % pairs_.size()];
  if (cached.version != version() || cached.own != own || cached.other != other ||
      cached.role != request.role || cached.schema != request.schema) {
    const GraphSide own_side{own->name, own->name_space};
    const GraphSide other_side{other->name, other->name_space};
    const bool asks = request.role == Role::kClient;
    ServicePair& pair =
        graph_.pair(request.role, asks ? own_side : other_side, asks ? other_side : own_side,
                    request.schema->connection_type, request.start_ns);
    cached = {own, other, request.schema, request.role, version(), &pair};
  }
  return *cached.pair;
}

void Shard::lost(const ConnectionFacts& connection, FlowLoss what, uint64_t count) {
  red_.lost(service_of(connection.pid), what, count);
}

void Shard::advance(uint64_t now_ns) {
  if (red_.advance(now_ns) && graph_.expire()) {
    red_.forget_pairs();
  }
}

void Shard::view(ShardView& out, uint64_t now_ns, const SnapshotClock& clock) {
  if (now_ns != 0) {
    advance(now_ns);
  }
  red_.begin_active();
  flows_.each_pending([this](const Request& request, const ConnectionFacts& /*connection*/) {
    red_.active(request, service_of(request.pid));
  });
  red_.snapshot(out.families, clock);
  graph_.snapshot(out.families, clock);
  red_.accounts(out.accounts);
  out.services = red_.services();
}

void Shard::policy(const ConnectionFacts& connection, const Policy& policy, bool learn) {
  policies_.set_policy(connection.id, policy);
  if (learn) {
    policies_.learn_policy(connection.role, connection.local, connection.remote,
                           connection.network_namespace, policy);
  }
}

}  // namespace sonde
