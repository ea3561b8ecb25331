// SPDX-License-Identifier: Apache-2.0
// Declared: who a process says it is, in the variables that OpenTelemetry's SDKs read
// (OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES). Pure; the environment is hostile: any bytes.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "userspace/model/metrics.h"

namespace sonde {

constexpr size_t kMaxDeclaredLabels = 16;  // beside name, namespace and instance
constexpr size_t kMaxLabelName = 64;       // bytes
constexpr size_t kMaxLabelValue = 256;     // bytes

struct Declared {
  std::string name = {};        // service.name; empty: not said, as below
  std::string name_space = {};  // service.namespace
  std::string instance = {};    // service.instance.id
  Labels others = {};           // in the order given; each name once, the last value counts
  bool operator==(const Declared&) const = default;
};

// The variables of an environment (NAME=value, each with a zero byte behind it) that we read, in
// the same form; so that nothing else of it needs to be kept.
std::string telling_variables(std::string_view environment);

// Nothing: it says nothing. As the specification wants it, attributes that cannot be decoded are
// not taken at all; what is beyond a bound is left out.
std::optional<Declared> read_declared(std::string_view environment);

// True if it may be the name of a label: letters, digits, '_', '.', '-' and '/', a letter or '_'
// first, at most kMaxLabelName.
bool is_label_name(std::string_view name);

}  // namespace sonde
