// SPDX-License-Identifier: Apache-2.0
#include "exporters/prometheus/endpoint.h"

#include <optional>

#include "exporters/prometheus/gzip.h"
#include "exporters/prometheus/negotiate.h"
#include "userspace/base/clock.h"

namespace sonde::prometheus {

HttpResponse Endpoint::answer(const HttpRequest& request) {
  const Format format = negotiate_format(header_value(request, "accept"));
  const bool zipped = accepts_gzip(header_value(request, "accept-encoding"));
  Scrape& scrape = scrapes_[static_cast<size_t>(format) * 2 + (zipped ? 1 : 0)];

  HttpResponse response;
  response.content_type = content_type(format);
  response.headers.emplace_back("Vary", "Accept, Accept-Encoding");
  if (zipped) {
    response.headers.emplace_back("Content-Encoding", "gzip");
  }
  response.body = scrape.collected_ns >= request.received_ns ? scrape.body.lock() : nullptr;
  if (response.body != nullptr) {
    return response;
  }

  scrape.collected_ns = monotonic_ns();
  const std::shared_ptr<const MetricSnapshot> snapshot = source_.collect();
  if (snapshot == nullptr) {
    return text_response(503, "no metrics yet\n");
  }
  std::string text;
  encode_text(*snapshot, format, text);
  if (zipped) {
    std::optional<std::string> small = gzip(text);
    if (!small) {
      return text_response(500, "no memory to compress the answer\n");
    }
    text = *std::move(small);
  }
  response.body = std::make_shared<const std::string>(std::move(text));
  scrape.body = response.body;
  return response;
}

HttpRoute metrics_route(MetricSource& source) {
  const auto endpoint = std::make_shared<Endpoint>(source);
  return {"/metrics", [endpoint](const HttpRequest& request) { return endpoint->answer(request); }};
}

}  // namespace sonde::prometheus
