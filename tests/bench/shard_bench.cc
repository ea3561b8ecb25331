// SPDX-License-Identifier: Apache-2.0
// What a shard takes for an exchange that it sees at both ends, from raw record to counted request:
// on connections that stay, and with a connection for each. Not a test: run it by hand; under
// `valgrind --tool=callgrind` its instructions are counted, the same each time.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/bench/synthetic.h"
#include "userspace/pipeline/shard.h"

namespace sonde {
namespace {

constexpr Pid kWeb{100};
constexpr Pid kShop{200};

ServiceRef service(std::string name) {
  Service made;
  made.name = std::move(name);
  made.instance = "host:4711";
  made.job = made.name;
  return std::make_shared<const Service>(made);
}

class TwoServices : public ServiceDirectory {
 public:
  ServiceRef service_of(Pid pid) override { return pid == kWeb ? web_ : shop_; }
  bool watched(const ConnectionOpened&) override { return true; }
  uint64_t version() const override { return 0; }

 private:
  const ServiceRef web_ = service("web");
  const ServiceRef shop_ = service("shop");
};

class NoPolicies : public PolicyTarget {
  void set_policy(ConnectionId, const Policy&) override {}
  void learn_policy(Role, const Address&, const Address&, uint32_t, const Policy&) override {}
};

ConnectionOpened end(Role role, uint32_t number) {
  ConnectionOpened event;
  event.role = role;
  event.local = {.bytes = {10, 0, 0, 1}, .port = static_cast<uint16_t>(number | 1), .family = 4};
  event.remote = {.bytes = {10, 0, 0, 2}, .port = 80, .family = 4};
  event.sequence_out = number;
  event.sequence_in = ~number;
  event.pid = kWeb;
  if (role == Role::kServer) {
    std::swap(event.local, event.remote);
    std::swap(event.sequence_out, event.sequence_in);
    event.pid = kShop;
  }
  return event;
}

struct Feed {
  Shard* shard;
  void operator()(std::span<const uint8_t> record) const { shard->record(record); }
};

class World {
 public:
  struct Pair {
    synthetic::Connection<Feed> client;
    synthetic::Connection<Feed> server;
  };

  Pair connect() {
    Pair pair{{feed_, next_id_, now_ns_}, {feed_, next_id_ + 1, now_ns_}};
    const auto number = static_cast<uint32_t>(next_id_ * 7919);
    next_id_ += 2;
    now_ns_ += 1'000'000;
    pair.client.open(end(Role::kClient, number));
    pair.server.open(end(Role::kServer, number));
    return pair;
  }
  void exchange(Pair& pair) {
    pair.client.move(Direction::kOut, synthetic::kRequest, 4096);
    pair.server.move(Direction::kIn, synthetic::kRequest, 4096);
    pair.server.move(Direction::kOut, answer_, 512);
    pair.client.move(Direction::kIn, answer_, 512);
  }
  const Shard& shard() const { return shard_; }

 private:
  TwoServices directory_;
  NoPolicies policies_;
  Joins joins_;
  Shard shard_{directory_, policies_, joins_, {}};
  Feed feed_{&shard_};
  uint64_t next_id_ = 1;
  uint64_t now_ns_ = 1'000'000'000;
  const std::string answer_ =
      std::string(synthetic::kAnswerHead) + std::string(synthetic::kAnswerBody, 'b');
};

void on_lasting_connections(benchmark::State& state) {
  World world;
  std::vector<World::Pair> pairs;
  for (int i = 0; i < 16; ++i) {
    pairs.push_back(world.connect());
  }
  size_t i = 0;
  for (auto _ : state) {
    world.exchange(pairs[i++ % pairs.size()]);
  }
  state.counters["exchanges"] = static_cast<double>(world.shard().red().counters().seen);
}
BENCHMARK(on_lasting_connections)->Iterations(20000);

void with_a_connection_each(benchmark::State& state) {
  World world;
  for (auto _ : state) {
    auto pair = world.connect();
    world.exchange(pair);
    pair.client.close();
    pair.server.close();
  }
  state.counters["exchanges"] = static_cast<double>(world.shard().red().counters().seen);
}
BENCHMARK(with_a_connection_each)->Iterations(20000);

}  // namespace
}  // namespace sonde

BENCHMARK_MAIN();
