// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/tcp_metrics.h"

#include <arpa/inet.h>

#include <array>
#include <functional>
#include <numeric>
#include <span>

#include "userspace/base/clock.h"
#include "userspace/pipeline/service_labels.h"

namespace sonde {
namespace {

// How long the name of a process that ended is kept for what is told of it later: a connection may
// take a minute to end after its process.
constexpr uint64_t kOwnerGraceNs = 120'000'000'000;
constexpr double kUsPerSecond = 1e6;

template <size_t kCount>
void add_to(std::array<uint64_t, kCount>& all, const std::array<uint64_t, kCount>& more) {
  for (size_t i = 0; i < kCount; ++i) {
    all[i] += more[i];
  }
}

void add_to(TcpCounts& all, const TcpCounts& more) {
  add_to(all.connects, more.connects);
  add_to(all.rtts, more.rtts);
  add_to(all.failures, more.failures);
  add_to(all.resets, more.resets);
  all.retransmits += more.retransmits;
  all.connect_us += more.connect_us;
  all.rtt_us += more.rtt_us;
}

std::string text_of(const Address& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(address.family == 6 ? AF_INET6 : AF_INET, address.bytes.data(), text.data(),
            text.size());
  return text.data();
}

// A client's peer is named as the exchanges with it name their server; a server's is a client,
// whose own port says nothing.
Labels labels_of(const Labels& service, const TcpPeer& peer) {
  Labels labels = service;
  const bool served = peer.role == Role::kServer;
  add_label(labels, served ? "client.address" : "server.address", text_of(peer.remote));
  add_label(labels, "server.port", std::to_string(peer.remote.port));
  return labels;
}

template <size_t kCount>
std::shared_ptr<const std::vector<double>> shared(const std::array<double, kCount>& bounds) {
  return std::make_shared<const std::vector<double>>(bounds.begin(), bounds.end());
}

HistogramValue histogram(MetricStore& store, std::span<const uint64_t> counts, uint64_t sum_us) {
  HistogramValue value;
  value.counts = store.copy(counts);
  value.sum = static_cast<double>(sum_us) / kUsPerSecond;
  value.count = std::accumulate(counts.begin(), counts.end(), uint64_t{0});
  return value;
}

MetricFamily family(std::string name, std::string help, MetricKind kind,
                    std::shared_ptr<const std::vector<double>> bounds = nullptr) {
  return {.name = std::move(name),
          .unit = bounds ? "s" : "",
          .help = std::move(help),
          .kind = kind,
          .bounds = std::move(bounds),
          .points = {}};
}

std::shared_ptr<const Labels> with(const Labels& labels, std::string_view name,
                                   std::string_view value) {
  Labels more = labels;
  add_label(more, name, value);
  return std::make_shared<const Labels>(std::move(more));
}

}  // namespace

TcpMetrics::TcpMetrics(ServiceDirectory& directory, const TcpLimits& limits)
    : directory_(directory), limits_(limits) {}
TcpMetrics::~TcpMetrics() = default;

const TcpMetrics::Owner& TcpMetrics::owner_of(const TcpPeer& peer, uint64_t now_ns) {
  const uint64_t key = uint64_t{static_cast<uint32_t>(peer.pid)} << 32 |
                       uint64_t{peer.remote.port} << 8 | static_cast<uint64_t>(peer.role);
  Owner& owner = owners_[key];
  owner.seen_ns = now_ns;
  const bool known = directory_.known(peer.pid);
  if (known || owner.service == nullptr) {
    ConnectionOpened connection;
    connection.pid = peer.pid;
    connection.role = peer.role;
    connection.remote = peer.remote;
    connection.local.port = peer.remote.port;
    owner.service = directory_.service_of(peer.pid);
    owner.watched = directory_.watched(connection);
    counters_.unnamed += known ? 0 : 1;
  }
  return owner;
}

TcpMetrics::State* TcpMetrics::state_of(const ServiceRef& service) {
  Labels labels = service_labels(*service);
  if (const auto found = states_.find(labels); found != states_.end()) {
    return found->second.get();
  }
  if (states_.size() >= limits_.max_services) {
    return nullptr;
  }
  auto state = std::make_unique<State>();
  state->service = service;
  state->labels = labels;
  return states_.emplace(std::move(labels), std::move(state)).first->second.get();
}

TcpMetrics::Series& TcpMetrics::series_of(const TcpPeer& peer, State* state) {
  if (state == nullptr) {
    return overflow_of(nullptr);
  }
  std::string key(reinterpret_cast<const char*>(&state), sizeof(state));
  key.append(reinterpret_cast<const char*>(peer.remote.bytes.data()), peer.remote.bytes.size());
  key.append(reinterpret_cast<const char*>(&peer.remote.port), sizeof(peer.remote.port));
  key += static_cast<char>(peer.remote.family);
  key += peer.role == Role::kServer ? 's' : 'c';
  if (const auto found = series_.find(key); found != series_.end()) {
    return found->second;
  }
  if (peers_ >= limits_.max_peers || state->peers >= limits_.max_peers_of_service) {
    return overflow_of(state);
  }
  ++peers_;
  ++state->peers;
  ++state->series;
  Series& made = series_[key];
  made.began_ns = monotonic_ns();
  made.state = state;
  made.labels = std::make_shared<const Labels>(labels_of(state->labels, peer));
  return made;
}

TcpMetrics::Series& TcpMetrics::overflow_of(State* state) {
  Series& series = series_[std::string(reinterpret_cast<const char*>(&state), sizeof(state))];
  if (series.labels == nullptr) {
    series.state = state;
    series.overflow = true;
    series.began_ns = monotonic_ns();
    series.labels =
        with(state != nullptr ? state->labels : Labels{}, "otel.metric.overflow", "true");
    if (state != nullptr) {
      ++state->series;
    }
  }
  return series;
}

void TcpMetrics::add(const TcpPeer& peer, const TcpCounts& added, uint64_t now_ns) {
  ++counters_.told;
  const Owner& owner = owner_of(peer, now_ns);
  if (!owner.watched) {
    ++counters_.excluded;
    return;
  }
  Series& series = series_of(peer, state_of(owner.service));
  ++(series.overflow ? counters_.overflowed : counters_.counted);
  add_to(series.counts, added);
  series.moved_ns = now_ns;
}

void TcpMetrics::expire(uint64_t now_ns) {
  std::erase_if(owners_,
                [&](const auto& each) { return now_ns - each.second.seen_ns > kOwnerGraceNs; });
  std::erase_if(series_, [&](const auto& each) {
    const Series& series = each.second;
    if (limits_.idle_ns == 0 || now_ns - series.moved_ns <= limits_.idle_ns) {
      return false;
    }
    ++counters_.expired;
    if (series.state != nullptr) {
      --series.state->series;
      series.state->peers -= series.overflow ? 0 : 1;
    }
    peers_ -= series.overflow ? 0 : 1;
    return true;
  });
  std::erase_if(states_, [](const auto& each) { return each.second->series == 0; });
}

void TcpMetrics::snapshot(std::vector<MetricFamily>& out, const SnapshotClock& clock) const {
  static const auto connect_bounds = shared(kTcpConnectBounds);
  static const auto rtt_bounds = shared(kTcpRttBounds);
  MetricFamily connects =
      family("sonde.tcp.connect.duration", "From the first SYN to the connection.",
             MetricKind::kHistogram, connect_bounds);
  MetricFamily failures =
      family("sonde.tcp.failed_connects", "Connects that came to nothing.", MetricKind::kCounter);
  MetricFamily rtts =
      family("sonde.tcp.rtt",
             "The kernel's smoothed round-trip time of each connection, sampled when it ends and "
             "at scrapes while it lives.",
             MetricKind::kHistogram, rtt_bounds);
  MetricFamily retransmits =
      family("sonde.tcp.retransmits", "Segments sent again.", MetricKind::kCounter);
  MetricFamily resets = family("sonde.tcp.resets", "Resets of connections.", MetricKind::kCounter);
  const auto store = std::make_shared<MetricStore>();
  connects.stores.push_back(store);
  rtts.stores.push_back(store);
  for (const auto& [key, series] : series_) {
    const TcpCounts& counts = series.counts;
    const uint64_t start = clock.wall_ns(series.began_ns);
    const auto add = [&](MetricFamily& to, std::span<const uint64_t> buckets, uint64_t sum_us) {
      if (HistogramValue value = histogram(*store, buckets, sum_us); value.count != 0) {
        to.points.push_back({series.labels, std::move(value), start});
      }
    };
    add(connects, counts.connects, counts.connect_us);
    add(rtts, counts.rtts, counts.rtt_us);
    for (size_t i = 0; i < kTcpFailures.size(); ++i) {
      if (counts.failures[i] != 0) {
        failures.points.push_back(
            {with(*series.labels, "reason", kTcpFailures[i]), counts.failures[i], start});
      }
    }
    retransmits.points.push_back({series.labels, counts.retransmits, start});
    for (const Direction direction : {Direction::kIn, Direction::kOut}) {
      resets.points.push_back({with(*series.labels, "network.io.direction",
                                    direction == Direction::kIn ? "receive" : "transmit"),
                               counts.resets[static_cast<size_t>(direction)], start});
    }
  }
  for (MetricFamily* each : {&connects, &failures, &rtts, &retransmits, &resets}) {
    if (!each->points.empty()) {
      out.push_back(std::move(*each));
    }
  }
}

std::vector<ServiceRef> TcpMetrics::services() const {
  std::vector<ServiceRef> out;
  out.reserve(states_.size());
  for (const auto& [labels, state] : states_) {
    out.push_back(state->service);
  }
  return out;
}

}  // namespace sonde
