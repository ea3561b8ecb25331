// SPDX-License-Identifier: Apache-2.0
#include "exporters/prometheus/labels.h"

#include <algorithm>

#include "exporters/prometheus/names.h"
#include "exporters/utf8.h"

namespace sonde::prometheus {
std::span<const LabelSpeller::Label> LabelSpeller::spell(const Labels& labels) {
  if (spelt_.size() < labels.size()) {
    spelt_.resize(labels.size());
  }
  size_t count = 0;
  for (const auto& [name, value] : labels) {
    Label& next = spelt_[count];
    next.name.clear();
    append_label_name(name, next.name);
    const auto known = std::span(spelt_).first(count);
    const auto same = std::ranges::find(known, next.name, &Label::name);
    if (same != known.end()) {
      same->value += ';';
      append_utf8(value, same->value);
      continue;
    }
    next.value.clear();
    append_utf8(value, next.value);
    ++count;
  }
  return std::span(spelt_).first(count);
}

}  // namespace sonde::prometheus
