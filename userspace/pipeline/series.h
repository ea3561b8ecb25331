// SPDX-License-Identifier: Apache-2.0
// SeriesTable: the histograms of one shard, by label set, under hard caps. It knows schemas and
// roles, not how labels come about. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "userspace/model/metrics.h"
#include "userspace/model/request.h"
#include "userspace/pipeline/capped_table.h"
#include "userspace/pipeline/histogram.h"
#include "userspace/pipeline/snapshot_clock.h"

namespace sonde {

struct ActiveGroup;
struct ServicePair;
struct ServiceTally;

// What was measured of one schema and role under one label set.
struct Series {
  Lease lease;
  std::shared_ptr<const Labels> labels;
  ServiceTally* tally = nullptr;  // of its service
  ActiveGroup* active = nullptr;  // where its exchanges stood before they ended; null: nowhere
  // The pair of services that its exchanges are of, if the labels tell; the graph's.
  ServicePair* pair = nullptr;
  uint16_t group = 0;     // which schema and role, the table's
  bool overflow = false;  // stands for several label sets there was no room for
  DurationHistogram duration;
  DurationHistogram first_byte;
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
  explicit SeriesTable(const CappedTable<Series>::Limits& limits) : table_(limits) {}

  // nullptr: not there. Keys are any bytes; what differs in labels, schema or role must differ in
  // its key.
  Series* find(std::string_view key) const { return table_.find(key); }
  bool has_room(const Share& share) const { return table_.has_room(share); }
  bool has_room_for_overflow() const { return table_.has_room_for_overflow(); }

  // Adds a series; the caller has made sure that the key is new. Stays where it is until it leaves.
  Series& add(std::string_view key, Share& share, const IdleClock& clock, const Request& first,
              std::shared_ptr<const Labels> labels);

  size_t expire(const IdleClock& clock) { return table_.expire(clock); }

  size_t size() const { return table_.size(); }
  const std::vector<std::unique_ptr<Series>>& all() const { return table_.entries(); }

  // Appends a family for each metric that has points; families of one name are one.
  void snapshot(std::vector<MetricFamily>& out, const SnapshotClock& clock) const;

 private:
  struct Group {
    const Schema* schema;
    Role role;
  };

  CappedTable<Series> table_;
  std::vector<Group> groups_;
};

}  // namespace sonde
