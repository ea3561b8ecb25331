// SPDX-License-Identifier: Apache-2.0
// The /metrics endpoint: collects, encodes as the scraper likes it, and lets scrapes that came
// together share.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "exporters/exporter.h"
#include "exporters/http.h"
#include "exporters/prometheus/encode.h"

namespace sonde::prometheus {

// One thread (the web thread); the source must outlive it.
class Endpoint {
 public:
  explicit Endpoint(MetricSource& source) : source_(source) {}

  // A scrape is never older than the request: it is shared only with those that were there when it
  // was collected.
  HttpResponse answer(const HttpRequest& request);

 private:
  // Held by the answers that are being sent, so that an idle endpoint holds no memory.
  struct Scrape {
    uint64_t collected_ns = 0;
    std::weak_ptr<const std::string> body;
  };

  MetricSource& source_;
  std::array<Scrape, 4> scrapes_;  // by format and compression
};

// GET /metrics.
HttpRoute metrics_route(MetricSource& source);

}  // namespace sonde::prometheus
