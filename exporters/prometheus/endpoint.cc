// SPDX-License-Identifier: Apache-2.0
#include "exporters/prometheus/endpoint.h"

#include <numeric>
#include <utility>

#include "exporters/prometheus/negotiate.h"
#include "exporters/prometheus/scrape_body.h"
#include "userspace/base/clock.h"

namespace sonde::prometheus {

size_t approximate_bytes(const MetricSnapshot& snapshot) {
  size_t bytes = sizeof(snapshot);
  for (const MetricFamily& family : snapshot.families) {
    bytes += sizeof(family) + family.points.capacity() * sizeof(MetricPoint);
    for (const MetricPoint& point : family.points) {
      if (const auto* histogram = std::get_if<HistogramValue>(&point.value)) {
        bytes += histogram->counts.size() * sizeof(uint64_t);
        bytes += histogram->exemplars.capacity() * sizeof(Exemplar);
        if (histogram->exponential != nullptr) {
          bytes +=
              sizeof(ExponentialBuckets) + histogram->exponential->counts.size() * sizeof(uint64_t);
        }
      }
    }
  }
  return bytes;
}

HttpResponse Endpoint::answer(const HttpRequest& request) {
  std::erase_if(held_, [](const Held& held) { return held.snapshot.expired(); });
  std::shared_ptr<const MetricSnapshot> snapshot;
  if (!held_.empty() && held_.back().collected_ns >= request.received_ns) {
    snapshot = held_.back().snapshot.lock();
  }
  if (snapshot == nullptr) {
    const auto sum = [](size_t bytes, const Held& held) { return bytes + held.bytes; };
    if (std::accumulate(held_.begin(), held_.end(), size_t{0}, sum) >= options_.max_held_bytes) {
      return text_response(503, "too many scrapes are still being taken\n");
    }
    const uint64_t now = monotonic_ns();
    snapshot = source_.collect();
    if (snapshot == nullptr) {
      return text_response(503, "no metrics yet\n");
    }
    held_.push_back(
        {.collected_ns = now, .bytes = approximate_bytes(*snapshot), .snapshot = snapshot});
  }

  const Negotiated wanted = negotiate_format(header_value(request, "accept"));
  const bool zipped = accepts_gzip(header_value(request, "accept-encoding"));
  HttpResponse response;
  response.content_type = content_type(wanted.format);
  if (wanted.tell_escaping) {
    response.content_type += "; escaping=underscores";
  }
  response.headers.emplace_back("Vary", "Accept, Accept-Encoding");
  if (zipped) {
    response.headers.emplace_back("Content-Encoding", "gzip");
  }
  response.stream = std::make_unique<ScrapeBody>(
      make_encoder(std::move(snapshot), wanted.format, options_.encode), zipped);
  return response;
}

HttpRoute metrics_route(MetricSource& source, const EndpointOptions& options) {
  const auto endpoint = std::make_shared<Endpoint>(source, options);
  return {.path = "/metrics",
          .handler = [endpoint](const HttpRequest& request) { return endpoint->answer(request); },
          .about = "metrics of all services and of Sonde itself, for Prometheus"};
}

}  // namespace sonde::prometheus
