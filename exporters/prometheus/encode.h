// SPDX-License-Identifier: Apache-2.0
// Metric snapshots as Prometheus reads them, piece by piece. Pure.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "userspace/model/metrics.h"

namespace sonde::prometheus {

enum class Format : uint8_t {
  kText,         // Prometheus text 0.0.4
  kOpenMetrics,  // OpenMetrics 1.0.0
  kProtobuf,     // delimited MetricFamily messages: the one that carries native histograms
};
inline constexpr size_t kFormats = 3;

// The whole value of Content-Type.
std::string_view content_type(Format format);

struct EncodeOptions {
  // A _created sample for each counter and histogram of OpenMetrics. Off, because a Prometheus that
  // was not told otherwise stores them as series of their own. Protobuf always says when a series
  // began: there it is no series.
  bool created_samples = false;
};

// An exposition in the making. Families must have names that differ when spelt for Prometheus;
// those without points are left out. Bytes that are not UTF-8 (one of them would cost the whole
// scrape) become U+FFFD. No timestamps on samples.
class Encoder {
 public:
  virtual ~Encoder() = default;

  // Does a small piece of the work: one point at most. Appends what came of it, perhaps nothing.
  // false: the exposition is complete.
  virtual bool step(std::string& out) = 0;
};

// When a point began to count; 0: not known.
inline uint64_t start_of(const MetricSnapshot& snapshot, const MetricPoint& point) {
  return point.start_wall_ns != 0 ? point.start_wall_ns : snapshot.start_wall_ns;
}

std::unique_ptr<Encoder> make_encoder(std::shared_ptr<const MetricSnapshot> snapshot, Format format,
                                      const EncodeOptions& options = {});

// The whole exposition at once.
std::string encode(MetricSnapshot snapshot, Format format, const EncodeOptions& options = {});

}  // namespace sonde::prometheus
