// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/service_accounts.h"

#include <map>
#include <string>
#include <utility>

namespace sonde {
namespace {

MetricFamily family(std::string name, std::string unit, std::string help, MetricKind kind) {
  return {.name = std::move(name),
          .unit = std::move(unit),
          .help = std::move(help),
          .kind = kind,
          .bounds = nullptr,
          .points = {}};
}

uint64_t lost_of(const ServiceTally& tally, FlowLoss what) {
  return tally.lost[static_cast<size_t>(what)];
}

double share_of(uint64_t part, uint64_t all) {
  return all == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(all);
}

bool is_empty(const ServiceTally& tally) {
  uint64_t sum = tally.exchanges;
  for (const uint64_t count : tally.lost) {
    sum += count;
  }
  return sum == 0;
}

// By content; the service's own set of labels is kept.
struct ByContent {
  using Ref = std::shared_ptr<const Labels>;
  bool operator()(const Ref& a, const Ref& b) const { return *a < *b; }
};

}  // namespace

void append_accounts(std::span<const ServiceAccount> accounts, std::vector<MetricFamily>& out) {
  std::map<std::shared_ptr<const Labels>, ServiceTally, ByContent> merged;
  for (const ServiceAccount& account : accounts) {
    if (account.labels->empty() && is_empty(account.tally)) {
      continue;
    }
    ServiceTally& total = merged[account.labels];
    total.exchanges += account.tally.exchanges;
    total.unread += account.tally.unread;
    for (size_t i = 0; i < kFlowLosses; ++i) {
      total.lost[i] += account.tally.lost[i];
    }
  }
  MetricFamily exchanges = family("sonde.service.exchanges", "",
                                  "Exchanges of a service that were counted", MetricKind::kCounter);
  MetricFamily lost =
      family("sonde.service.exchanges.lost", "",
             "Exchanges of a service that are known to be in no other metric, by reason",
             MetricKind::kCounter);
  MetricFamily records = family("sonde.service.records.lost", "",
                                "Records of a service's connections that found no room on their "
                                "way; some may have held exchanges that nobody knows of",
                                MetricKind::kCounter);
  MetricFamily share =
      family("sonde.service.lost", "1", "Exchanges lost, as a share of those counted and lost",
             MetricKind::kGauge);
  MetricFamily unread =
      family("sonde.service.exchanges.unread", "",
             "Of them: counted, not read, since Sonde restrained itself", MetricKind::kCounter);
  MetricFamily unread_share = family(
      "sonde.service.unread", "1",
      "Exchanges that were counted, not read, as a share of those counted", MetricKind::kGauge);
  for (const auto& [labels, tally] : merged) {
    exchanges.points.push_back({labels, tally.exchanges});
    unread.points.push_back({labels, tally.unread});
    unread_share.points.push_back({labels, share_of(tally.unread, tally.exchanges)});
    uint64_t missing = 0;
    for (const auto& [what, reason] : {std::pair{FlowLoss::kAnswer, "answer_lost"},
                                       std::pair{FlowLoss::kRequest, "request_not_seen"}}) {
      Labels with_reason = *labels;
      with_reason.emplace_back("reason", reason);
      lost.points.push_back(
          {std::make_shared<const Labels>(std::move(with_reason)), lost_of(tally, what)});
      missing += lost_of(tally, what);
    }
    records.points.push_back({labels, lost_of(tally, FlowLoss::kRecord)});
    share.points.push_back({labels, share_of(missing, tally.exchanges + missing)});
  }
  for (MetricFamily* each : {&exchanges, &lost, &records, &share, &unread, &unread_share}) {
    if (!each->points.empty()) {
      out.push_back(std::move(*each));
    }
  }
}

}  // namespace sonde
