// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/own_metrics.h"

#include <memory>
#include <utility>

namespace sonde {
namespace {

std::shared_ptr<const Labels> shared(Labels labels) {
  return std::make_shared<const Labels>(std::move(labels));
}

MetricFamily family(std::string name, std::string_view unit, std::string_view help,
                    MetricKind kind) {
  return {.name = std::move(name),
          .unit = std::string(unit),
          .help = std::string(help),
          .kind = kind,
          .bounds = nullptr,
          .points = {}};
}

}  // namespace

uint64_t total_lost(const StageLedger& ledger) {
  uint64_t sum = 0;
  for (const Loss& loss : ledger.lost) {
    sum += loss.count;
  }
  return sum;
}

int64_t unexplained(const StageLedger& ledger) {
  return static_cast<int64_t>(ledger.seen - ledger.passed - ledger.pending - total_lost(ledger));
}

void append_ledger(std::span<const StageLedger> stages, std::vector<MetricFamily>& out) {
  MetricFamily seen =
      family("sonde.stage.seen", "", "What a stage was given.", MetricKind::kCounter);
  MetricFamily passed =
      family("sonde.stage.passed", "", "What a stage handed on or was told to leave out.",
             MetricKind::kCounter);
  MetricFamily pending =
      family("sonde.stage.pending", "", "What a stage still works on.", MetricKind::kGauge);
  MetricFamily lost =
      family("sonde.lost", "", "What a stage lost, by reason. Seen = passed + lost + pending.",
             MetricKind::kCounter);
  for (const StageLedger& ledger : stages) {
    const auto labels = shared({{"stage", std::string(ledger.stage)}});
    seen.points.push_back({labels, ledger.seen});
    passed.points.push_back({labels, ledger.passed});
    pending.points.push_back({labels, ledger.pending});
    for (const Loss& loss : ledger.lost) {
      lost.points.push_back(
          {shared({{"stage", std::string(ledger.stage)}, {"reason", std::string(loss.reason)}}),
           loss.count});
    }
  }
  for (MetricFamily* each : {&seen, &passed, &pending, &lost}) {
    out.push_back(std::move(*each));
  }
}

void append_counters(std::string_view prefix, std::span<const NamedCounter> counters,
                     std::vector<MetricFamily>& out) {
  const auto no_labels = shared({});
  for (const NamedCounter& counter : counters) {
    std::string name(prefix);
    name += '.';
    name += counter.name;
    MetricFamily& made =
        out.emplace_back(family(std::move(name), "", counter.help, MetricKind::kCounter));
    made.points.push_back({no_labels, counter.value});
  }
}

MetricFamily gauge(std::string_view name, std::string_view unit, std::string_view help,
                   double value) {
  MetricFamily made = family(std::string(name), unit, help, MetricKind::kGauge);
  made.points.push_back({shared({}), value});
  return made;
}

MetricFamily build_info(std::string_view version) {
  MetricFamily made = family("sonde.build", "", "The Sonde that answers.", MetricKind::kInfo);
  made.points.push_back({shared({{"version", std::string(version)}}), uint64_t{1}});
  return made;
}

}  // namespace sonde
