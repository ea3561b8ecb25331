// SPDX-License-Identifier: Apache-2.0
#include "exporters/prometheus/negotiate.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

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
  std::string_view version = {};
  std::string_view proto = {};
  std::string_view encoding = {};
  bool has_escaping = false;
  double quality = 1;
};

Item parse_item(std::string_view text) {
  Item item{.name = next(text, ';')};
  while (!text.empty()) {
    std::string_view parameter = next(text, ';');
    const std::string_view name = next(parameter, '=');
    std::string_view value = trimmed(parameter);
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    if (same(name, "version")) {
      item.version = value;
    } else if (same(name, "proto")) {
      item.proto = value;
    } else if (same(name, "encoding")) {
      item.encoding = value;
    } else if (same(name, "escaping")) {
      item.has_escaping = true;
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

// Which of our formats the item names, with parameters that we can serve; nothing: none.
std::optional<Format> format_of(const Item& item) {
  if (same(item.name, "application/vnd.google.protobuf")) {
    const bool ours =
        item.proto == "io.prometheus.client.MetricFamily" && same(item.encoding, "delimited");
    return ours ? std::optional(Format::kProtobuf) : std::nullopt;
  }
  const std::string_view version = item.version;
  if (same(item.name, "application/openmetrics-text")) {
    return version.empty() || version == "1.0.0" ? std::optional(Format::kOpenMetrics)
                                                 : std::nullopt;
  }
  // 1.0.0 is 0.0.4 with a way to write names that we have none of.
  if (same(item.name, "text/plain") &&
      (version.empty() || version == "0.0.4" || version == "1.0.0")) {
    return Format::kText;
  }
  return std::nullopt;
}

struct Offer {
  double quality = -1;  // that the header gives; -1: it does not name the format
  bool has_escaping = false;
};

}  // namespace

Negotiated negotiate_format(std::string_view accept) {
  std::array<Offer, kFormats> offers;
  double anything = -1;
  for (size_t i = 0; i < kMaxItems && !accept.empty(); ++i) {
    const Item item = parse_item(next(accept, ','));
    if (const std::optional<Format> format = format_of(item)) {
      Offer& offer = offers[static_cast<size_t>(*format)];
      if (item.quality > offer.quality) {
        offer = {.quality = item.quality, .has_escaping = item.has_escaping};
      }
    } else if (same(item.name, "text/*") || item.name == "*/*") {
      anything = std::max(anything, item.quality);
    }
  }
  // "Anything" is said by browsers and curl: they get the format that people know.
  Offer& text = offers[static_cast<size_t>(Format::kText)];
  text.quality = text.quality < 0 ? anything : text.quality;
  Negotiated best;
  double quality = 0;
  for (const Format format : {Format::kProtobuf, Format::kOpenMetrics, Format::kText}) {
    const Offer& offer = offers[static_cast<size_t>(format)];
    if (offer.quality > quality) {
      quality = offer.quality;
      best = {.format = format, .tell_escaping = offer.has_escaping};
    }
  }
  return best;
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
