// SPDX-License-Identifier: Apache-2.0
// What one exchange costs the aggregation. Not a test: run it by hand on a quiet core.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "userspace/pipeline/red.h"

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
                         .route_attribute = 3};

Request request(std::string_view path) {
  Request r;
  r.schema = &kSchema;
  r.role = Role::kServer;
  r.start_ns = 1'000;
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
  for (auto _ : state) {
    std::vector<MetricFamily> out;
    red.snapshot(out);
    benchmark::DoNotOptimize(out);
  }
}
BENCHMARK(snapshot)->Arg(10'000)->Arg(100'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sonde

BENCHMARK_MAIN();
