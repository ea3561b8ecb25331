// SPDX-License-Identifier: Apache-2.0
#include "exporters/prometheus/encode.h"

#include <utility>

#include "exporters/prometheus/protobuf_encoder.h"
#include "exporters/prometheus/text_encoder.h"

namespace sonde::prometheus {

std::string_view content_type(Format format) {
  switch (format) {
    case Format::kOpenMetrics:
      return "application/openmetrics-text; version=1.0.0; charset=utf-8";
    case Format::kProtobuf:
      return "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "
             "encoding=delimited";
    case Format::kText:
      break;
  }
  return "text/plain; version=0.0.4; charset=utf-8";
}

std::unique_ptr<Encoder> make_encoder(std::shared_ptr<const MetricSnapshot> snapshot, Format format,
                                      const EncodeOptions& options) {
  if (format == Format::kProtobuf) {
    return std::make_unique<ProtobufEncoder>(std::move(snapshot));
  }
  return std::make_unique<TextEncoder>(std::move(snapshot), format, options);
}

std::string encode(MetricSnapshot snapshot, Format format, const EncodeOptions& options) {
  std::string out;
  const auto encoder =
      make_encoder(std::make_shared<const MetricSnapshot>(std::move(snapshot)), format, options);
  while (encoder->step(out)) {
  }
  return out;
}

}  // namespace sonde::prometheus
