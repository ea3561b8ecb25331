// SPDX-License-Identifier: Apache-2.0
// What the pipeline makes of who talks to whom: both ends of a connection joined, pairs of services
// counted once, exchanges under way, losses by service. With one shard and with several.
#include <gtest/gtest.h>

#include <memory>
#include <set>

#include "tests/bench/synthetic.h"
#include "tests/support/toy_schema.h"
#include "userspace/pipeline/books.h"
#include "userspace/pipeline/pipeline.h"

namespace sonde {
namespace {

using toy::family;
using toy::label;
using toy::total;

constexpr Pid kWeb{100};
constexpr Pid kShop{200};
constexpr uint64_t kSecond = 1'000'000'000;

class TwoServices : public ServiceDirectory {
 public:
  ServiceRef service_of(Pid pid) override { return pid == kWeb ? web_ : shop_; }
  bool watched(const ConnectionOpened&) override { return true; }
  uint64_t version() const override { return 0; }

 private:
  const ServiceRef web_ = toy::service("web");
  const ServiceRef shop_ = toy::service("shop");
};

class NoPolicies : public PolicyTarget {
  void set_policy(ConnectionId, const Policy&) override {}
  void learn_policy(Role, const Address&, const Address&, uint32_t, const Policy&) override {}
};

struct Feed {
  Pipeline* pipeline;
  void operator()(std::span<const uint8_t> record) const { pipeline->record(record); }
};
using End = synthetic::Connection<Feed>;

const std::string kAsk = "GET /index HTTP/1.1\r\nHost: shop.example\r\n\r\n";
const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const std::string kMissing = "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno";

ConnectionOpened end(Role role, uint32_t sends_from, uint32_t receives_from) {
  ConnectionOpened event;
  event.role = role;
  event.local = {.bytes = {10, 0, 0, 1}, .port = 40000, .family = 4};
  event.remote = {.bytes = {10, 0, 0, 2}, .port = 80, .family = 4};
  if (role == Role::kServer) {
    std::swap(event.local, event.remote);
  }
  event.pid = role == Role::kServer ? kShop : kWeb;
  event.sequence_out = sends_from;
  event.sequence_in = receives_from;
  return event;
}

class RelationsTest : public testing::TestWithParam<size_t> {
 protected:
  RelationsTest() {
    PipelineOptions options;
    options.shards = GetParam();
    options.limits.red.idle_ns = 40 * kSecond;
    pipeline_ = std::make_unique<Pipeline>(directory_, policies_, options);
    feed_.pipeline = pipeline_.get();
  }
  End make() { return {feed_, next_id_++, now_ns_}; }
  const PipelineSnapshot& snapshot(uint64_t now_ns = 0) {
    pipeline_->flush();
    snapshot_ = {};
    pipeline_->snapshot(snapshot_, now_ns);
    for (const StageLedger& stage :
         stages_of({.pipeline = snapshot_, .kernel = {}, .records_read = {}, .host = {}})) {
      EXPECT_EQ(unexplained(stage), 0) << stage.stage;
    }
    return snapshot_;
  }
  // What is counted of the only pair with that client and server.
  uint64_t pair(std::string_view metric, std::string_view client, std::string_view server) {
    for (const MetricFamily& each : snapshot_.families) {
      for (const MetricPoint& point : each.points) {
        if (each.name == metric && label(point, "client") == client &&
            label(point, "server") == server) {
          const auto* histogram = std::get_if<HistogramValue>(&point.value);
          return histogram != nullptr ? histogram->count : std::get<uint64_t>(point.value);
        }
      }
    }
    return 0;
  }

  TwoServices directory_;
  NoPolicies policies_;
  std::unique_ptr<Pipeline> pipeline_;
  Feed feed_{};
  uint64_t now_ns_ = kSecond;
  uint64_t next_id_ = 1;
  PipelineSnapshot snapshot_;
};

TEST_P(RelationsTest, AnExchangeSeenAtBothEndsIsOne) {
  constexpr uint32_t kConnections = 20;
  constexpr uint64_t kExchanges = 50;
  for (uint32_t c = 0; c < kConnections; ++c) {
    End client = make();
    End server = make();
    client.open(end(Role::kClient, 1000 + c, 2000 + c));
    server.open(end(Role::kServer, 2000 + c, 1000 + c));
    snapshot();  // both openings are known
    for (uint64_t i = 0; i < kExchanges; ++i) {
      const std::string& answer = i % 10 == 0 ? kMissing : kOk;
      client.move(Direction::kOut, kAsk, 4096);
      server.move(Direction::kIn, kAsk, 4096);
      server.move(Direction::kOut, answer, 4096);
      client.move(Direction::kIn, answer, 4096);
    }
    client.close();
    server.close();
  }
  constexpr uint64_t kAll = kConnections * kExchanges;
  snapshot();
  EXPECT_EQ(pair("traces.service.graph.request", "web", "shop"), kAll);
  EXPECT_EQ(pair("traces.service.graph.request.failed", "web", "shop"), kAll / 10)
      << "a 404 is a failure to the client";
  EXPECT_EQ(pair("traces.service.graph.request.client", "web", "shop"), kAll);
  EXPECT_EQ(pair("traces.service.graph.request.server", "web", "shop"), kAll);
  EXPECT_EQ(total(snapshot_.families, {"traces.service.graph.request"}), kAll);
  EXPECT_EQ(snapshot_.graph.seen, 2 * kAll);
  EXPECT_EQ(snapshot_.graph.twice, kAll);
  EXPECT_EQ(snapshot_.joins.joined, kConnections);
  EXPECT_EQ(total(snapshot_.families, {"http.server.request.duration"}), kAll);
  EXPECT_EQ(total(snapshot_.families, {"http.client.request.duration"}), kAll);
  EXPECT_EQ(total(snapshot_.families, {"http.server.request.time_to_first_byte"}), kAll);
}

// Of a connection older than Sonde the server's end shows first: it read and answers what the
// client had sent before. The client is met with the answer, and has its first exchange later.
TEST_P(RelationsTest, EndsWatchedFromDifferentMomentsOn) {
  End client = make();
  End server = make();
  ConnectionOpened older = end(Role::kServer, 2, 1);
  older.midway = true;
  older.position_in = 4000;
  older.position_out = 9000;
  server.open(older);
  server.move(Direction::kIn, kAsk, 4096);
  server.move(Direction::kOut, kMissing, 4096);
  snapshot();
  older = end(Role::kUnknown, 1, 2);  // as nobody told: its bytes will
  older.pid = kWeb;
  older.midway = true;
  older.position_in = 9000;
  older.position_out = 4000 + kAsk.size();
  client.open(older);
  client.move(Direction::kIn, kMissing, 4096);
  snapshot();
  for (int i = 0; i < 9; ++i) {
    client.move(Direction::kOut, kAsk, 4096);
    server.move(Direction::kIn, kAsk, 4096);
    server.move(Direction::kOut, kOk, 4096);
    client.move(Direction::kIn, kOk, 4096);
  }
  snapshot();
  EXPECT_EQ(snapshot_.joins.joined, 1u);
  EXPECT_EQ(total(snapshot_.families, {"traces.service.graph.request"}), 10u);
  EXPECT_EQ(pair("traces.service.graph.request", "web", "shop"), 9u);
  EXPECT_EQ(pair("traces.service.graph.request", "10.0.0.1", "shop"), 1u) << "when nobody knew";
  EXPECT_EQ(pair("traces.service.graph.request.client", "web", "shop"), 9u);
}

TEST_P(RelationsTest, AnEndElsewhereHasItsAddress) {
  End client = make();
  End server = make();
  End stranger = make();
  client.open(end(Role::kClient, 1, 2));
  server.open(end(Role::kServer, 3, 4));
  ConnectionOpened far = end(Role::kServer, 5, 6);
  far.remote.bytes = {8, 8, 8, 8};
  stranger.open(far);
  for (int i = 0; i < 5; ++i) {
    client.move(Direction::kOut, kAsk, 4096);
    client.move(Direction::kIn, kOk, 4096);
    for (End* each : {&server, &stranger}) {
      each->move(Direction::kIn, kAsk, 4096);
      each->move(Direction::kOut, kOk, 4096);
    }
  }
  snapshot();
  EXPECT_EQ(pair("traces.service.graph.request", "web", "shop.example"), 5u);
  EXPECT_EQ(pair("traces.service.graph.request", "10.0.0.1", "shop"), 5u);
  EXPECT_EQ(pair("traces.service.graph.request", "internet", "shop"), 5u);
  EXPECT_EQ(total(snapshot_.families, {"traces.service.graph.request"}), 15u);
  EXPECT_EQ(snapshot_.graph.twice, 0u);
}

TEST_P(RelationsTest, ActiveRequestsAreThoseWithoutAnEnd) {
  std::vector<End> servers;
  for (uint32_t i = 0; i < 6; ++i) {
    servers.push_back(make());
    servers.back().open(end(Role::kServer, 10 + i, 20 + i));
    servers.back().move(Direction::kIn, i < 4 ? kAsk : "PUT" + kAsk.substr(3), 4096);
  }
  snapshot();
  const MetricFamily* active = family(snapshot_.families, "http.server.active_requests");
  ASSERT_NE(active, nullptr);
  ASSERT_EQ(active->points.size(), 2u);
  for (const MetricPoint& point : active->points) {
    EXPECT_EQ(label(point, "url.scheme"), "http");
    EXPECT_EQ(label(point, "service.name"), "shop");
    EXPECT_EQ(std::get<uint64_t>(point.value),
              label(point, "http.request.method") == "GET" ? 4u : 2u);
  }
  EXPECT_EQ(snapshot_.in_flight, 6u);
  for (End& server : servers) {
    server.move(Direction::kOut, kOk, 4096);
  }
  snapshot();
  EXPECT_EQ(total(snapshot_.families, {"http.server.active_requests"}), 0u);
  EXPECT_EQ(family(snapshot_.families, "http.server.active_requests")->points.size(), 2u);
}

TEST_P(RelationsTest, LossesAreKnownByService) {
  for (uint32_t i = 0; i < 30; ++i) {
    End each = make();
    const Role role = i % 3 == 0 ? Role::kClient : Role::kServer;
    const Direction asks = role == Role::kClient ? Direction::kOut : Direction::kIn;
    each.open(end(role, 100 + i, 200 + i));
    each.move(asks, kAsk, 4096);
    each.move(opposite(asks), kOk, 4096);
    if (i % 2 == 0) {
      each.move(asks, kAsk, 4096);
      each.lose_record();
      each.move(opposite(asks), kOk, 0);  // nothing of it was shipped
      each.move(asks, kAsk, 4096);
      each.move(opposite(asks), kOk, 4096);
    } else {
      each.lose_record();
      each.move(asks, kAsk, 0);
      each.move(opposite(asks), kOk, 4096);
    }
    each.close();
  }
  snapshot();
  const FlowCounters& flows = snapshot_.flows;
  EXPECT_GT(flows.requests_lost + flows.answers_unpaired, 0u);
  const MetricFamily* lost = family(snapshot_.families, "sonde.service.exchanges.lost");
  ASSERT_NE(lost, nullptr);
  uint64_t by_service[2] = {};
  for (const MetricPoint& point : lost->points) {
    by_service[label(point, "service.name") == "web" ? 0 : 1] += std::get<uint64_t>(point.value);
  }
  EXPECT_EQ(by_service[0] + by_service[1], flows.requests_lost + flows.answers_unpaired);
  EXPECT_GT(by_service[0], 0u);
  EXPECT_GT(by_service[1], 0u);
  EXPECT_EQ(total(snapshot_.families, {"sonde.service.exchanges"}), snapshot_.red.seen);
  EXPECT_EQ(total(snapshot_.families, {"sonde.service.records.lost"}), 30u);
  for (const MetricPoint& point : family(snapshot_.families, "sonde.service.lost")->points) {
    EXPECT_GT(std::get<double>(point.value), 0.0);
    EXPECT_LT(std::get<double>(point.value), 1.0);
  }
}

// Connections outlive what was noted for them.
TEST_P(RelationsTest, IdleConnectionsComeBack) {
  End client = make();
  End server = make();
  client.open(end(Role::kClient, 1, 2));
  server.open(end(Role::kServer, 2, 1));
  End outward = make();
  outward.open(end(Role::kClient, 7, 8));
  const auto exchange = [&] {
    client.move(Direction::kOut, kAsk, 4096);
    server.move(Direction::kIn, kAsk, 4096);
    server.move(Direction::kOut, kOk, 4096);
    client.move(Direction::kIn, kOk, 4096);
    outward.move(Direction::kOut, kAsk, 4096);
    outward.move(Direction::kIn, kOk, 4096);
  };
  for (int i = 0; i < 10; ++i) {
    exchange();
  }
  const uint64_t series = snapshot(now_ns_).series;  // of one shard or several
  EXPECT_GE(series, 2u);
  for (int i = 0; i < 10; ++i) {
    now_ns_ += 20 * kSecond;
    snapshot(now_ns_);
  }
  EXPECT_EQ(snapshot_.series, 0u);
  EXPECT_EQ(snapshot_.pairs, 0u);
  EXPECT_EQ(snapshot_.red.expired, series);
  EXPECT_EQ(family(snapshot_.families, "http.server.request.duration"), nullptr);
  EXPECT_EQ(snapshot_.connections, 3u);
  for (int i = 0; i < 3; ++i) {
    exchange();
  }
  snapshot(now_ns_);
  EXPECT_EQ(total(snapshot_.families, {"http.server.request.duration"}), 3u);
  EXPECT_EQ(pair("traces.service.graph.request", "web", "shop"), 3u);
  EXPECT_EQ(pair("traces.service.graph.request", "web", "shop.example"), 3u);
  EXPECT_EQ(snapshot_.red.seen, 13u * 3) << "the own counters never go back";
}

// Another Host on the same connection is another pair, and back again.
TEST_P(RelationsTest, PairsFollowTheHostThatIsAskedFor) {
  End client = make();
  client.open(end(Role::kClient, 1, 2));
  const std::string other = "GET /index HTTP/1.1\r\nHost: other.example\r\n\r\n";
  for (int i = 0; i < 10; ++i) {
    for (const std::string* ask : {&kAsk, &kAsk, &other}) {
      client.move(Direction::kOut, *ask, 4096);
      client.move(Direction::kIn, kOk, 4096);
    }
  }
  snapshot();
  EXPECT_EQ(pair("traces.service.graph.request", "web", "shop.example"), 20u);
  EXPECT_EQ(pair("traces.service.graph.request", "web", "other.example"), 10u);
}

INSTANTIATE_TEST_SUITE_P(Shards, RelationsTest, testing::Values(1, 3));

}  // namespace
}  // namespace sonde
