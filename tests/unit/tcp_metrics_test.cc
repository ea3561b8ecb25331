// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/tcp_metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>

namespace sonde {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

// Process n is "service-n" while it lives; those of `unwatched` ports are left out.
class Processes : public ServiceDirectory {
 public:
  ServiceRef service_of(Pid pid) override {
    Service made;
    made.name = known(pid) ? "service-" + std::to_string(static_cast<uint32_t>(pid)) : "unknown";
    made.instance = "host:" + made.name;
    made.job = made.name;
    return std::make_shared<const Service>(made);
  }
  bool watched(const ConnectionOpened& connection) override {
    const uint16_t port =
        connection.role == Role::kServer ? connection.local.port : connection.remote.port;
    return known(connection.pid) && port != unwatched;
  }
  bool known(Pid pid) override { return pid != gone; }
  uint64_t version() const override { return 0; }

  Pid gone{};
  uint16_t unwatched = 0;
};

TcpPeer peer(uint32_t pid, Role role, uint8_t host, uint16_t port = 80) {
  TcpPeer out;
  out.pid = Pid{pid};
  out.role = role;
  out.remote.bytes = {10, 0, 0, host};
  out.remote.port = port;
  return out;
}

TcpCounts facts() {
  TcpCounts counts;
  counts.connects[2] = 3;
  counts.connect_us = 4'500;
  counts.rtts[0] = 2;
  counts.rtt_us = 600;
  counts.failures[0] = 1;
  counts.failures[4] = 5;
  counts.resets[0] = 7;
  counts.retransmits = 11;
  return counts;
}

struct Snapshot {
  explicit Snapshot(const TcpMetrics& metrics) { metrics.snapshot(families); }

  const MetricFamily& family(std::string_view name) const {
    const auto found = std::ranges::find(families, name, &MetricFamily::name);
    EXPECT_NE(found, families.end()) << name;
    return *found;
  }
  // The value of the point that has all these labels; a histogram's count.
  std::optional<uint64_t> value(std::string_view name, const Labels& wanted) const {
    for (const MetricPoint& point : family(name).points) {
      const bool has_all = std::ranges::all_of(wanted, [&](const auto& label) {
        return std::ranges::find(*point.labels, label) != point.labels->end();
      });
      if (has_all) {
        return value_of(point);
      }
    }
    return std::nullopt;
  }
  uint64_t total(std::string_view name) const {
    const auto& points = family(name).points;
    return std::accumulate(points.begin(), points.end(), uint64_t{0},
                           [](uint64_t sum, const auto& point) { return sum + value_of(point); });
  }
  static uint64_t value_of(const MetricPoint& point) {
    const auto* histogram = std::get_if<HistogramValue>(&point.value);
    return histogram != nullptr ? histogram->count : std::get<uint64_t>(point.value);
  }

  std::vector<MetricFamily> families;
};

TEST(TcpMetrics, NamesWhatWasTold) {
  Processes processes;
  TcpMetrics metrics(processes);
  metrics.add(peer(1, Role::kClient, 9), facts(), kSecond);
  const Snapshot snapshot(metrics);
  const Labels who = {
      {"service.name", "service-1"}, {"server.address", "10.0.0.9"}, {"server.port", "80"}};
  EXPECT_EQ(snapshot.value("sonde.tcp.connect.duration", who), 3u);
  EXPECT_EQ(snapshot.value("sonde.tcp.rtt", who), 2u);
  EXPECT_EQ(snapshot.value("sonde.tcp.retransmits", who), 11u);
  EXPECT_EQ(snapshot.value("sonde.tcp.failed_connects", {{"reason", "refused"}}), 1u);
  EXPECT_EQ(snapshot.value("sonde.tcp.failed_connects", {{"reason", "aborted"}}), 5u);
  EXPECT_EQ(snapshot.value("sonde.tcp.failed_connects", {{"reason", "timeout"}}), std::nullopt);
  EXPECT_EQ(snapshot.value("sonde.tcp.resets", {{"network.io.direction", "receive"}}), 7u);
  EXPECT_EQ(snapshot.value("sonde.tcp.resets", {{"network.io.direction", "transmit"}}), 0u);
  const auto& connects =
      std::get<HistogramValue>(snapshot.family("sonde.tcp.connect.duration").points.front().value);
  EXPECT_DOUBLE_EQ(connects.sum, 0.0045);
  ASSERT_EQ(connects.counts.size(),
            snapshot.family("sonde.tcp.connect.duration").bounds->size() + 1);
  EXPECT_EQ(connects.counts[2], 3u);
}

TEST(TcpMetrics, AServersPeerHasNoPortOfItsOwn) {
  Processes processes;
  TcpMetrics metrics(processes);
  metrics.add(peer(1, Role::kServer, 9, 8080), facts(), kSecond);
  const Snapshot snapshot(metrics);
  EXPECT_EQ(snapshot.value("sonde.tcp.retransmits",
                           {{"client.address", "10.0.0.9"}, {"server.port", "8080"}}),
            11u);
}

TEST(TcpMetrics, AnIPv6PeerIsWrittenAsOne) {
  Processes processes;
  TcpMetrics metrics(processes);
  TcpPeer one = peer(1, Role::kClient, 0);
  one.remote.bytes = {0x20, 0x01, 0x0d, 0xb8};
  one.remote.bytes[15] = 1;
  one.remote.family = 6;
  metrics.add(one, facts(), kSecond);
  EXPECT_EQ(Snapshot(metrics).value("sonde.tcp.retransmits", {{"server.address", "2001:db8::1"}}),
            11u);
}

TEST(TcpMetrics, ProcessesOfOneServiceAddUp) {
  class OneService : public Processes {
   public:
    ServiceRef service_of(Pid) override { return Processes::service_of(Pid{1}); }
  } processes;
  TcpMetrics metrics(processes);
  for (uint32_t pid = 1; pid <= 5; pid++) {
    metrics.add(peer(pid, Role::kClient, 9), facts(), kSecond);
  }
  EXPECT_EQ(metrics.series(), 1u);
  EXPECT_EQ(metrics.services().size(), 1u);
  EXPECT_EQ(Snapshot(metrics).value("sonde.tcp.retransmits", {}), 55u);
}

TEST(TcpMetrics, TotalsStayExactBeyondTheCaps) {
  Processes processes;
  TcpMetrics metrics(processes, {.max_peers = 12, .max_peers_of_service = 5, .max_services = 3});
  uint64_t told = 0;
  for (uint32_t pid = 1; pid <= 5; pid++) {
    for (uint8_t host = 1; host <= 10; host++) {
      metrics.add(peer(pid, Role::kClient, host), facts(), kSecond);
      told += 11;
    }
  }
  const Snapshot snapshot(metrics);
  EXPECT_EQ(snapshot.total("sonde.tcp.retransmits"), told);
  // Five, five, two of the third; an overflow series each; and one for the services too many.
  EXPECT_EQ(metrics.series(), 12u + 3 + 1);
  EXPECT_EQ(snapshot.value("sonde.tcp.retransmits",
                           {{"service.name", "service-1"}, {"otel.metric.overflow", "true"}}),
            55u);
  EXPECT_EQ(snapshot.value("sonde.tcp.retransmits", {{"service.name", "service-4"}}), std::nullopt);
  const TcpCounters& counters = metrics.counters();
  EXPECT_EQ(counters.told, 50u);
  EXPECT_EQ(counters.told, counters.counted + counters.overflowed + counters.excluded);
  EXPECT_EQ(counters.counted, 12u);
}

TEST(TcpMetrics, IdlePeersMakeRoom) {
  Processes processes;
  TcpMetrics metrics(processes, {.max_peers_of_service = 2, .idle_ns = 10 * kSecond});
  metrics.add(peer(1, Role::kClient, 1), facts(), kSecond);
  metrics.add(peer(1, Role::kClient, 2), facts(), 10 * kSecond);
  metrics.expire(12 * kSecond);
  EXPECT_EQ(metrics.series(), 1u);
  metrics.add(peer(1, Role::kClient, 3), facts(), 12 * kSecond);
  EXPECT_EQ(metrics.counters().overflowed, 0u);
  EXPECT_EQ(Snapshot(metrics).value("sonde.tcp.retransmits", {{"server.address", "10.0.0.1"}}),
            std::nullopt);
  metrics.expire(100 * kSecond);
  EXPECT_EQ(metrics.series(), 0u);
  EXPECT_TRUE(metrics.services().empty());
  EXPECT_TRUE(Snapshot(metrics).families.empty());
  metrics.add(peer(1, Role::kClient, 4), facts(), 101 * kSecond);
  EXPECT_EQ(Snapshot(metrics).total("sonde.tcp.retransmits"), 11u);
}

TEST(TcpMetrics, WhatIsToldAfterAProcessEndedIsStillIts) {
  Processes processes;
  TcpMetrics metrics(processes);
  metrics.add(peer(1, Role::kClient, 9), facts(), kSecond);
  processes.gone = Pid{1};
  metrics.add(peer(1, Role::kClient, 9), facts(), 2 * kSecond);
  EXPECT_EQ(Snapshot(metrics).value("sonde.tcp.retransmits", {{"service.name", "service-1"}}), 22u);
  EXPECT_EQ(metrics.counters().unnamed, 0u);
}

TEST(TcpMetrics, WhatIsNotWatchedIsNotCounted) {
  Processes processes;
  processes.unwatched = 22;
  processes.gone = Pid{7};
  TcpMetrics metrics(processes);
  metrics.add(peer(1, Role::kClient, 9, 22), facts(), kSecond);
  metrics.add(peer(1, Role::kServer, 9, 22), facts(), kSecond);
  metrics.add(peer(7, Role::kClient, 9), facts(), kSecond);
  EXPECT_EQ(metrics.counters().excluded, 3u);
  EXPECT_EQ(metrics.counters().unnamed, 1u);
  EXPECT_TRUE(Snapshot(metrics).families.empty());
}

}  // namespace
}  // namespace sonde
