// SPDX-License-Identifier: Apache-2.0
#include "exporters/prometheus/protobuf_encoder.h"

#include <google/protobuf/io/coded_stream.h>

#include <array>
#include <limits>
#include <numeric>
#include <utility>

#include "exporters/prometheus/labels.h"
#include "exporters/prometheus/metrics.pb.h"
#include "exporters/prometheus/names.h"
#include "exporters/utf8.h"

namespace sonde::prometheus {
namespace {

using google::protobuf::io::CodedOutputStream;

constexpr char kMetricTag = 4 << 3 | 2;  // MetricFamily.metric, length-delimited
// Up to so many empty buckets in a row are written as such: a span of its own costs as much.
constexpr size_t kMaxGap = 2;

void append_varint(uint64_t value, std::string& out) {
  std::array<uint8_t, 10> bytes{};
  const uint8_t* end = CodedOutputStream::WriteVarint64ToArray(value, bytes.data());
  out.append(reinterpret_cast<const char*>(bytes.data()), static_cast<size_t>(end - bytes.data()));
}

wire::MetricType type_of(MetricKind kind) {
  switch (kind) {
    case MetricKind::kCounter:
      return wire::COUNTER;
    case MetricKind::kHistogram:
      return wire::HISTOGRAM;
    case MetricKind::kGauge:
    case MetricKind::kInfo:
      break;
  }
  return wire::GAUGE;
}

void set_time(uint64_t wall_ns, wire::Timestamp& out) {
  out.set_seconds(static_cast<int64_t>(wall_ns / 1'000'000'000));
  out.set_nanos(static_cast<int32_t>(wall_ns % 1'000'000'000));
}

void set_exemplar(const Exemplar& exemplar, wire::Exemplar& out) {
  for (const auto& [name, value] :
       {std::pair("trace_id", &exemplar.trace_id), std::pair("span_id", &exemplar.span_id)}) {
    wire::LabelPair& label = *out.add_label();
    label.set_name(name);
    append_utf8(*value, *label.mutable_value());
  }
  out.set_value(exemplar.value);
  // Prometheus takes none without a time into a native histogram.
  if (exemplar.wall_ns > 0) {
    set_time(exemplar.wall_ns, *out.mutable_timestamp());
  }
}

// Readers reckon the bucket behind the last bound themselves: it is only written where an exemplar
// needs a place.
void set_classic(const HistogramValue& value, const std::vector<double>& bounds,
                 wire::Histogram& out) {
  uint64_t cumulative = 0;
  double from = -std::numeric_limits<double>::infinity();
  for (size_t i = 0; i <= bounds.size(); ++i) {
    const double to = i < bounds.size() ? bounds[i] : std::numeric_limits<double>::infinity();
    cumulative += i < value.counts.size() ? value.counts[i] : 0;
    const Exemplar* found = nullptr;
    for (const Exemplar& each : value.exemplars) {
      found = found == nullptr && each.value > from && each.value <= to ? &each : found;
    }
    if (i < bounds.size() || found != nullptr) {
      wire::Bucket& bucket = *out.add_bucket();
      bucket.set_cumulative_count(cumulative);
      bucket.set_upper_bound(to);
      if (found != nullptr) {
        set_exemplar(*found, *bucket.mutable_exemplar());
      }
    }
    from = to;
  }
  out.set_sample_count(cumulative);
  out.set_sample_sum(value.sum);
}

// Counts as spans of buckets and differences between them.
void set_native(const ExponentialBuckets& buckets, wire::Histogram& out) {
  // Prometheus refuses the whole scrape if the parts are not the sum.
  const uint64_t sum =
      std::accumulate(buckets.counts.begin(), buckets.counts.end(), buckets.zero_count);
  if (sum != out.sample_count()) {
    return;
  }
  out.set_schema(buckets.schema);
  out.set_zero_threshold(buckets.zero_threshold);
  out.set_zero_count(buckets.zero_count);
  uint64_t before = 0;
  size_t written = 0;  // buckets before it are written, or left out for good
  wire::BucketSpan* span = nullptr;
  for (size_t i = 0; i < buckets.counts.size(); ++i) {
    if (buckets.counts[i] == 0) {
      continue;
    }
    if (span == nullptr || i - written > kMaxGap) {
      const auto gap = static_cast<int32_t>(i - written);
      const int32_t offset = span == nullptr ? buckets.offset + gap : gap;
      span = out.add_positive_span();
      span->set_offset(offset);
      written = i;
    }
    for (; written <= i; ++written) {
      out.add_positive_delta(static_cast<int64_t>(buckets.counts[written] - before));
      before = buckets.counts[written];
      span->set_length(span->length() + 1);
    }
  }
  if (span == nullptr) {
    // This, and no span, tells an empty native histogram from a classic one.
    span = out.add_positive_span();
    span->set_offset(0);
    span->set_length(0);
  }
}

}  // namespace

struct ProtobufEncoder::Scratch {
  wire::Metric metric;  // cleared, not freed: its strings and buckets are used again
  LabelSpeller speller;
};

ProtobufEncoder::ProtobufEncoder(std::shared_ptr<const MetricSnapshot> snapshot)
    : snapshot_(std::move(snapshot)), scratch_(std::make_unique<Scratch>()) {}

ProtobufEncoder::~ProtobufEncoder() = default;

void ProtobufEncoder::begin(const MetricFamily& family) {
  const FamilyName name = family_name(family.name, family.unit, family.kind);
  wire::MetricFamily head;
  head.set_name(name.base + std::string(sample_suffix(family.kind)));
  append_utf8(family.help, *head.mutable_help());
  head.set_type(type_of(family.kind));
  if (!name.unit.empty()) {
    head.set_unit(name.unit);
  }
  head_ = head.SerializeAsString();
  family_size_ = head_.size();
}

void ProtobufEncoder::build(const MetricFamily& family, const MetricPoint& point) {
  wire::Metric& metric = scratch_->metric;
  metric.Clear();
  for (const auto& [name, value] : scratch_->speller.spell(*point.labels)) {
    wire::LabelPair& label = *metric.add_label();
    label.set_name(name);
    label.set_value(value);
  }
  const uint64_t created = start_of(*snapshot_, point);
  if (const auto* histogram = std::get_if<HistogramValue>(&point.value)) {
    static const std::vector<double> no_bounds;
    wire::Histogram& out = *metric.mutable_histogram();
    set_classic(*histogram, family.bounds != nullptr ? *family.bounds : no_bounds, out);
    if (histogram->exponential != nullptr) {
      set_native(*histogram->exponential, out);
    }
    if (created > 0) {
      set_time(created, *out.mutable_created());
    }
    return;
  }
  const auto* whole = std::get_if<uint64_t>(&point.value);
  const double value =
      whole != nullptr ? static_cast<double>(*whole) : std::get<double>(point.value);
  if (family.kind != MetricKind::kCounter) {
    metric.mutable_gauge()->set_value(value);
    return;
  }
  metric.mutable_counter()->set_value(value);
  if (created > 0) {
    set_time(created, *metric.mutable_counter()->mutable_created());
  }
}

bool ProtobufEncoder::step(std::string& out) {
  if (family_ == snapshot_->families.size()) {
    return false;
  }
  const MetricFamily& family = snapshot_->families[family_];
  if (point_ == family.points.size()) {
    point_ = 0;
    if (family.points.empty() || !measuring_) {
      ++family_;
      measuring_ = true;
      return true;
    }
    measuring_ = false;
    append_varint(family_size_, out);
    out += head_;
    return true;
  }
  if (measuring_ && point_ == 0) {
    begin(family);
  }
  build(family, family.points[point_]);
  ++point_;
  const size_t size = scratch_->metric.ByteSizeLong();
  if (measuring_) {
    family_size_ += 1 + CodedOutputStream::VarintSize64(size) + size;
    return true;
  }
  out += kMetricTag;
  append_varint(size, out);
  const size_t at = out.size();
  out.resize(at + size);
  scratch_->metric.SerializeWithCachedSizesToArray(reinterpret_cast<uint8_t*>(out.data() + at));
  return true;
}

}  // namespace sonde::prometheus
