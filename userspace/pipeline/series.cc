// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/series.h"

#include <algorithm>

namespace sonde {
namespace {

template <typename HistogramType>
void append_family(std::vector<MetricFamily>& out, const MetricNames& names, Role role,
                   std::string_view unit, const std::vector<std::unique_ptr<Series>>& all,
                   HistogramType Series::* histogram) {
  const std::string_view name = names.*name_of(role);
  if (name.empty()) {
    return;
  }
  auto family = std::ranges::find(out, name, &MetricFamily::name);
  if (family == out.end()) {
    family = out.insert(out.end(), MetricFamily{.name = std::string(name),
                                                .unit = std::string(unit),
                                                .help = std::string(names.help),
                                                .kind = MetricKind::kHistogram,
                                                .bounds = HistogramType::bounds(),
                                                .points = {}});
  }
  family->points.reserve(family->points.size() + all.size());
  for (const auto& series : all) {
    const HistogramType& values = (*series).*histogram;
    if (!values.empty()) {
      family->points.push_back({series->labels, values.value()});
    }
  }
  if (family->points.empty()) {
    out.erase(family);
  }
}

}  // namespace

Series* SeriesTable::find(std::string_view key) {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : found->second;
}

Series& SeriesTable::add(std::string_view key, const Schema& schema, Role role,
                         std::shared_ptr<const Labels> labels) {
  auto group = std::ranges::find_if(
      groups_, [&](const Group& g) { return g.schema == &schema && g.role == role; });
  if (group == groups_.end()) {
    group = groups_.insert(groups_.end(), Group{&schema, role, {}});
  }
  auto series = std::make_unique<Series>();
  series->labels = std::move(labels);
  by_key_.emplace(std::string(key), series.get());
  return *group->series.emplace_back(std::move(series));
}

void SeriesTable::snapshot(std::vector<MetricFamily>& out) const {
  for (const Group& group : groups_) {
    const Schema& schema = *group.schema;
    append_family(out, schema.duration, group.role, "s", group.series, &Series::duration);
    append_family(out, schema.request_size, group.role, "By", group.series, &Series::request_size);
    append_family(out, schema.response_size, group.role, "By", group.series,
                  &Series::response_size);
  }
}

}  // namespace sonde
