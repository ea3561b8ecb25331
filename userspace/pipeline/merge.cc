// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/merge.h"

#include <tsl/robin_map.h>

#include <algorithm>
#include <cassert>
#include <functional>
#include <iterator>
#include <string_view>

#include "userspace/pipeline/exponential.h"

namespace sonde {
namespace {

struct LabelsHash {
  size_t operator()(const Labels* labels) const {
    size_t hash = labels->size();
    for (const auto& [name, value] : *labels) {
      for (const std::string_view text : {std::string_view(name), std::string_view(value)}) {
        hash = hash * 0x9E3779B97F4A7C15ull + std::hash<std::string_view>{}(text);
      }
    }
    return hash;
  }
};
struct LabelsEqual {
  bool operator()(const Labels* a, const Labels* b) const { return a == b || *a == *b; }
};

void add(HistogramValue& to, const HistogramValue& more, MetricStore& store) {
  const auto counts = store.take<uint64_t>(std::max(to.counts.size(), more.counts.size()));
  std::ranges::copy(to.counts, counts.begin());
  for (size_t i = 0; i < more.counts.size(); ++i) {
    counts[i] += more.counts[i];
  }
  to.counts = counts;
  if (to.exponential == nullptr || more.exponential == nullptr) {
    to.exponential = to.exponential == nullptr ? more.exponential : to.exponential;
  } else {
    to.exponential = merged(*to.exponential, *more.exponential, store);
  }
  if (to.exemplars.empty()) {
    to.exemplars = more.exemplars;
  }
  to.sum += more.sum;
  to.count += more.count;
}

void add(MetricPoint& to, const MetricPoint& more, MetricStore& store) {
  assert(to.value.index() == more.value.index());
  std::visit(
      [&](auto& value) {
        using Value = std::remove_reference_t<decltype(value)>;
        if (const auto* other = std::get_if<Value>(&more.value)) {
          if constexpr (std::is_same_v<Value, HistogramValue>) {
            add(value, *other, store);
          } else {
            value += *other;
          }
        }
      },
      to.value);
}

void merge_points(MetricFamily& to, MetricFamily&& from) {
  assert(to.kind == from.kind);
  tsl::robin_map<const Labels*, size_t, LabelsHash, LabelsEqual> places(to.points.size());
  for (size_t i = 0; i < to.points.size(); ++i) {
    places.emplace(to.points[i].labels.get(), i);
  }
  const auto store = std::make_shared<MetricStore>();
  for (MetricPoint& point : from.points) {
    const auto found = places.find(point.labels.get());
    if (found == places.end()) {
      to.points.push_back(std::move(point));
    } else if (to.kind != MetricKind::kInfo) {
      MetricPoint& same = to.points[found->second];
      same.start_wall_ns = std::min(same.start_wall_ns, point.start_wall_ns);
      add(same, point, *store);
    }
  }
  if (to.kind == MetricKind::kHistogram) {
    to.stores.insert(to.stores.end(), from.stores.begin(), from.stores.end());
    to.stores.push_back(store);
  }
}

}  // namespace

void merge_families(std::vector<MetricFamily>& total, std::vector<MetricFamily>&& part) {
  for (MetricFamily& family : part) {
    const auto same = std::ranges::find(total, family.name, &MetricFamily::name);
    if (same == total.end()) {
      total.push_back(std::move(family));
    } else {
      merge_points(*same, std::move(family));
    }
  }
  part.clear();
}

}  // namespace sonde
