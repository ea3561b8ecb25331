// SPDX-License-Identifier: Apache-2.0
// Serves metrics that are known to the last digit, in all that the exposition can say: native
// histograms, exemplars, creation times. tests/e2e/exposition_e2e.py lets Prometheus read them; its
// EXPECTED are these.
//
// usage: exposition_server PORT SERIES    SERIES: of one more family, beside the fixed ones
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <string>

#include "exporters/prometheus/endpoint.h"
#include "exporters/web/server.h"
#include "tests/support/histogram_point.h"
#include "userspace/base/clock.h"

namespace sonde {
namespace {

constexpr int kSchema = 3;
constexpr uint64_t kTimes = 30;  // each value

// 1 ms and up, each 7 % above the one before.
std::vector<double> values() {
  std::vector<double> out;
  for (double value = 0.001; out.size() < 100; value *= 1.07) {
    out.push_back(value);
  }
  return out;
}

MetricFamily duration(uint64_t now) {
  MetricFamily family;
  family.name = "known.duration";
  family.unit = "s";
  family.help = "Known \"values\".";
  family.kind = MetricKind::kHistogram;
  family.bounds = std::make_shared<const std::vector<double>>(
      std::vector<double>{0, .005, .01, .025, .05, .075, .1, .25, .5, .75, 1});
  std::vector<uint64_t> counts(family.bounds->size() + 1);
  double sum = 0;
  constexpr int32_t kOffset = -90;
  std::vector<uint64_t> finer(100);
  std::vector<Exemplar> exemplars;
  for (const double value : values()) {
    size_t bucket = 0;
    while (bucket < family.bounds->size() && value > (*family.bounds)[bucket]) {
      ++bucket;
    }
    if (counts[bucket] == 0) {
      exemplars.push_back({.value = value,
                           .wall_ns = now,
                           .trace_id = std::string(31, '0') + std::to_string(bucket % 10),
                           .span_id = "00000000000000ab"});
    }
    counts[bucket] += kTimes;
    sum += static_cast<double>(kTimes) * value;
    const double index = std::ceil(std::log2(value) * (1 << kSchema));
    finer[static_cast<size_t>(static_cast<int32_t>(index) - kOffset)] += kTimes;
  }
  MetricPoint& point =
      add_histogram_point(family, {{"http.route", "/a\"b\\c\n\xC3\xA9"}}, counts, sum);
  std::get<HistogramValue>(point.value).exemplars = std::move(exemplars);
  add_exponential(family, point, kSchema, kOffset, finer);
  return family;
}

MetricFamily scalar(std::string name, MetricKind kind, double value, Labels labels) {
  MetricFamily family;
  family.name = std::move(name);
  family.help = "One known value.";
  family.kind = kind;
  family.points.push_back({std::make_shared<const Labels>(std::move(labels)), value});
  return family;
}

class KnownSource : public MetricSource {
 public:
  explicit KnownSource(size_t series) {
    const uint64_t now = wall_ns();
    auto made = std::make_shared<MetricSnapshot>();
    made->start_wall_ns = now;
    made->families.push_back(duration(now));
    made->families.push_back(scalar("known.events", MetricKind::kCounter, 3000, {}));
    made->families.push_back(scalar("known.level", MetricKind::kGauge, -2.5, {}));
    made->families.push_back(scalar("target", MetricKind::kInfo, 1, {{"os.type", "linux"}}));
    MetricFamily many = scalar("many", MetricKind::kGauge, 0, {});
    many.points.clear();
    for (size_t i = 0; i < series; ++i) {
      many.points.push_back(
          {std::make_shared<const Labels>(Labels{{"number", std::to_string(i)}}), uint64_t{i}});
    }
    made->families.push_back(std::move(many));
    snapshot_ = std::move(made);
  }
  std::shared_ptr<const MetricSnapshot> collect() override { return snapshot_; }

 private:
  std::shared_ptr<const MetricSnapshot> snapshot_;
};

int run(const std::string& port, size_t series) {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  KnownSource source(series);
  const auto server =
      web::WebServer::start({.address = "127.0.0.1:" + port, .guard = {}, .limits = {}},
                            {prometheus::metrics_route(source)});
  if (!server) {
    return EXIT_FAILURE;
  }
  int signal = 0;
  sigwait(&ends, &signal);
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace sonde

int main(int count, char** words) {
  return count == 3 ? sonde::run(words[1], std::strtoul(words[2], nullptr, 10)) : EXIT_FAILURE;
}
