// SPDX-License-Identifier: Apache-2.0
// https://prometheus.io/docs/instrumenting/exposition_formats/ and the OpenMetrics 1.0
// specification.
#include "exporters/prometheus/text_encoder.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "exporters/utf8.h"

namespace sonde::prometheus {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

void append_number(uint64_t value, std::string& out) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.begin(), digits.end(), value).ptr;
  out.append(digits.begin(), end);
}

// The shortest form that reads back as the same number.
void append_number(double value, std::string& out) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
  } else {
    std::array<char, 32> digits;
    const auto end = std::to_chars(digits.begin(), digits.end(), value).ptr;
    out.append(digits.begin(), end);
  }
}

// OpenMetrics tells times in seconds.
void append_time(uint64_t wall_ns, std::string& out) {
  append_number(wall_ns / 1'000'000'000, out);
  const std::string millis = std::to_string(1'000 + wall_ns / 1'000'000 % 1'000);
  out += '.';
  out += std::string_view(millis).substr(1);
}

// A bucket's bound. OpenMetrics wants it to look like a float, so that "1" and "1.0" are not two
// series.
std::string bound_text(double bound, Format format) {
  std::string out;
  append_number(bound, out);
  if (format == Format::kOpenMetrics && out.find_first_of(".eIN") == std::string::npos) {
    out += ".0";
  }
  return out;
}

void append_escaped(std::string_view text, bool quotes, std::string& out) {
  for (const char c : text) {
    switch (c) {
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '"':
        out += quotes ? "\\\"" : "\"";
        break;
      default:
        out += c;
    }
  }
}

std::string_view type_of(MetricKind kind, Format format) {
  switch (kind) {
    case MetricKind::kCounter:
      return "counter";
    case MetricKind::kHistogram:
      return "histogram";
    case MetricKind::kInfo:
      return format == Format::kOpenMetrics ? "info" : "gauge";
    case MetricKind::kGauge:
      break;
  }
  return "gauge";
}

}  // namespace

TextEncoder::TextEncoder(std::shared_ptr<const MetricSnapshot> snapshot, Format format,
                         const EncodeOptions& options)
    : snapshot_(std::move(snapshot)), format_(format), options_(options) {}

bool TextEncoder::step(std::string& out) {
  if (family_ == snapshot_->families.size()) {
    if (open_metrics() && !ended_) {
      out += "# EOF\n";
      ended_ = true;
    }
    return false;
  }
  const MetricFamily& family = snapshot_->families[family_];
  if (point_ == family.points.size()) {
    ++family_;
    point_ = 0;
    return true;
  }
  if (point_ == 0) {
    begin(family, out);
  }
  point(family, family.points[point_], out);
  ++point_;
  return true;
}

void TextEncoder::meta(std::string_view keyword, std::string_view name, std::string& out) const {
  out += "# ";
  out += keyword;
  out += ' ';
  out += name;
  out += ' ';
}

void TextEncoder::begin(const MetricFamily& family, std::string& out) {
  FamilyName name = family_name(family.name, family.unit, family.kind);
  // OpenMetrics names the family, 0.0.4 the samples.
  std::string told = name.base;
  if (!open_metrics()) {
    told += sample_suffix(family.kind);
  }
  meta("TYPE", told, out);
  out += type_of(family.kind, format_);
  out += '\n';
  if (open_metrics() && !name.unit.empty()) {
    meta("UNIT", told, out);
    out += name.unit;
    out += '\n';
  }
  if (!family.help.empty()) {
    meta("HELP", told, out);
    std::string help;
    append_utf8(family.help, help);
    append_escaped(help, open_metrics(), out);
    out += '\n';
  }
  name_ = std::move(name.base);
  bounds_ = family.bounds != nullptr ? *family.bounds : std::vector<double>{};
  bound_texts_.clear();
  for (const double bound : bounds_) {
    bound_texts_.push_back(bound_text(bound, format_));
  }
  bounds_.push_back(kInfinity);
  bound_texts_.emplace_back("+Inf");
}

void TextEncoder::render(const Labels& labels) {
  labels_.clear();
  for (const auto& [name, value] : speller_.spell(labels)) {
    if (!labels_.empty()) {
      labels_ += ',';
    }
    labels_ += name;
    labels_ += "=\"";
    append_escaped(value, true, labels_);
    labels_ += '"';
  }
}

void TextEncoder::point(const MetricFamily& family, const MetricPoint& point, std::string& out) {
  render(*point.labels);
  if (const auto* buckets = std::get_if<HistogramValue>(&point.value)) {
    histogram(*buckets, out);
  } else {
    sample_name(sample_suffix(family.kind), out);
    if (const auto* whole = std::get_if<uint64_t>(&point.value)) {
      append_number(*whole, out);
    } else if (const auto* real = std::get_if<double>(&point.value)) {
      append_number(*real, out);
    }
    out += '\n';
  }
  if (family.kind == MetricKind::kCounter || family.kind == MetricKind::kHistogram) {
    created(point, out);
  }
}

void TextEncoder::sample_name(std::string_view suffix, std::string& out) const {
  out += name_;
  out += suffix;
  if (!labels_.empty()) {
    out += '{';
    out += labels_;
    out += '}';
  }
  out += ' ';
}

void TextEncoder::histogram(const HistogramValue& value, std::string& out) const {
  uint64_t cumulative = 0;
  for (size_t i = 0; i < bounds_.size(); ++i) {
    cumulative += i < value.counts.size() ? value.counts[i] : 0;
    out += name_;
    out += "_bucket{";
    out += labels_;
    out += labels_.empty() ? "le=\"" : ",le=\"";
    out += bound_texts_[i];
    out += "\"} ";
    append_number(cumulative, out);
    if (open_metrics() && !value.exemplars.empty()) {
      exemplar(value, i == 0 ? -kInfinity : bounds_[i - 1], bounds_[i], out);
    }
    out += '\n';
  }
  sample_name("_sum", out);
  append_number(value.sum, out);
  out += '\n';
  sample_name("_count", out);
  append_number(cumulative, out);
  out += '\n';
}

// Of the bucket (from, to], if there is one.
void TextEncoder::exemplar(const HistogramValue& value, double from, double to,
                           std::string& out) const {
  const auto inside = [&](const Exemplar& each) { return each.value > from && each.value <= to; };
  const auto found = std::ranges::find_if(value.exemplars, inside);
  if (found == value.exemplars.end()) {
    return;
  }
  out += " # {trace_id=\"";
  append_escaped(found->trace_id, true, out);
  out += "\",span_id=\"";
  append_escaped(found->span_id, true, out);
  out += "\"} ";
  append_number(found->value, out);
  if (found->wall_ns > 0) {
    out += ' ';
    append_time(found->wall_ns, out);
  }
}

void TextEncoder::created(const MetricPoint& point, std::string& out) const {
  const uint64_t start_ns = start_of(*snapshot_, point);
  if (!open_metrics() || !options_.created_samples || start_ns == 0) {
    return;
  }
  sample_name("_created", out);
  append_time(start_ns, out);
  out += '\n';
}

}  // namespace sonde::prometheus
