// SPDX-License-Identifier: Apache-2.0
// Service: who a process is, as metrics name it. Immutable once published; the inventory makes one
// for each group of processes that count as the same, and hands it out by reference. Strings may
// hold any bytes (they come from the watched world): who exports them cleans them.
#pragma once

#include <memory>
#include <string>

#include "userspace/model/metrics.h"

namespace sonde {

struct Service {
  std::string name;        // service.name
  std::string name_space;  // service.namespace; empty: none
  std::string instance;    // which one of several alike: host:name, or namespace.pod.container
  std::string job;         // "namespace/name", or the name alone
  std::string language;    // telemetry.sdk.language; empty: not known
  Labels extra;            // further labels of all its metrics, in OpenTelemetry's names
  // What else is known of it, for target_info alone: a version, the id of its container. It may
  // change while the service remains the same.
  Labels about = {};

  // The same service: what labels its metrics is equal.
  bool operator==(const Service& other) const {
    return name == other.name && name_space == other.name_space && instance == other.instance &&
           job == other.job && language == other.language && extra == other.extra;
  }
};

using ServiceRef = std::shared_ptr<const Service>;

}  // namespace sonde
