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
#include "tests/support/histogram_point.h"

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
  add_histogram_point(duration, {{"http.route", "/users/*"}}, {0, 2, 1, 0, 4}, 70.25);
  add_histogram_point(duration, {}, {1, 0, 0, 0, 0}, 0);
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

TEST(PrometheusEncode, Text) {
  EXPECT_EQ(encode(sample(), Format::kText),
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
  EXPECT_EQ(encode(sample(), Format::kOpenMetrics),
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
  EXPECT_EQ(encode({}, Format::kText), "");
  EXPECT_EQ(encode({}, Format::kOpenMetrics), "# EOF\n");
}

TEST(PrometheusEncode, NamesThatAreSpeltAlikeAreOneLabel) {
  MetricSnapshot snapshot;
  snapshot.families.push_back(family("x", "", MetricKind::kGauge, ""));
  snapshot.families[0].points.push_back(
      {labels({{"a.b", "1"}, {"c", "2"}, {"a_b", "3"}, {"a-b", "4"}}), std::nan("")});
  EXPECT_EQ(encode(snapshot, Format::kText), "# TYPE x gauge\nx{a_b=\"1;3;4\",c=\"2\"} NaN\n");
}

// A byte that is no text would cost the whole scrape; what a format escapes comes back as it was.
TEST(PrometheusEncode, AnyBytesInALabel) {
  MetricSnapshot snapshot;
  snapshot.families.push_back(family("x", "", MetricKind::kGauge, "a\xFF\\b"));
  const auto value_of = [&](std::string value) {
    snapshot.families[0].points.clear();
    snapshot.families[0].points.push_back({labels({{"v", std::move(value)}}), uint64_t{1}});
    const std::string text = encode(snapshot, Format::kText);
    const size_t from = text.find("v=\"") + 3;
    return text.substr(from, text.rfind('"') - from);
  };
  EXPECT_EQ(value_of("\u00e9\u20ac\U0001F600"), "\u00e9\u20ac\U0001F600");
  EXPECT_EQ(value_of("tab\tcr\rbell\a"), "tab\tcr\rbell\a");
  EXPECT_EQ(value_of("\\n\n\"\\"), R"(\\n\n\"\\)");
  EXPECT_EQ(value_of(std::string("a\0b", 3)), "a\uFFFDb");
  for (const std::string bad : {"\xFF", "\xC3", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                                "\xE2\x82", "\xF0\x9F\x98", "\x80", "\xE0\x80\x80"}) {
    const std::string got = value_of("a" + bad + "z");
    EXPECT_TRUE(got.starts_with("a\uFFFD") && got.ends_with("\uFFFDz")) << got;
    EXPECT_EQ(got.find(bad), std::string::npos);
  }
  EXPECT_NE(encode(snapshot, Format::kText).find("# HELP x a\uFFFD\\\\b\n"), std::string::npos);
}

TEST(PrometheusEncode, CreatedSamplesWhenAskedFor) {
  MetricSnapshot snapshot;
  snapshot.start_wall_ns = 1'700'000'000'042'999'999;
  snapshot.families.push_back(family("c", "", MetricKind::kCounter, ""));
  snapshot.families[0].points.push_back({labels({{"a", "1"}}), uint64_t{7}});
  snapshot.families[0].points.push_back({labels({}), uint64_t{8}, 1'800'000'000'500'000'000});
  snapshot.families.push_back(family("g", "", MetricKind::kGauge, ""));
  snapshot.families[1].points.push_back({labels({}), uint64_t{9}});
  EXPECT_EQ(encode(snapshot, Format::kOpenMetrics, {.created_samples = true}),
            "# TYPE c counter\nc_total{a=\"1\"} 7\nc_created{a=\"1\"} 1700000000.042\n"
            "c_total 8\nc_created 1800000000.500\n# TYPE g gauge\ng 9\n# EOF\n");
  EXPECT_EQ(encode(snapshot, Format::kOpenMetrics).find("_created"), std::string::npos);
  EXPECT_EQ(encode(snapshot, Format::kText, {.created_samples = true}).find("_created"),
            std::string::npos);
}

TEST(PrometheusEncode, ExemplarsInOpenMetricsOnly) {
  MetricSnapshot snapshot;
  snapshot.families.push_back(family("h", "", MetricKind::kHistogram, ""));
  snapshot.families[0].bounds = std::make_shared<const std::vector<double>>(std::vector<double>{1});
  MetricPoint& point = add_histogram_point(snapshot.families[0], {}, {1, 1}, 9);
  auto& exemplars = std::get<HistogramValue>(point.value).exemplars;
  exemplars.push_back({.value = 8, .wall_ns = 0, .trace_id = "fff", .span_id = "0"});
  exemplars.push_back(
      {.value = 1, .wall_ns = 1'700'000'000'000'000'000, .trace_id = "abc", .span_id = "de"});
  EXPECT_EQ(encode(snapshot, Format::kOpenMetrics),
            "# TYPE h histogram\n"
            "h_bucket{le=\"1.0\"} 1 # {trace_id=\"abc\",span_id=\"de\"} 1 1700000000.000\n"
            "h_bucket{le=\"+Inf\"} 2 # {trace_id=\"fff\",span_id=\"0\"} 8\n"
            "h_sum 9\nh_count 2\n# EOF\n");
  EXPECT_EQ(encode(snapshot, Format::kText).find("trace_id"), std::string::npos);
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
        print(f.name, f.type, f.unit, s.name, sorted(s.labels.items()), float(s.value), s.exemplar and s.exemplar.value)
')";
  // With all that the format can say.
  MetricSnapshot full = sample();
  full.start_wall_ns = 1'700'000'000'000'000'000;
  auto& exemplars = std::get<HistogramValue>(full.families[1].points[0].value).exemplars;
  exemplars.push_back({.value = 0.003,
                       .wall_ns = 1'700'000'001'000'000'000,
                       .trace_id = std::string(32, 'a'),
                       .span_id = std::string(16, 'b')});
  const auto [status, said] =
      judge(script, encode(full, Format::kOpenMetrics, {.created_samples = true}));
  EXPECT_EQ(status, 0) << said;
  EXPECT_NE(
      said.find(R"(target info  target_info [('job', 'a\\b"c\nd'), ('os_type', 'linux')] 1.0)"),
      std::string::npos)
      << said;
  EXPECT_NE(said.find("http_server_request_duration_seconds histogram seconds "
                      "http_server_request_duration_seconds_bucket [('http_route', '/users/*'), "
                      "('le', '0.005')] 2.0 0.003"),
            std::string::npos)
      << said;
  EXPECT_NE(judge(script, "x 1\n").first, 0) << "the parser must be one that can say no";
}

TEST(PrometheusEncode, PromtoolHasNothingToSay) {
  if (judge("promtool --version", "").first != 0) {
    GTEST_SKIP() << "promtool is not installed";
  }
  const auto [status, said] = judge("promtool check metrics", encode(sample(), Format::kText));
  EXPECT_EQ(status, 0) << said;
  EXPECT_NE(judge("promtool check metrics", "x{ 1\n").first, 0);
}

}  // namespace
}  // namespace sonde::prometheus
