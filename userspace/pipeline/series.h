// SPDX-License-Identifier: Apache-2.0
// SeriesTable: the histograms of one shard, by label set, under a hard cap. It knows schemas and
// roles, not how labels come about. One thread.
#pragma once

#include <tsl/robin_map.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/model/metrics.h"
#include "userspace/model/request.h"
#include "userspace/pipeline/histogram.h"

namespace sonde {

// What was measured of one schema and role under one label set.
struct Series {
  std::shared_ptr<const Labels> labels;
  bool overflow = false;  // stands for several label sets there was no room for
  DurationHistogram duration;
  SizeHistogram request_size;
  SizeHistogram response_size;
};

// The names of the metrics that a role feeds; nullptr for a role that is not known.
inline const std::string_view MetricNames::* name_of(Role role) {
  switch (role) {
    case Role::kServer:
      return &MetricNames::server;
    case Role::kClient:
      return &MetricNames::client;
    case Role::kUnknown:
      break;
  }
  return nullptr;
}

class SeriesTable {
 public:
  // nullptr: not there. Keys are any bytes; what differs in labels, schema or role must differ in
  // its key.
  Series* find(std::string_view key);

  // Adds a series; the caller has made sure that the key is new. Stays where it is for the life of
  // the table.
  Series& add(std::string_view key, const Schema& schema, Role role,
              std::shared_ptr<const Labels> labels);

  size_t size() const { return by_key_.size(); }

  // Appends a family for each metric that has points; families of one name are one.
  void snapshot(std::vector<MetricFamily>& out) const;

 private:
  struct Group {
    const Schema* schema;
    Role role;
    std::vector<std::unique_ptr<Series>> series;
  };
  struct KeyHash {
    using is_transparent = void;
    size_t operator()(std::string_view key) const { return std::hash<std::string_view>{}(key); }
  };

  tsl::robin_map<std::string, Series*, KeyHash, std::equal_to<>> by_key_;
  std::vector<Group> groups_;
};

}  // namespace sonde
