// SPDX-License-Identifier: Apache-2.0
// Delimited protobuf: the exposition that carries native histograms, exemplars and the times at
// which series began.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "exporters/prometheus/encode.h"

namespace sonde::prometheus {

// A family's length stands before its first byte. So each family is gone through twice, once to
// measure and once to write, and no more than one point of it is ever held as a message.
class ProtobufEncoder final : public Encoder {
 public:
  explicit ProtobufEncoder(std::shared_ptr<const MetricSnapshot> snapshot);
  ~ProtobufEncoder() override;

  bool step(std::string& out) override;

 private:
  struct Scratch;  // protobuf's headers stay out of ours

  void begin(const MetricFamily& family);
  void build(const MetricFamily& family, const MetricPoint& point);

  const std::shared_ptr<const MetricSnapshot> snapshot_;
  const std::unique_ptr<Scratch> scratch_;
  size_t family_ = 0;
  size_t point_ = 0;
  bool measuring_ = true;
  std::string head_;          // the family without its points
  uint64_t family_size_ = 0;  // as far as measured
};

}  // namespace sonde::prometheus
