// SPDX-License-Identifier: Apache-2.0
// What one exchange costs the aggregation. Not a test: run it by hand on a quiet core.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "exporters/prometheus/endpoint.h"
#include "userspace/pipeline/red.h"
#include "userspace/pipeline/service_graph.h"

namespace sonde {
namespace {

constexpr Attribute kAttributes[] = {
    {.name = "http.request.method"}, {.name = "http.response.status_code"},
    {.name = "url.scheme"},          {.name = "http.route"},
    {.name = "server.address"},      {.name = "server.port"}};
constexpr Schema kSchema{.name = "bench",
                         .attributes = kAttributes,
                         .duration = {"d", "d", ""},
                         .request_size = {"q", "q", ""},
                         .response_size = {"p", "p", ""},
                         .first_byte = {"f", "f", ""},
                         .active = {"a", "a", ""},
                         .route_attribute = 3};

Request request(std::string_view path) {
  Request r;
  r.schema = &kSchema;
  r.role = Role::kServer;
  r.start_ns = 1'000;
  r.first_response_ns = 650'000;
  r.end_ns = 700'000;
  r.response_body_bytes = 612;
  r.values = {"GET", "200", "http", "", "shop.example.org", "8080"};
  r.path = path;
  return r;
}

ServiceRef service() {
  Service made;
  made.name = "cart";
  made.name_space = "shop";
  made.instance = "host:4711";
  made.job = "shop/cart";
  return std::make_shared<const Service>(made);
}

// The same few exchanges again and again.
void known(benchmark::State& state) {
  RedMetrics red;
  const ServiceRef cart = service();
  std::vector<std::string> paths;
  for (int i = 0; i < state.range(0); ++i) {
    paths.push_back("/api/v1/products/" + std::string(static_cast<size_t>(i % 20), 'p'));
  }
  size_t i = 0;
  for (auto _ : state) {
    red.add(request(paths[i]), cart);
    i = i + 1 == paths.size() ? 0 : i + 1;
  }
  state.counters["misses"] = static_cast<double>(red.counters().cache_misses);
}
BENCHMARK(known)->Arg(1)->Arg(20);

// What repeats the exchange before on its connection, with times and sizes of its own.
void again(benchmark::State& state) {
  RedMetrics red;
  Request r = request("/api/v1/products");
  Series& series = *red.add(r, service()).series;
  uint64_t random = 1;
  for (auto _ : state) {
    random = random * 6364136223846793005ull + 1442695040888963407ull;
    r.end_ns = 700'000 + (random >> 44);  // a millisecond
    r.response_body_bytes = random >> 54;
    red.add_again(series, r);
  }
}
BENCHMARK(again);

// ... and what it costs to count it for both services.
void again_with_pair(benchmark::State& state) {
  RedMetrics red;
  ServiceGraph graph(red.clock(), {});
  Request r = request("/api/v1/products");
  Series& series = *red.add(r, service()).series;
  ServicePair& pair = graph.pair(Role::kServer, {"cart", "shop"}, {"db", "shop"}, "", 1);
  Join join;
  uint64_t random = 1;
  uint64_t number = 0;
  for (auto _ : state) {
    random = random * 6364136223846793005ull + 1442695040888963407ull;
    r.end_ns = 700'000 + (random >> 44);
    r.response_body_bytes = random >> 54;
    red.add_again(series, r);
    graph.add(pair, r.role, DurationHistogram::place(r.end_ns - r.start_ns),
              join.count({++number, 0}, false));
  }
}
BENCHMARK(again_with_pair);

// Each with an id of its own: the long way each time, to one series.
void ever_new_ids(benchmark::State& state) {
  RedMetrics red;
  const ServiceRef cart = service();
  std::vector<std::string> paths;
  for (int i = 0; i < 1 << 16; ++i) {
    paths.push_back("/api/v1/orders/" + std::to_string(i) + "/lines");
  }
  size_t i = 0;
  for (auto _ : state) {
    red.add(request(paths[i++ & 0xFFFF]), cart);
  }
}
BENCHMARK(ever_new_ids);

void snapshot(benchmark::State& state) {
  RedMetrics red({.max_series = 200'000, .max_series_of_service = 200'000, .max_services = 1});
  const ServiceRef cart = service();
  for (int i = 0; i < state.range(0); ++i) {
    const std::string method = "M" + std::to_string(i);
    Request r = request("/");
    r.values[0] = method;
    red.add(r, cart);
  }
  MetricSnapshot out;
  for (auto _ : state) {
    out.families.clear();
    red.snapshot(out.families);
    benchmark::DoNotOptimize(out);
  }
  state.counters["bytes"] = static_cast<double>(prometheus::approximate_bytes(out));
}
BENCHMARK(snapshot)->Arg(10'000)->Arg(100'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sonde

BENCHMARK_MAIN();
