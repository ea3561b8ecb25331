// SPDX-License-Identifier: Apache-2.0
// Prometheus text 0.0.4 and OpenMetrics 1.0.0, which differ in little.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "exporters/prometheus/encode.h"
#include "exporters/prometheus/labels.h"
#include "exporters/prometheus/names.h"

namespace sonde::prometheus {

class TextEncoder final : public Encoder {
 public:
  // format: kText or kOpenMetrics.
  TextEncoder(std::shared_ptr<const MetricSnapshot> snapshot, Format format,
              const EncodeOptions& options);

  bool step(std::string& out) override;

 private:
  bool open_metrics() const { return format_ == Format::kOpenMetrics; }
  void begin(const MetricFamily& family, std::string& out);
  void meta(std::string_view keyword, std::string_view name, std::string& out) const;
  void render(const Labels& labels);
  void point(const MetricFamily& family, const MetricPoint& point, std::string& out);
  void histogram(const HistogramValue& value, std::string& out) const;
  void sample_name(std::string_view suffix, std::string& out) const;
  void exemplar(const HistogramValue& value, double from, double to, std::string& out) const;
  void created(const MetricPoint& point, std::string& out) const;

  const std::shared_ptr<const MetricSnapshot> snapshot_;
  const Format format_;
  const EncodeOptions options_;
  size_t family_ = 0;
  size_t point_ = 0;
  bool ended_ = false;
  // Of the current family.
  std::string name_;
  std::vector<double> bounds_;
  std::vector<std::string> bound_texts_;
  // Of the current point: what stands between the braces.
  std::string labels_;
  LabelSpeller speller_;
};

}  // namespace sonde::prometheus
