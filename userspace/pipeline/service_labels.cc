// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/service_labels.h"

#include <algorithm>

#include "userspace/model/naming_rule.h"
#include "userspace/pipeline/label_value.h"

namespace sonde {

void add_label(Labels& labels, std::string_view name, std::string_view value) {
  const bool there =
      std::ranges::any_of(labels, [&](const auto& label) { return same_label(label.first, name); });
  if (value.empty() || there) {
    return;
  }
  std::string& cleaned = labels.emplace_back(name, std::string()).second;
  append_label_value(value, cleaned);
}

Labels service_labels(const Service& service) {
  Labels labels;
  add_label(labels, "instance", service.instance);
  add_label(labels, "job", service.job);
  add_label(labels, "service.name", service.name);
  add_label(labels, "service.namespace", service.name_space);
  for (const auto& [name, value] : service.extra) {
    add_label(labels, name, value);
  }
  return labels;
}

}  // namespace sonde
