// SPDX-License-Identifier: Apache-2.0
// The /metrics endpoint: collects, lets scrapes that came together share a snapshot, and has it
// encoded as the scraper likes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "exporters/exporter.h"
#include "exporters/http.h"
#include "exporters/prometheus/encode.h"

namespace sonde::prometheus {

struct EndpointOptions {
  EncodeOptions encode;
  // Of the snapshots that scrapes in progress hold, approximately; beyond it they are refused with
  // 503. The snapshot that crosses the line is still made, since its size is not known before.
  size_t max_held_bytes = size_t{128} * 1024 * 1024;
};

// One thread (the web thread); the source must outlive it.
class Endpoint {
 public:
  explicit Endpoint(MetricSource& source, const EndpointOptions& options = {})
      : source_(source), options_(options) {}

  // A scrape is never older than the request: it is shared only with those that were there when it
  // was collected.
  HttpResponse answer(const HttpRequest& request);

 private:
  // Held by the answers that are being sent, so that an idle endpoint holds no memory.
  struct Held {
    uint64_t collected_ns = 0;
    size_t bytes = 0;
    std::weak_ptr<const MetricSnapshot> snapshot;
  };

  MetricSource& source_;
  const EndpointOptions options_;
  std::vector<Held> held_;  // the newest last; those that nobody holds any more are taken out
};

// GET /metrics.
HttpRoute metrics_route(MetricSource& source, const EndpointOptions& options = {});

// What a snapshot takes in memory, without its labels: those are the aggregation's.
size_t approximate_bytes(const MetricSnapshot& snapshot);

}  // namespace sonde::prometheus
