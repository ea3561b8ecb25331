// SPDX-License-Identifier: Apache-2.0
// What the scraper wants, by its headers (RFC 9110, section 12.5). Pure; headers may hold any
// bytes.
#pragma once

#include <string_view>

#include "exporters/prometheus/encode.h"

namespace sonde::prometheus {

// The best of our formats by the quality values of Accept; OpenMetrics where they are equal. Text
// 0.0.4 when the header is empty, wants nothing that we have or makes no sense: an answer is of
// more use than a refusal.
Format negotiate_format(std::string_view accept);

// Does Accept-Encoding allow gzip?
bool accepts_gzip(std::string_view accept_encoding);

}  // namespace sonde::prometheus
