// SPDX-License-Identifier: Apache-2.0
// https://prometheus.io/docs/instrumenting/exposition_formats/ and the OpenMetrics 1.0
// specification.
#include "exporters/prometheus/encode.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <span>
#include <vector>

#include "exporters/prometheus/names.h"

namespace sonde::prometheus {
namespace {

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

// Encodes one family after the other; keeps what can be used again.
class Encoder {
 public:
  Encoder(Format format, std::string& out) : format_(format), out_(out) {}

  void family(const MetricFamily& family);

 private:
  bool open_metrics() const { return format_ == Format::kOpenMetrics; }
  void describe(const MetricFamily& family, const FamilyName& name);
  void meta(std::string_view keyword, std::string_view name);
  // Sets labels_: what stands between the braces.
  void render(const Labels& labels);
  void sample_name(std::string_view suffix);
  void scalar(std::string_view suffix, const MetricPoint& point);
  void histogram(const HistogramValue& value, std::span<const std::string> bounds);

  const Format format_;
  std::string& out_;
  std::string name_;
  std::string labels_;
  std::vector<std::string> names_;  // scratch of render
};

void Encoder::meta(std::string_view keyword, std::string_view name) {
  out_ += "# ";
  out_ += keyword;
  out_ += ' ';
  out_ += name;
  out_ += ' ';
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

std::string_view suffix_of(MetricKind kind) {
  switch (kind) {
    case MetricKind::kCounter:
      return "_total";
    case MetricKind::kInfo:
      return "_info";
    case MetricKind::kHistogram:
    case MetricKind::kGauge:
      break;
  }
  return "";
}

void Encoder::describe(const MetricFamily& family, const FamilyName& name) {
  // OpenMetrics names the family, 0.0.4 the samples.
  std::string told = name.base;
  if (!open_metrics()) {
    told += suffix_of(family.kind);
  }
  meta("TYPE", told);
  out_ += type_of(family.kind, format_);
  out_ += '\n';
  if (open_metrics() && !name.unit.empty()) {
    meta("UNIT", told);
    out_ += name.unit;
    out_ += '\n';
  }
  if (!family.help.empty()) {
    meta("HELP", told);
    append_escaped(family.help, open_metrics(), out_);
    out_ += '\n';
  }
}

void Encoder::render(const Labels& labels) {
  labels_.clear();
  if (names_.size() < labels.size()) {
    names_.resize(labels.size());
  }
  for (size_t i = 0; i < labels.size(); ++i) {
    names_[i].clear();
    append_label_name(labels[i].first, names_[i]);
  }
  const auto names = std::span(names_).first(labels.size());
  for (size_t i = 0; i < labels.size(); ++i) {
    if (std::ranges::find(names.first(i), names[i]) != names.begin() + static_cast<ptrdiff_t>(i)) {
      continue;
    }
    if (!labels_.empty()) {
      labels_ += ',';
    }
    labels_ += names[i];
    labels_ += "=\"";
    append_escaped(labels[i].second, true, labels_);
    // Different names may be spelt alike: there is one, with the values of all, as the
    // compatibility rules ask.
    for (size_t j = i + 1; j < labels.size(); ++j) {
      if (names[j] == names[i]) {
        labels_ += ';';
        append_escaped(labels[j].second, true, labels_);
      }
    }
    labels_ += '"';
  }
}

void Encoder::sample_name(std::string_view suffix) {
  out_ += name_;
  out_ += suffix;
  if (!labels_.empty()) {
    out_ += '{';
    out_ += labels_;
    out_ += '}';
  }
  out_ += ' ';
}

void Encoder::scalar(std::string_view suffix, const MetricPoint& point) {
  sample_name(suffix);
  if (const auto* whole = std::get_if<uint64_t>(&point.value)) {
    append_number(*whole, out_);
  } else if (const auto* real = std::get_if<double>(&point.value)) {
    append_number(*real, out_);
  }
  out_ += '\n';
}

void Encoder::histogram(const HistogramValue& value, std::span<const std::string> bounds) {
  uint64_t cumulative = 0;
  for (size_t i = 0; i <= bounds.size(); ++i) {
    cumulative += i < value.counts.size() ? value.counts[i] : 0;
    out_ += name_;
    out_ += "_bucket{";
    out_ += labels_;
    out_ += labels_.empty() ? "le=\"" : ",le=\"";
    out_ += i < bounds.size() ? std::string_view(bounds[i]) : std::string_view("+Inf");
    out_ += "\"} ";
    append_number(cumulative, out_);
    out_ += '\n';
  }
  sample_name("_sum");
  append_number(value.sum, out_);
  out_ += '\n';
  sample_name("_count");
  append_number(cumulative, out_);
  out_ += '\n';
}

void Encoder::family(const MetricFamily& family) {
  if (family.points.empty()) {
    return;
  }
  FamilyName name = family_name(family.name, family.unit, family.kind);
  describe(family, name);
  name_ = std::move(name.base);
  std::vector<std::string> bounds;
  if (family.bounds != nullptr) {
    for (const double bound : *family.bounds) {
      bounds.push_back(bound_text(bound, format_));
    }
  }
  for (const MetricPoint& point : family.points) {
    render(*point.labels);
    if (const auto* buckets = std::get_if<HistogramValue>(&point.value)) {
      histogram(*buckets, bounds);
    } else {
      scalar(suffix_of(family.kind), point);
    }
  }
}

}  // namespace

std::string_view content_type(Format format) {
  return format == Format::kOpenMetrics
             ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
             : "text/plain; version=0.0.4; charset=utf-8";
}

void encode_text(const MetricSnapshot& snapshot, Format format, std::string& out) {
  Encoder encoder(format, out);
  for (const MetricFamily& family : snapshot.families) {
    encoder.family(family);
  }
  if (format == Format::kOpenMetrics) {
    out += "# EOF\n";
  }
}

}  // namespace sonde::prometheus
