// SPDX-License-Identifier: Apache-2.0
// The whole pipeline from raw records to counted requests, with one shard and with several: the
// number of shards changes nothing that can be seen.
#include "userspace/pipeline/pipeline.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <string>
#include <vector>

#include "tests/bench/synthetic.h"
#include "userspace/pipeline/books.h"

namespace sonde {
namespace {

class OneService : public ServiceDirectory {
 public:
  ServiceRef service_of(Pid) override { return service_; }
  bool watched(const ConnectionOpened& event) override {
    return event.remote.port % 10 != excluded;
  }
  uint64_t version() const override { return version_moves ? version_++ : 0; }

  int excluded = -1;           // connections whose peer's port ends so are left out
  bool version_moves = false;  // an answer of the directory never lasts

 private:
  const ServiceRef service_ = std::make_shared<const Service>(Service{.name = "shop",
                                                                      .name_space = {},
                                                                      .instance = "host:shop",
                                                                      .job = "shop",
                                                                      .language = {},
                                                                      .extra = {}});
  mutable std::atomic<uint64_t> version_{0};
};

class CountedPolicies : public PolicyTarget {
 public:
  void set_policy(ConnectionId, const Policy&) override { count++; }
  void learn_policy(Role, const Address&, const Address&, uint32_t, const Policy&) override {
    count++;
  }
  std::atomic<uint64_t> count{0};
};

uint64_t counted(const PipelineSnapshot& snapshot, std::string_view family) {
  uint64_t sum = 0;
  for (const MetricFamily& each : snapshot.families) {
    for (const MetricPoint& point : each.points) {
      if (each.name == family) {
        sum += std::get<HistogramValue>(point.value).count;
      }
    }
  }
  return sum;
}

void expect_balance(const PipelineSnapshot& snapshot) {
  for (const StageLedger& stage :
       stages_of({.pipeline = snapshot, .kernel = {}, .records_read = {}, .host = {}})) {
    EXPECT_EQ(unexplained(stage), 0) << stage.stage;
    EXPECT_EQ(total_lost(stage), 0u) << stage.stage;
  }
}

class PipelineTest : public testing::TestWithParam<size_t> {
 protected:
  uint64_t run(const synthetic::Shape& shape) {
    PipelineOptions options;
    options.shards = GetParam();
    Pipeline pipeline(directory_, policies_, options);
    uint64_t records = 0;
    const uint64_t exchanges = synthetic::traffic(shape, [&](std::span<const uint8_t> record) {
      pipeline.record(record);
      if (++records % 1000 == 0) {
        pipeline.flush();
      }
    });
    pipeline.flush();
    pipeline.snapshot(snapshot_);
    return exchanges;
  }

  OneService directory_;
  CountedPolicies policies_;
  PipelineSnapshot snapshot_;
};

TEST_P(PipelineTest, CountsEveryExchange) {
  const uint64_t exchanges = run({.connections = 50, .exchanges = 200});
  EXPECT_EQ(counted(snapshot_, "http.server.request.duration"), exchanges);
  EXPECT_EQ(counted(snapshot_, "http.server.response.body.size"), exchanges);
  EXPECT_EQ(snapshot_.series, GetParam());  // each shard has its own, merged for who looks
  EXPECT_EQ(snapshot_.in_flight, 0u);
  EXPECT_EQ(snapshot_.connections, 0u);
  expect_balance(snapshot_);
}

TEST_P(PipelineTest, CountsNewConnectionsAndPipelining) {
  const uint64_t exchanges =
      run({.connections = 40, .exchanges = 100, .pipelined = 10, .close = true});
  EXPECT_EQ(counted(snapshot_, "http.server.request.duration"), exchanges);
  expect_balance(snapshot_);
}

// The short cut for repeated exchanges must not outlive the directory's answer.
TEST_P(PipelineTest, CountsTheSameWhenNoAnswerOfTheDirectoryLasts) {
  directory_.version_moves = true;
  const uint64_t exchanges = run({.connections = 20, .exchanges = 100});
  EXPECT_EQ(counted(snapshot_, "http.server.request.duration"), exchanges);
  expect_balance(snapshot_);
}

TEST_P(PipelineTest, LeavesOutWhatIsNotWatched) {
  directory_.excluded = 3;
  const uint64_t exchanges = run({.connections = 100, .exchanges = 10});
  EXPECT_EQ(counted(snapshot_, "http.server.request.duration"), exchanges * 9 / 10);
  EXPECT_EQ(snapshot_.shards.records_excluded, 10u * (2 + 2 * 10));
  EXPECT_GE(policies_.count, 10u);
  expect_balance(snapshot_);
}

// Connections that repeat themselves know their series: they must ask anew, and nothing may be
// counted twice or not at all.
TEST_P(PipelineTest, NewRoutesHoldFromTheNextRecordOn) {
  PipelineOptions options;
  options.shards = GetParam();
  Pipeline pipeline(directory_, policies_, options);
  const synthetic::Shape shape{.connections = 20, .exchanges = 100};
  const uint64_t opened = shape.connections;
  const uint64_t first_half = opened + uint64_t{shape.connections} * shape.exchanges;
  const std::vector<std::string> patterns = {"/{page}"};
  uint64_t records = 0;
  const uint64_t exchanges = synthetic::traffic(shape, [&](std::span<const uint8_t> record) {
    pipeline.record(record);
    if (++records == first_half) {
      pipeline.set_routes(RoutePatterns(patterns));
    }
  });
  pipeline.flush();
  pipeline.snapshot(snapshot_);
  std::map<std::string, uint64_t> by_route;
  for (const MetricFamily& family : snapshot_.families) {
    for (const MetricPoint& point : family.points) {
      const auto route = std::ranges::find(*point.labels, "http.route", &Labels::value_type::first);
      if (family.name == "http.server.request.duration" && route != point.labels->end()) {
        by_route[route->second] += std::get<HistogramValue>(point.value).count;
      }
    }
  }
  const std::map<std::string, uint64_t> halves = {{"/index", exchanges / 2},
                                                  {"/{page}", exchanges / 2}};
  EXPECT_EQ(by_route, halves);
  EXPECT_EQ(snapshot_.red.counted, exchanges);
  EXPECT_EQ(pipeline.services().size(), 1u);
  expect_balance(snapshot_);
}

TEST_P(PipelineTest, CountsWhatCannotBeDecoded) {
  PipelineOptions options;
  options.shards = GetParam();
  Pipeline pipeline(directory_, policies_, options);
  const std::vector<uint8_t> junk(64, 0xff);
  pipeline.record(junk);
  pipeline.record(std::span(junk).first(3));
  pipeline.flush();
  pipeline.snapshot(snapshot_);
  EXPECT_EQ(snapshot_.shards.records_malformed, 2u);
  EXPECT_EQ(snapshot_.shards.records_seen, 2u);
}

INSTANTIATE_TEST_SUITE_P(Shards, PipelineTest, testing::Values(1, 3));

}  // namespace
}  // namespace sonde
