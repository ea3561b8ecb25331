// SPDX-License-Identifier: Apache-2.0
// A protocol of no wire, for tests of what works on schemas.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/model/metrics.h"
#include "userspace/model/request.h"
#include "userspace/model/service.h"

namespace sonde::toy {

inline constexpr Attribute kAttributes[] = {
    {.name = "toy.verb", .on_active = true},
    {.name = "toy.status"},
    {.name = "toy.route"},
    {.name = "toy.peer", .on_server = false},
};
inline constexpr Schema kSchema{
    .name = "toy",
    .attributes = kAttributes,
    .duration = {"toy.server.duration", "toy.client.duration", "How long."},
    .request_size = {"toy.server.request.size", "", "Asked."},
    .response_size = {"toy.server.response.size", "toy.client.response.size", "Answered."},
    .first_byte = {"toy.server.first_byte", "toy.client.first_byte", "How soon."},
    .active = {"toy.server.active", "toy.client.active", "How many now."},
    .route_attribute = 2,
    .address_attribute = 3};

inline ServiceRef service(const std::string& name) {
  Service made;
  made.name = name;
  made.name_space = "shop";
  made.instance = "host:1";
  made.job = "shop/" + name;
  return std::make_shared<const Service>(made);
}

// 20 ms, first byte after 15.
inline Request request(std::string_view verb = "GET", std::string_view path = "/users/42") {
  Request r;
  r.schema = &kSchema;
  r.role = Role::kServer;
  r.start_ns = 1'000'000'000;
  r.first_response_ns = 1'015'000'000;
  r.end_ns = 1'020'000'000;
  r.request_body_bytes = 10;
  r.response_body_bytes = 5000;
  r.values[0] = verb;
  r.values[1] = "200";
  r.values[3] = "10.0.0.1";
  r.path = path;
  return r;
}

inline const MetricFamily* family(const std::vector<MetricFamily>& all, std::string_view name) {
  const auto found = std::ranges::find(all, name, &MetricFamily::name);
  return found == all.end() ? nullptr : &*found;
}

// Of all points of all those families: values of counters and gauges, counts of histograms.
inline uint64_t total(const std::vector<MetricFamily>& all,
                      std::initializer_list<std::string_view> names) {
  uint64_t sum = 0;
  for (const std::string_view name : names) {
    if (const MetricFamily* each = family(all, name)) {
      for (const MetricPoint& point : each->points) {
        const auto* histogram = std::get_if<HistogramValue>(&point.value);
        sum += histogram != nullptr ? histogram->count : std::get<uint64_t>(point.value);
      }
    }
  }
  return sum;
}

inline std::string label(const MetricPoint& point, std::string_view name) {
  for (const auto& [each, value] : *point.labels) {
    if (each == name) {
      return value;
    }
  }
  return {};
}

}  // namespace sonde::toy
