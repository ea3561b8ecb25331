// SPDX-License-Identifier: Apache-2.0
// The labels that every metric of a service begins with.
#pragma once

#include <string_view>

#include "userspace/model/service.h"

namespace sonde {

// Adds a label, its value cleaned (label_value.h); not if the value is empty, or the name is there
// already or would be spelt the same by an exporter (a.b and a_b).
void add_label(Labels& labels, std::string_view name, std::string_view value);

// instance, job, service.name, service.namespace, then what the service has of its own.
Labels service_labels(const Service& service);

}  // namespace sonde
