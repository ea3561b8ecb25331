// SPDX-License-Identifier: Apache-2.0
// The protobuf exposition, read back. tests/e2e lets Prometheus itself read it.
#include <gmock/gmock.h>
#include <google/protobuf/io/coded_stream.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "exporters/prometheus/encode.h"
#include "exporters/prometheus/metrics.pb.h"
#include "tests/support/histogram_point.h"

namespace sonde::prometheus {
namespace {

using testing::ElementsAre;

constexpr uint64_t kStart = 1'700'000'000'123'456'789;

MetricFamily family(std::string name, std::string unit, MetricKind kind) {
  return {.name = std::move(name),
          .unit = std::move(unit),
          .help = "Help.",
          .kind = kind,
          .bounds = nullptr,
          .points = {}};
}

std::vector<wire::MetricFamily> decoded(const std::string& text) {
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(text.data()),
                                            static_cast<int>(text.size()));
  std::vector<wire::MetricFamily> out;
  uint32_t size = 0;
  while (in.ReadVarint32(&size)) {
    const auto limit = in.PushLimit(static_cast<int>(size));
    EXPECT_TRUE(out.emplace_back().ParseFromCodedStream(&in));
    EXPECT_EQ(in.BytesUntilLimit(), 0);
    in.PopLimit(limit);
  }
  EXPECT_EQ(static_cast<size_t>(in.CurrentPosition()), text.size());
  return out;
}

std::vector<wire::MetricFamily> told(std::vector<MetricFamily> families) {
  MetricSnapshot snapshot;
  snapshot.start_wall_ns = kStart;
  snapshot.families = std::move(families);
  return decoded(encode(std::move(snapshot), Format::kProtobuf));
}

wire::Histogram only_histogram(MetricFamily family) {
  return told({std::move(family)}).at(0).metric(0).histogram();
}

uint64_t nanos(const wire::Timestamp& time) {
  return static_cast<uint64_t>(time.seconds()) * 1'000'000'000 +
         static_cast<uint64_t>(time.nanos());
}

// The native buckets by their index, as a reader unrolls spans and deltas.
std::map<int, int64_t> native(const wire::Histogram& histogram) {
  std::map<int, int64_t> out;
  int index = 0;
  int delta = 0;
  int64_t count = 0;
  for (const wire::BucketSpan& span : histogram.positive_span()) {
    index += span.offset();
    for (uint32_t i = 0; i < span.length(); ++i) {
      count += histogram.positive_delta(delta++);
      out[index++] = count;
    }
  }
  EXPECT_EQ(delta, histogram.positive_delta_size());
  return out;
}

TEST(PrometheusProtobuf, EachKind) {
  std::vector<MetricFamily> all;
  all.push_back(family("target", "", MetricKind::kInfo));
  all[0].points.push_back(
      {std::make_shared<const Labels>(Labels{{"job", "a\"\n\\b"}, {"os.type", "linux"}}),
       uint64_t{1}});
  all.push_back(family("empty", "", MetricKind::kGauge));
  all.push_back(family("sonde.time", "s", MetricKind::kCounter));
  all[2].points.push_back({std::make_shared<const Labels>(), uint64_t{7}});
  all[2].points.push_back({std::make_shared<const Labels>(), 2.5, kStart + 5});
  all.push_back(family("use", "1", MetricKind::kGauge));
  all[3].points.push_back({std::make_shared<const Labels>(), std::nan("")});

  const auto families = told(all);
  ASSERT_EQ(families.size(), 3u) << "those without points are left out";
  EXPECT_EQ(families[0].name(), "target_info");
  EXPECT_EQ(families[0].type(), wire::GAUGE);
  EXPECT_EQ(families[0].help(), "Help.");
  EXPECT_EQ(families[0].metric(0).gauge().value(), 1);
  ASSERT_EQ(families[0].metric(0).label_size(), 2);
  EXPECT_EQ(families[0].metric(0).label(0).value(), "a\"\n\\b") << "nothing is escaped";
  EXPECT_EQ(families[0].metric(0).label(1).name(), "os_type");

  EXPECT_EQ(families[1].name(), "sonde_time_seconds_total");
  EXPECT_EQ(families[1].type(), wire::COUNTER);
  EXPECT_EQ(families[1].unit(), "seconds");
  ASSERT_EQ(families[1].metric_size(), 2);
  EXPECT_EQ(families[1].metric(0).counter().value(), 7);
  EXPECT_EQ(nanos(families[1].metric(0).counter().created()), kStart);
  EXPECT_EQ(nanos(families[1].metric(1).counter().created()), kStart + 5) << "its own";

  EXPECT_TRUE(std::isnan(families[2].metric(0).gauge().value()));
}

TEST(PrometheusProtobuf, ClassicAndNativeSideBySide) {
  MetricFamily duration = family("d", "s", MetricKind::kHistogram);
  duration.bounds = std::make_shared<const std::vector<double>>(std::vector<double>{0, 1, 4});
  MetricPoint& point = add_histogram_point(duration, {}, {1, 4, 3, 9}, 70.25);
  // Indexes -2 .. 12; a gap of two is filled, one of three is jumped over.
  add_exponential(duration, point, 0, -2, {1, 3, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 0, 0, 5, 0}, 1);

  const wire::Histogram histogram = only_histogram(duration);
  EXPECT_EQ(histogram.sample_count(), 17u);
  EXPECT_EQ(histogram.sample_sum(), 70.25);
  ASSERT_EQ(histogram.bucket_size(), 3) << "the last is the count";
  EXPECT_EQ(histogram.bucket(1).upper_bound(), 1);
  EXPECT_EQ(histogram.bucket(1).cumulative_count(), 5u);
  EXPECT_EQ(nanos(histogram.created()), kStart);

  EXPECT_EQ(histogram.schema(), 0);
  EXPECT_EQ(histogram.zero_count(), 1u);
  EXPECT_THAT(native(histogram),
              ElementsAre(std::pair(-2, 1), std::pair(-1, 3), std::pair(0, 0), std::pair(1, 0),
                          std::pair(2, 2), std::pair(6, 5), std::pair(12, 5)));
  ASSERT_EQ(histogram.positive_span_size(), 3);
}

TEST(PrometheusProtobuf, AnEmptyNativeHistogramIsOneStill) {
  MetricFamily duration = family("d", "s", MetricKind::kHistogram);
  MetricPoint& point = add_histogram_point(duration, {}, {0}, 0);
  add_exponential(duration, point, 3, 5, {0, 0});
  const wire::Histogram histogram = only_histogram(duration);
  EXPECT_TRUE(histogram.has_schema());
  ASSERT_EQ(histogram.positive_span_size(), 1);
  EXPECT_EQ(histogram.positive_span(0).length(), 0u);
}

// Prometheus refuses the whole scrape if a native histogram's parts are not its count.
TEST(PrometheusProtobuf, BucketsThatContradictTheCountAreLeftOut) {
  MetricFamily duration = family("d", "s", MetricKind::kHistogram);
  MetricPoint& point = add_histogram_point(duration, {}, {5}, 1);
  add_exponential(duration, point, 3, 5, {1, 3});
  const wire::Histogram histogram = only_histogram(duration);
  EXPECT_EQ(histogram.sample_count(), 5u);
  EXPECT_FALSE(histogram.has_schema());
  EXPECT_EQ(histogram.positive_span_size(), 0);
}

TEST(PrometheusProtobuf, Exemplars) {
  MetricFamily duration = family("d", "s", MetricKind::kHistogram);
  duration.bounds = std::make_shared<const std::vector<double>>(std::vector<double>{1, 4});
  MetricPoint& point = add_histogram_point(duration, {}, {1, 1, 1}, 9);
  auto& exemplars = std::get<HistogramValue>(point.value).exemplars;
  exemplars.push_back({.value = 1, .wall_ns = kStart, .trace_id = "abc", .span_id = "de"});
  exemplars.push_back({.value = 7.5, .wall_ns = 0, .trace_id = "fff", .span_id = "0"});
  const wire::Histogram histogram = only_histogram(duration);
  ASSERT_EQ(histogram.bucket_size(), 3) << "the last bucket is written for its exemplar";
  EXPECT_EQ(histogram.bucket(0).exemplar().value(), 1) << "a bound belongs to the bucket below it";
  EXPECT_EQ(nanos(histogram.bucket(0).exemplar().timestamp()), kStart);
  ASSERT_EQ(histogram.bucket(0).exemplar().label_size(), 2);
  EXPECT_EQ(histogram.bucket(0).exemplar().label(0).name(), "trace_id");
  EXPECT_EQ(histogram.bucket(0).exemplar().label(0).value(), "abc");
  EXPECT_FALSE(histogram.bucket(1).has_exemplar());
  EXPECT_TRUE(std::isinf(histogram.bucket(2).upper_bound()));
  EXPECT_EQ(histogram.bucket(2).exemplar().value(), 7.5);
  EXPECT_FALSE(histogram.bucket(2).exemplar().has_timestamp());
}

TEST(PrometheusProtobuf, Nothing) { EXPECT_TRUE(told({}).empty()); }

}  // namespace
}  // namespace sonde::prometheus
