// SPDX-License-Identifier: Apache-2.0
#include "exporters/prometheus/scrape_body.h"

#include <utility>

namespace sonde::prometheus {
namespace {

// Of a part: enough that a turn's overhead does not show, little enough that nobody waits long.
constexpr size_t kPlainBytes = size_t{64} * 1024;
constexpr size_t kSteps = 4096;  // those that yield nothing yet end a part as well

}  // namespace

ScrapeBody::ScrapeBody(std::unique_ptr<Encoder> encoder, bool zipped)
    : encoder_(std::move(encoder)) {
  if (zipped) {
    gzip_.emplace();
  }
}

BodyStream::Next ScrapeBody::next(std::string& out) {
  std::string& plain = gzip_ ? plain_ : out;
  plain_.clear();
  const size_t enough = plain.size() + kPlainBytes;
  bool more = true;
  for (size_t i = 0; more && i < kSteps && plain.size() < enough; ++i) {
    more = encoder_->step(plain);
  }
  if (gzip_ && !gzip_->add(plain_, !more, out)) {
    return Next::kFailed;
  }
  return more ? Next::kMore : Next::kEnd;
}

}  // namespace sonde::prometheus
