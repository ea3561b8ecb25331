// SPDX-License-Identifier: Apache-2.0
// The exposition, byte for byte; and what other people's parsers say of it.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <limits>

#include "exporters/prometheus/encode.h"
#include "exporters/prometheus/names.h"

namespace sonde::prometheus {
namespace {

std::shared_ptr<const Labels> labels(Labels all) {
  return std::make_shared<const Labels>(std::move(all));
}

MetricFamily family(std::string name, std::string unit, MetricKind kind,
                    std::string help = "Help.") {
  return {.name = std::move(name),
          .unit = std::move(unit),
          .help = std::move(help),
          .kind = kind,
          .bounds = nullptr,
          .points = {}};
}

MetricSnapshot sample() {
  MetricSnapshot snapshot;
  MetricFamily target = family("target", "", MetricKind::kInfo);
  target.points.push_back({labels({{"job", "a\\b\"c\nd"}, {"os.type", "linux"}}), uint64_t{1}});
  snapshot.families.push_back(target);

  MetricFamily duration = family("http.server.request.duration", "s", MetricKind::kHistogram,
                                 "How \"long\"\nit\\took.");
  duration.bounds =
      std::make_shared<const std::vector<double>>(std::vector<double>{0, 0.005, 1, 10});
  duration.points.push_back({labels({{"http.route", "/users/*"}}),
                             HistogramValue{.counts = {0, 2, 1, 0, 4}, .sum = 70.25, .count = 7}});
  duration.points.push_back(
      {labels({}), HistogramValue{.counts = {1, 0, 0, 0, 0}, .sum = 0, .count = 1}});
  snapshot.families.push_back(duration);

  MetricFamily lost = family("sonde.lost", "", MetricKind::kCounter);
  lost.points.push_back({labels({{"stage", "ring"}}), std::numeric_limits<uint64_t>::max()});
  snapshot.families.push_back(lost);

  MetricFamily use = family("process.cpu.utilization", "1", MetricKind::kGauge);
  use.points.push_back({labels({}), 0.5});
  snapshot.families.push_back(use);

  snapshot.families.push_back(family("nothing.to.say", "s", MetricKind::kGauge));
  return snapshot;
}

std::string encoded(const MetricSnapshot& snapshot, Format format) {
  std::string out;
  encode_text(snapshot, format, out);
  return out;
}

TEST(PrometheusEncode, Text) {
  EXPECT_EQ(encoded(sample(), Format::kText),
            R"(# TYPE target_info gauge
# HELP target_info Help.
target_info{job="a\\b\"c\nd",os_type="linux"} 1
# TYPE http_server_request_duration_seconds histogram
# HELP http_server_request_duration_seconds How "long"\nit\\took.
http_server_request_duration_seconds_bucket{http_route="/users/*",le="0"} 0
http_server_request_duration_seconds_bucket{http_route="/users/*",le="0.005"} 2
http_server_request_duration_seconds_bucket{http_route="/users/*",le="1"} 3
http_server_request_duration_seconds_bucket{http_route="/users/*",le="10"} 3
http_server_request_duration_seconds_bucket{http_route="/users/*",le="+Inf"} 7
http_server_request_duration_seconds_sum{http_route="/users/*"} 70.25
http_server_request_duration_seconds_count{http_route="/users/*"} 7
http_server_request_duration_seconds_bucket{le="0"} 1
http_server_request_duration_seconds_bucket{le="0.005"} 1
http_server_request_duration_seconds_bucket{le="1"} 1
http_server_request_duration_seconds_bucket{le="10"} 1
http_server_request_duration_seconds_bucket{le="+Inf"} 1
http_server_request_duration_seconds_sum 0
http_server_request_duration_seconds_count 1
# TYPE sonde_lost_total counter
# HELP sonde_lost_total Help.
sonde_lost_total{stage="ring"} 18446744073709551615
# TYPE process_cpu_utilization_ratio gauge
# HELP process_cpu_utilization_ratio Help.
process_cpu_utilization_ratio 0.5
)");
}

TEST(PrometheusEncode, OpenMetrics) {
  EXPECT_EQ(encoded(sample(), Format::kOpenMetrics),
            R"(# TYPE target info
# HELP target Help.
target_info{job="a\\b\"c\nd",os_type="linux"} 1
# TYPE http_server_request_duration_seconds histogram
# UNIT http_server_request_duration_seconds seconds
# HELP http_server_request_duration_seconds How \"long\"\nit\\took.
http_server_request_duration_seconds_bucket{http_route="/users/*",le="0.0"} 0
http_server_request_duration_seconds_bucket{http_route="/users/*",le="0.005"} 2
http_server_request_duration_seconds_bucket{http_route="/users/*",le="1.0"} 3
http_server_request_duration_seconds_bucket{http_route="/users/*",le="10.0"} 3
http_server_request_duration_seconds_bucket{http_route="/users/*",le="+Inf"} 7
http_server_request_duration_seconds_sum{http_route="/users/*"} 70.25
http_server_request_duration_seconds_count{http_route="/users/*"} 7
http_server_request_duration_seconds_bucket{le="0.0"} 1
http_server_request_duration_seconds_bucket{le="0.005"} 1
http_server_request_duration_seconds_bucket{le="1.0"} 1
http_server_request_duration_seconds_bucket{le="10.0"} 1
http_server_request_duration_seconds_bucket{le="+Inf"} 1
http_server_request_duration_seconds_sum 0
http_server_request_duration_seconds_count 1
# TYPE sonde_lost counter
# HELP sonde_lost Help.
sonde_lost_total{stage="ring"} 18446744073709551615
# TYPE process_cpu_utilization_ratio gauge
# UNIT process_cpu_utilization_ratio ratio
# HELP process_cpu_utilization_ratio Help.
process_cpu_utilization_ratio 0.5
# EOF
)");
}

TEST(PrometheusEncode, EmptySnapshot) {
  EXPECT_EQ(encoded({}, Format::kText), "");
  EXPECT_EQ(encoded({}, Format::kOpenMetrics), "# EOF\n");
}

TEST(PrometheusEncode, NamesThatAreSpeltAlikeAreOneLabel) {
  MetricSnapshot snapshot;
  snapshot.families.push_back(family("x", "", MetricKind::kGauge, ""));
  snapshot.families[0].points.push_back(
      {labels({{"a.b", "1"}, {"c", "2"}, {"a_b", "3"}, {"a-b", "4"}}), std::nan("")});
  EXPECT_EQ(encoded(snapshot, Format::kText), "# TYPE x gauge\nx{a_b=\"1;3;4\",c=\"2\"} NaN\n");
}

// The reference translator's own output for these names (OpenTelemetry to Prometheus).
TEST(PrometheusNames, AsTheReferenceSpellsThem) {
  struct Row {
    const char* name;
    const char* unit;
    MetricKind kind;
    const char* want;
  };
  constexpr auto kC = MetricKind::kCounter;
  constexpr auto kG = MetricKind::kGauge;
  constexpr auto kH = MetricKind::kHistogram;
  for (const Row& row : {
           Row{"http.server.request.duration", "s", kH, "http_server_request_duration_seconds"},
           Row{"http.server.active_requests", "{request}", kG, "http_server_active_requests"},
           Row{"http.server.request.body.size", "By", kH, "http_server_request_body_size_bytes"},
           Row{"rpc.server.call.duration", "s", kH, "rpc_server_call_duration_seconds"},
           Row{"db.client.operation.duration", "s", kH, "db_client_operation_duration_seconds"},
           Row{"messaging.client.sent.messages", "{message}", kC, "messaging_client_sent_messages"},
           Row{"process.cpu.time", "s", kC, "process_cpu_time_seconds"},
           Row{"process.cpu.utilization", "1", kG, "process_cpu_utilization_ratio"},
           Row{"process.memory.usage", "By", kG, "process_memory_usage_bytes"},
           Row{"container.cpu.usage", "{cpu}", kG, "container_cpu_usage"},
           Row{"dns.lookup.duration", "s", kH, "dns_lookup_duration_seconds"},
           Row{"some.rate", "By/s", kG, "some_rate_bytes_per_second"},
           Row{"already_seconds", "s", kG, "already_seconds"},
           Row{"already.total", "", kC, "already"},
           Row{"bytes.total", "By", kC, "bytes_bytes"},
           Row{"gpu.kernel.size", "1", kH, "gpu_kernel_size"},
           Row{"9lives..per-cat", "", kG, "_9lives_per_cat"},
           Row{"target.info", "", MetricKind::kInfo, "target"},
       }) {
    EXPECT_EQ(family_name(row.name, row.unit, row.kind).base, row.want) << row.name;
  }
  for (const auto& [name, want] :
       {std::pair{"http.route", "http_route"}, std::pair{"a..b", "a_b"}, std::pair{"a-b", "a_b"},
        std::pair{"1a", "key_1a"}, std::pair{"", "key_"}}) {
    std::string out;
    append_label_name(name, out);
    EXPECT_EQ(out, want);
  }
}

// Runs a command with the exposition as its input; what it exits with and prints.
std::pair<int, std::string> judge(const std::string& command, const std::string& text) {
  char path[] = "/tmp/sonde-exposition-XXXXXX";
  const int fd = ::mkstemp(path);
  ::close(fd);
  std::ofstream(path) << text;
  FILE* pipe = ::popen((command + " < " + path + " 2>&1").c_str(), "r");
  std::string said;
  char buffer[4096];
  while (const size_t got = ::fread(buffer, 1, sizeof(buffer), pipe)) {
    said.append(buffer, got);
  }
  const int status = ::pclose(pipe);
  ::unlink(path);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, said};
}

TEST(PrometheusEncode, AStrictParserReadsWhatWeMean) {
  const std::string python = "/usr/bin/python3 -c '";
  if (judge(python + "import prometheus_client.openmetrics.parser'", "").first != 0) {
    GTEST_SKIP() << "python3-prometheus-client is not installed";
  }
  const std::string script = python + R"(
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
for f in parse(sys.stdin.read()):
    for s in f.samples:
        print(f.name, f.type, f.unit, s.name, sorted(s.labels.items()), float(s.value))
')";
  const auto [status, said] = judge(script, encoded(sample(), Format::kOpenMetrics));
  EXPECT_EQ(status, 0) << said;
  EXPECT_NE(
      said.find(R"(target info  target_info [('job', 'a\\b"c\nd'), ('os_type', 'linux')] 1.0)"),
      std::string::npos)
      << said;
  EXPECT_NE(said.find("http_server_request_duration_seconds histogram seconds "
                      "http_server_request_duration_seconds_bucket [('http_route', '/users/*'), "
                      "('le', '0.005')] 2.0"),
            std::string::npos)
      << said;
  EXPECT_NE(judge(script, "x 1\n").first, 0) << "the parser must be one that can say no";
}

TEST(PrometheusEncode, PromtoolHasNothingToSay) {
  if (judge("promtool --version", "").first != 0) {
    GTEST_SKIP() << "promtool is not installed";
  }
  const auto [status, said] = judge("promtool check metrics", encoded(sample(), Format::kText));
  EXPECT_EQ(status, 0) << said;
  EXPECT_NE(judge("promtool check metrics", "x{ 1\n").first, 0);
}

}  // namespace
}  // namespace sonde::prometheus
