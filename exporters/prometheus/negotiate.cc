// SPDX-License-Identifier: Apache-2.0
#include "exporters/prometheus/negotiate.h"

#include <algorithm>
#include <charconv>

namespace sonde::prometheus {
namespace {

constexpr size_t kMaxItems = 64;  // of a header; further ones are not read

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// What stands before the separator, trimmed; moved past with it.
std::string_view next(std::string_view& rest, char separator) {
  const size_t end = rest.find(separator);
  const std::string_view item = trimmed(rest.substr(0, end));
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return item;
}

// One element of the header: its name, and the parameters that matter to us.
struct Item {
  std::string_view name;
  std::string_view version;
  double quality = 1;
};

Item parse_item(std::string_view text) {
  Item item{.name = next(text, ';'), .version = {}};
  while (!text.empty()) {
    std::string_view parameter = next(text, ';');
    const std::string_view name = next(parameter, '=');
    std::string_view value = trimmed(parameter);
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    if (same(name, "version")) {
      item.version = value;
    } else if (same(name, "q")) {
      double quality = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), quality);
      const bool sane = error == std::errc() && end == value.data() + value.size() &&
                        quality >= 0 && quality <= 1;  // false for NaN as well
      item.quality = sane ? quality : 0;
    }
  }
  return item;
}

}  // namespace

Format negotiate_format(std::string_view accept) {
  double text = -1;  // quality that the most specific range gives; -1: none does
  double any_text = -1;
  double open_metrics = -1;
  for (size_t i = 0; i < kMaxItems && !accept.empty(); ++i) {
    const Item item = parse_item(next(accept, ','));
    if (same(item.name, "application/openmetrics-text")) {
      if (item.version.empty() || item.version == "1.0.0") {
        open_metrics = std::max(open_metrics, item.quality);
      }
    } else if (same(item.name, "text/plain")) {
      if (item.version.empty() || item.version == "0.0.4") {
        text = std::max(text, item.quality);
      }
    } else if (same(item.name, "text/*") || item.name == "*/*") {
      any_text = std::max(any_text, item.quality);
    }
  }
  // "Anything" is said by browsers and curl: they get the format that people know.
  text = text < 0 ? any_text : text;
  return open_metrics > 0 && open_metrics >= text ? Format::kOpenMetrics : Format::kText;
}

bool accepts_gzip(std::string_view accept_encoding) {
  double gzip = -1;
  double any = -1;
  for (size_t i = 0; i < kMaxItems && !accept_encoding.empty(); ++i) {
    const Item item = parse_item(next(accept_encoding, ','));
    if (same(item.name, "gzip") || same(item.name, "x-gzip")) {
      gzip = std::max(gzip, item.quality);
    } else if (item.name == "*") {
      any = std::max(any, item.quality);
    }
  }
  return (gzip < 0 ? any : gzip) > 0;
}

}  // namespace sonde::prometheus
