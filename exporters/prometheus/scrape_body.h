// SPDX-License-Identifier: Apache-2.0
// ScrapeBody: a snapshot on its way out, encoded and compressed as fast as the scraper takes it.
// What is held is the snapshot, which scrapes may share, and some tens of kilobytes.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "exporters/gzip.h"
#include "exporters/http.h"
#include "exporters/prometheus/encode.h"

namespace sonde::prometheus {

class ScrapeBody final : public BodyStream {
 public:
  ScrapeBody(std::unique_ptr<Encoder> encoder, bool zipped);

  Next next(std::string& out) override;

 private:
  const std::unique_ptr<Encoder> encoder_;
  std::optional<GzipStream> gzip_;
  std::string plain_;  // what is to be compressed
};

}  // namespace sonde::prometheus
