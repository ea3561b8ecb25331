// SPDX-License-Identifier: Apache-2.0
// What each service's figures are worth: how many exchanges were counted, how many are known to be
// missing and why, and the share of those. Own metrics, with the service's labels.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "userspace/model/metrics.h"
#include "userspace/pipeline/service_states.h"

namespace sonde {

struct ServiceAccount {
  std::shared_ptr<const Labels> labels;
  ServiceTally tally;
};

// Accounts with the same labels (of several shards) are one. One without labels is of services
// there was no room for, and is told if it has anything to tell.
void append_accounts(std::span<const ServiceAccount> accounts, std::vector<MetricFamily>& out);

}  // namespace sonde
