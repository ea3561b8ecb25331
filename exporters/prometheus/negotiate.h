// SPDX-License-Identifier: Apache-2.0
// What the scraper wants, by its headers (RFC 9110, section 12.5). Pure; headers may hold any
// bytes.
#pragma once

#include <string_view>

#include "exporters/prometheus/encode.h"

namespace sonde::prometheus {

struct Negotiated {
  Format format = Format::kText;
  // What was chosen was asked for with an escaping scheme: the answer names ours. Whichever was
  // asked for, names are spelt with underscores, so that a dashboard finds them under one name
  // whatever scraped them.
  bool tell_escaping = false;
  bool operator==(const Negotiated&) const = default;
};

// The best of our formats by the quality values of Accept; where they are equal, the one that says
// more. Text 0.0.4 when the header is empty, wants nothing that we have or makes no sense: an
// answer is of more use than a refusal.
Negotiated negotiate_format(std::string_view accept);

// Does Accept-Encoding allow gzip?
bool accepts_gzip(std::string_view accept_encoding);

}  // namespace sonde::prometheus
