// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>

#include "exporters/prometheus/endpoint.h"
#include "exporters/prometheus/gzip.h"
#include "exporters/prometheus/negotiate.h"
#include "userspace/base/clock.h"

namespace sonde::prometheus {
namespace {

constexpr auto kText = Format::kText;
constexpr auto kOpenMetrics = Format::kOpenMetrics;

// As Prometheus 3.5 and 2.42 send them.
constexpr std::string_view kPrometheus35 =
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;"
    "q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/"
    "openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
    "text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
constexpr std::string_view kPrometheus242 =
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

TEST(Negotiate, Formats) {
  for (const auto& [accept, want] : {
           std::pair<std::string_view, Format>{kPrometheus35, kOpenMetrics},
           {kPrometheus242, kOpenMetrics},
           {"", kText},
           {"*/*", kText},
           {"text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", kText},
           {"text/plain", kText},
           {"text/plain;version=0.0.4;q=0.9,application/openmetrics-text;version=1.0.0;q=0.8",
            kText},
           {"application/openmetrics-text", kOpenMetrics},
           {"Application/OpenMetrics-Text ; Version=\"1.0.0\" ; Q=1", kOpenMetrics},
           {"application/openmetrics-text;version=2.0.0", kText},
           {"application/openmetrics-text;version=0.0.1", kText},
           {"application/openmetrics-text;q=0", kText},
           {"application/openmetrics-text;q=0.5,*/*;q=0.9", kText},
           {"application/openmetrics-text;q=0.5,text/plain;q=0.1,*/*;q=0.9", kOpenMetrics},
           {"application/openmetrics-text;q=nan", kText},
           {"application/openmetrics-text;q=7", kText},
           {";;;,,,=;q=", kText},
           {"application/json", kText},
       }) {
    EXPECT_EQ(negotiate_format(accept), want) << accept;
  }
}

TEST(Negotiate, Gzip) {
  for (const std::string_view yes : {"gzip", "deflate, gzip;q=0.1", "*", "GZIP", "x-gzip"}) {
    EXPECT_TRUE(accepts_gzip(yes)) << yes;
  }
  for (const std::string_view no :
       {"", "identity", "gzip;q=0", "*, gzip;q=0", "gzip;q=0.0", "br"}) {
    EXPECT_FALSE(accepts_gzip(no)) << no;
  }
}

std::string unzipped(std::string_view data, size_t size) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  std::string out(size + 1, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

TEST(Gzip, BothWays) {
  uint32_t noise = 1;
  for (const size_t size : {0, 1, 1000, 100'000, 3'000'000}) {
    std::string text;
    for (size_t i = 0; i < size; ++i) {
      noise = noise * 1664525 + 1013904223;
      text += static_cast<char>(noise >> 24);
    }
    const auto zipped = gzip(text);
    ASSERT_TRUE(zipped);
    EXPECT_EQ(unzipped(*zipped, size), text);
  }
}

class FakeSource : public MetricSource {
 public:
  std::shared_ptr<const MetricSnapshot> collect() override {
    ++collected;
    if (!ready) {
      return nullptr;
    }
    auto snapshot = std::make_shared<MetricSnapshot>();
    MetricFamily& family = snapshot->families.emplace_back();
    family.name = "collected";
    family.points.push_back({std::make_shared<const Labels>(), collected});
    return snapshot;
  }
  uint64_t collected = 0;
  bool ready = true;
};

HttpRequest request(std::vector<HttpHeader> headers, uint64_t received_ns) {
  return {
      .path = "/metrics", .query = "", .headers = std::move(headers), .received_ns = received_ns};
}

TEST(Endpoint, FormatAndCompressionAsAsked) {
  FakeSource source;
  const HttpRoute route = metrics_route(source);
  EXPECT_EQ(route.path, "/metrics");
  const HttpResponse plain = route.handler(request({}, monotonic_ns()));
  EXPECT_EQ(plain.status, 200);
  EXPECT_EQ(plain.content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(*plain.body, "# TYPE collected gauge\ncollected 1\n");

  const HttpResponse zipped = route.handler(
      request({{"ACCEPT", kPrometheus35}, {"Accept-Encoding", "gzip"}}, monotonic_ns()));
  EXPECT_EQ(zipped.content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
  EXPECT_NE(std::ranges::find(zipped.headers,
                              std::pair<std::string, std::string>("Content-Encoding", "gzip")),
            zipped.headers.end());
  EXPECT_EQ(unzipped(*zipped.body, 1000), "# TYPE collected gauge\ncollected 2\n# EOF\n");
}

TEST(Endpoint, OnlyScrapesThatCameTogetherShare) {
  FakeSource source;
  Endpoint endpoint(source);
  const uint64_t together = monotonic_ns();
  const HttpResponse first = endpoint.answer(request({}, together));
  const HttpResponse second = endpoint.answer(request({}, together));
  EXPECT_EQ(first.body, second.body);
  EXPECT_EQ(source.collected, 1u);

  const HttpResponse later = endpoint.answer(request({}, monotonic_ns() + 1));
  EXPECT_NE(first.body, later.body);
  EXPECT_EQ(source.collected, 2u);
}

TEST(Endpoint, NothingToSayYet) {
  FakeSource source;
  source.ready = false;
  Endpoint endpoint(source);
  EXPECT_EQ(endpoint.answer(request({}, monotonic_ns())).status, 503);
}

}  // namespace
}  // namespace sonde::prometheus
