// SPDX-License-Identifier: Apache-2.0
// OpenTelemetry's names, spelt for Prometheus as OpenTelemetry's own compatibility rules spell
// them: unit in the name, _total on counters, only [a-zA-Z0-9_:].
#pragma once

#include <string>
#include <string_view>

#include "userspace/model/metrics.h"

namespace sonde::prometheus {

// "By" -> "bytes", "s" -> "seconds", "By/s" -> "bytes_per_second"; nothing for "1" and "{request}".
std::string unit_word(std::string_view ucum);

struct FamilyName {
  std::string base;  // without _total or _info: the family in OpenMetrics
  std::string unit;  // the base's last word or words; empty: none
};

// "http.server.request.duration", "s" -> {"http_server_request_duration_seconds", "seconds"}
FamilyName family_name(std::string_view name, std::string_view unit, MetricKind kind);

// What a sample's name has behind the base: "_total" on counters, "_info" on info.
std::string_view sample_suffix(MetricKind kind);

// Appends a label's name: "http.route" -> "http_route", "a..b" -> "a_b", "1a" -> "key_1a".
void append_label_name(std::string_view name, std::string& out);

}  // namespace sonde::prometheus
