// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/series.h"

#include <algorithm>
#include <array>

namespace sonde {
namespace {

constexpr size_t kMetrics = 4;

// Where the points of a group go: an index into the families, by metric.
using Places = std::array<size_t, kMetrics>;
constexpr size_t kNowhere = SIZE_MAX;

size_t family_of(std::vector<MetricFamily>& families, const MetricNames& names, Role role,
                 std::string_view unit, const std::shared_ptr<const std::vector<double>>& bounds) {
  const auto of_role = name_of(role);
  const std::string_view name = of_role == nullptr ? std::string_view() : names.*of_role;
  if (name.empty()) {
    return kNowhere;
  }
  const auto known = std::ranges::find(families, name, &MetricFamily::name);
  if (known != families.end()) {
    return static_cast<size_t>(known - families.begin());
  }
  families.push_back({.name = std::string(name),
                      .unit = std::string(unit),
                      .help = std::string(names.help),
                      .kind = MetricKind::kHistogram,
                      .bounds = bounds,
                      .points = {}});
  return families.size() - 1;
}

}  // namespace

Series& SeriesTable::add(std::string_view key, Share& share, const IdleClock& clock,
                         const Request& first, std::shared_ptr<const Labels> labels) {
  auto group = std::ranges::find_if(
      groups_, [&](const Group& g) { return g.schema == first.schema && g.role == first.role; });
  if (group == groups_.end()) {
    group = groups_.insert(groups_.end(), Group{first.schema, first.role});
  }
  Series& series = table_.add(key, share, clock, first.start_ns);
  series.labels = std::move(labels);
  series.group = static_cast<uint16_t>(group - groups_.begin());
  return series;
}

void SeriesTable::snapshot(std::vector<MetricFamily>& out, const SnapshotClock& clock) const {
  std::vector<MetricFamily> families;
  std::vector<Places> places;
  for (const auto& [schema, role] : groups_) {
    const auto& seconds = DurationHistogram::bounds();
    const auto& bytes = SizeHistogram::bounds();
    places.push_back({family_of(families, schema->duration, role, "s", seconds),
                      family_of(families, schema->request_size, role, "By", bytes),
                      family_of(families, schema->response_size, role, "By", bytes),
                      family_of(families, schema->first_byte, role, "s", seconds)});
  }
  // Room for all that may come: memory that is never touched costs nothing, a vector that grows
  // does.
  std::vector<size_t> room(families.size());
  for (const auto& series : table_.entries()) {
    for (const size_t place : places[series->group]) {
      if (place != kNowhere) {
        ++room[place];
      }
    }
  }
  for (size_t i = 0; i < families.size(); ++i) {
    families[i].points.reserve(room[i]);
  }
  const auto store = std::make_shared<MetricStore>();
  for (const auto& series : table_.entries()) {
    const uint64_t start = clock.wall_ns(series->lease.began_ns);
    const auto append = [&](size_t place, const auto& histogram) {
      if (place == kNowhere) {
        return;
      }
      if (HistogramValue value = histogram.value(*store); value.count != 0) {
        families[place].points.push_back({series->labels, std::move(value), start});
      }
    };
    const Places& to = places[series->group];
    append(to[0], series->duration);
    append(to[1], series->request_size);
    append(to[2], series->response_size);
    append(to[3], series->first_byte);
  }
  for (MetricFamily& family : families) {
    if (!family.points.empty()) {
      family.stores.push_back(store);
      out.push_back(std::move(family));
    }
  }
}

}  // namespace sonde
