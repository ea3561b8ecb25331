// SPDX-License-Identifier: Apache-2.0
// What one scrape costs: time, bytes on the wire, and what is held beside the snapshot while it is
// made. Not a test: run it by hand on a quiet core. docs/benchmarks/scrape.md has the figures.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <cmath>
#include <string>
#include <vector>

#include "exporters/prometheus/scrape_body.h"
#include "tests/support/histogram_point.h"

namespace sonde {
namespace {

using prometheus::Format;

// Request durations of so many label sets, labelled and filled as a service's are.
std::shared_ptr<const MetricSnapshot> snapshot(size_t label_sets) {
  auto out = std::make_shared<MetricSnapshot>();
  out->start_wall_ns = 1'700'000'000'000'000'000;
  MetricFamily& family = out->families.emplace_back();
  family.name = "http.server.request.duration";
  family.unit = "s";
  family.help = "From the first byte of the request to the last of the answer.";
  family.kind = MetricKind::kHistogram;
  family.bounds = std::make_shared<const std::vector<double>>(
      std::vector<double>{0, .005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10});
  for (size_t i = 0; i < label_sets; ++i) {
    const std::string service = "service-" + std::to_string(i / 100);
    std::vector<uint64_t> counts(16);
    std::vector<uint64_t> finer(20);
    for (size_t k = 0; k < finer.size(); ++k) {
      finer[k] = 1 + (i * 31 + k * 7) % 1000;
      counts[1 + k / 2] += finer[k];
    }
    MetricPoint& point =
        add_histogram_point(family,
                            {{"instance", "node-17.example.org:4711"},
                             {"job", "shop/" + service},
                             {"service_name", service},
                             {"service_namespace", "shop"},
                             {"http.request.method", "GET"},
                             {"http.response.status_code", "200"},
                             {"url.scheme", "http"},
                             {"http.route", "/api/v1/things/*/" + std::to_string(i)},
                             {"server.address", "10.11.12.13"},
                             {"server.port", "8080"}},
                            counts, 0.125 * static_cast<double>(i));
    add_exponential(family, point, 3, -60, finer);
  }
  return out;
}

void scrape(benchmark::State& state, Format format, bool zipped) {
  const auto source = snapshot(static_cast<size_t>(state.range(0)));
  size_t bytes = 0;
  size_t held = 0;
  for (auto _ : state) {
    const size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    prometheus::ScrapeBody body(make_encoder(source, format), zipped);
    bytes = 0;
    std::string part;
    BodyStream::Next next = BodyStream::Next::kMore;
    while (next == BodyStream::Next::kMore) {
      part.clear();
      next = body.next(part);
      bytes += part.size();
      const size_t now = mallinfo2().uordblks + mallinfo2().hblkhd;
      held = std::max(held, now > before ? now - before : 0);
    }
  }
  state.counters["bytes"] = static_cast<double>(bytes);
  state.counters["held"] = static_cast<double>(held);
}

// 18 series a label set: 5,556 are 100,000 series as Prometheus counts them.
void sizes(benchmark::internal::Benchmark* bench) {
  bench->Arg(5'556)->Arg(100'000)->Unit(benchmark::kMillisecond);
}

BENCHMARK_CAPTURE(scrape, text, Format::kText, false)->Apply(sizes);
BENCHMARK_CAPTURE(scrape, text_gzip, Format::kText, true)->Apply(sizes);
BENCHMARK_CAPTURE(scrape, openmetrics, Format::kOpenMetrics, false)->Apply(sizes);
BENCHMARK_CAPTURE(scrape, openmetrics_gzip, Format::kOpenMetrics, true)->Apply(sizes);
BENCHMARK_CAPTURE(scrape, protobuf, Format::kProtobuf, false)->Apply(sizes);
BENCHMARK_CAPTURE(scrape, protobuf_gzip, Format::kProtobuf, true)->Apply(sizes);

}  // namespace
}  // namespace sonde

BENCHMARK_MAIN();
