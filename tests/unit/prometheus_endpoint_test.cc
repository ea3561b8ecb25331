// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>

#include "exporters/gzip.h"
#include "exporters/prometheus/endpoint.h"
#include "exporters/prometheus/negotiate.h"
#include "userspace/base/clock.h"

namespace sonde::prometheus {
namespace {

constexpr auto kText = Format::kText;
constexpr auto kOpenMetrics = Format::kOpenMetrics;
constexpr auto kProtobuf = Format::kProtobuf;

// As Prometheus 3.5 and 2.42 send them.
constexpr std::string_view kPrometheus35 =
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;"
    "q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/"
    "openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
    "text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
constexpr std::string_view kPrometheus242Native =
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,"
    "application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;"
    "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
constexpr std::string_view kPrometheus35Text =
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/"
    "openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
    "text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
constexpr std::string_view kPrometheus242 =
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

TEST(Negotiate, Formats) {
  for (const auto& [accept, want] : {
           std::pair<std::string_view, Format>{kPrometheus35, kProtobuf},
           {kPrometheus242Native, kProtobuf},
           {kPrometheus35Text, kOpenMetrics},
           {kPrometheus242, kOpenMetrics},
           {"application/vnd.google.protobuf", kText},
           {"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily", kText},
           {"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text",
            kText},
           {"application/vnd.google.protobuf;proto=some.Other;encoding=delimited", kText},
           {"APPLICATION/vnd.google.protobuf; Encoding=Delimited; "
            "proto=\"io.prometheus.client.MetricFamily\"; q=0.3,text/plain;q=0.2",
            kProtobuf},
           {"text/plain;version=1.0.0;escaping=underscores", kText},
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
    EXPECT_EQ(negotiate_format(accept).format, want) << accept;
  }
}

// Names are spelt one way; who asks for a scheme is told which.
TEST(Negotiate, Escaping) {
  for (const auto& [accept, tell] : {
           std::pair<std::string_view, bool>{kPrometheus35, false},  // that is not protobuf's
           {kPrometheus35Text, true},
           {kPrometheus242, false},
           {"text/plain;version=1.0.0;escaping=dots", true},
           {"text/plain;version=1.0.0;escaping=values;q=0.1,text/plain;q=0.2", false},
       }) {
    EXPECT_EQ(negotiate_format(accept).tell_escaping, tell) << accept;
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
    for (const size_t part : {size_t{1} << 30, size_t{70'000}}) {
      GzipStream stream;
      std::string zipped;
      for (size_t at = 0; at < text.size(); at += part) {
        ASSERT_TRUE(stream.add(std::string_view(text).substr(at, part), false, zipped));
      }
      ASSERT_TRUE(stream.add("", true, zipped));
      EXPECT_EQ(unzipped(zipped, size), text);
    }
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

// The whole of a body that is made as it goes.
std::string read(const HttpResponse& response) {
  std::string out;
  while (response.stream->next(out) == BodyStream::Next::kMore) {
  }
  return out;
}

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
  EXPECT_EQ(read(plain), "# TYPE collected gauge\ncollected 1\n");

  const HttpResponse zipped = route.handler(
      request({{"ACCEPT", kPrometheus35Text}, {"Accept-Encoding", "gzip"}}, monotonic_ns()));
  EXPECT_EQ(zipped.content_type,
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores");
  EXPECT_NE(std::ranges::find(zipped.headers,
                              std::pair<std::string, std::string>("Content-Encoding", "gzip")),
            zipped.headers.end());
  EXPECT_EQ(unzipped(read(zipped), 1000), "# TYPE collected gauge\ncollected 2\n# EOF\n");
}

TEST(Endpoint, OnlyScrapesThatCameTogetherShare) {
  FakeSource source;
  Endpoint endpoint(source);
  const uint64_t together = monotonic_ns();
  const HttpResponse first = endpoint.answer(request({}, together));
  const HttpResponse second = endpoint.answer(request({{"Accept-Encoding", "gzip"}}, together));
  EXPECT_EQ(source.collected, 1u);
  EXPECT_EQ(read(first), unzipped(read(second), 1000));

  const HttpResponse later = endpoint.answer(request({}, monotonic_ns() + 1));
  EXPECT_EQ(read(later), "# TYPE collected gauge\ncollected 2\n");
  EXPECT_EQ(source.collected, 2u);
}

TEST(Endpoint, WhatSlowScrapesHoldIsBounded) {
  FakeSource source;
  Endpoint endpoint(source, {.encode = {}, .max_held_bytes = 1});
  HttpResponse slow = endpoint.answer(request({}, monotonic_ns()));
  EXPECT_EQ(slow.status, 200);
  EXPECT_EQ(endpoint.answer(request({}, monotonic_ns() + 1)).status, 503);
  EXPECT_EQ(source.collected, 1u) << "not even collected";
  slow = {};
  EXPECT_EQ(endpoint.answer(request({}, monotonic_ns() + 1)).status, 200);
}

// A long scrape comes in parts of a bounded size, in every format, and is the same as in one piece.
TEST(Endpoint, AScrapeIsNeverWholeInMemory) {
  class Large : public MetricSource {
   public:
    std::shared_ptr<const MetricSnapshot> collect() override {
      auto snapshot = std::make_shared<MetricSnapshot>();
      MetricFamily& family = snapshot->families.emplace_back();
      family.name = "large";
      for (uint64_t i = 0; i < 20'000; ++i) {
        auto labels = std::make_shared<const Labels>(Labels{{"number", std::to_string(i)}});
        family.points.push_back({std::move(labels), i});
      }
      return snapshot;
    }
  } source;
  for (const std::string_view accept :
       {std::string_view("text/plain"), kPrometheus242, kPrometheus35}) {
    Endpoint endpoint(source);
    const HttpResponse response = endpoint.answer(request({{"Accept", accept}}, monotonic_ns()));
    std::string whole;
    size_t parts = 0;
    for (auto next = BodyStream::Next::kMore; next == BodyStream::Next::kMore; ++parts) {
      std::string part;
      next = response.stream->next(part);
      EXPECT_LT(part.size(), 80'000u);
      whole += part;
    }
    EXPECT_GT(parts, 5u);
    EXPECT_EQ(whole, encode(*source.collect(), negotiate_format(accept).format));
  }
}

TEST(Endpoint, NothingToSayYet) {
  FakeSource source;
  source.ready = false;
  Endpoint endpoint(source);
  EXPECT_EQ(endpoint.answer(request({}, monotonic_ns())).status, 503);
}

}  // namespace
}  // namespace sonde::prometheus
