// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/ledger.h"

#include <algorithm>
#include <memory>
#include <string>

#include "bpf/shared/counters.h"

namespace sonde {
namespace {

uint64_t at(KernelCounters counters, sonde_kernel_counter which) {
  return which < counters.size() ? counters[which] : 0;
}

}  // namespace

StageLedger kernel_ledger(KernelCounters counters) {
  const auto count = [&](sonde_kernel_counter which) { return at(counters, which); };
  return {.stage = "kernel",
          .seen = count(SONDE_COUNT_calls_seen) + count(SONDE_COUNT_runs_missed),
          .passed = count(SONDE_COUNT_calls_shipped) + count(SONDE_COUNT_calls_counted) +
                    count(SONDE_COUNT_calls_off) + count(SONDE_COUNT_unreadable_file),
          .pending = 0,
          .lost = {{"ring_full", count(SONDE_COUNT_calls_lost)},
                   {"program_busy", count(SONDE_COUNT_runs_missed)},
                   {"unreadable_many", count(SONDE_COUNT_unreadable_many)},
                   {"unreadable_truncated", count(SONDE_COUNT_unreadable_truncated)},
                   {"unreadable_context", count(SONDE_COUNT_unreadable_context)},
                   {"unreadable_fault", count(SONDE_COUNT_unreadable_fault)}}};
}

StageLedger ring_ledger(KernelCounters counters, uint64_t records_read, uint64_t malformed) {
  const uint64_t sent =
      at(counters, SONDE_COUNT_records_sent) + at(counters, SONDE_COUNT_records_swept);
  const uint64_t full = at(counters, SONDE_COUNT_records_lost);
  // Read may run ahead of sent, which was read a moment earlier.
  return {.stage = "ring",
          .seen = std::max(sent, records_read) + full,
          .passed = records_read - std::min(malformed, records_read),
          .pending = sent > records_read ? sent - records_read : 0,
          .lost = {{"ring_full", full}, {"malformed", malformed}}};
}

StageLedger flows_ledger(const FlowCounters& counters, uint64_t in_flight) {
  return {.stage = "flows",
          .seen = counters.requests_begun + counters.answers_unpaired,
          .passed = counters.requests_finished + counters.requests_unanswered,
          .pending = in_flight,
          .lost = {{"answer_lost", counters.requests_lost},
                   {"request_not_seen", counters.answers_unpaired}}};
}

StageLedger series_ledger(const RedCounters& counters) {
  return {.stage = "series",
          .seen = counters.seen,
          .passed = counters.counted + counters.overflowed,
          .pending = 0,
          .lost = {{"unmeasured", counters.unmeasured}}};
}

StageLedger graph_ledger(const GraphCounters& counters) {
  return {.stage = "graph",
          .seen = counters.seen,
          .passed = counters.counted + counters.twice,
          .pending = 0,
          .lost = {}};
}

void append_kernel_counters(KernelCounters counters, std::vector<MetricFamily>& out) {
  const NamedCounter all[] = {
#define X(name, help) {#name, help, at(counters, SONDE_COUNT_##name)},
      SONDE_KERNEL_COUNTERS(X)
#undef X
  };
  append_counters("sonde.kernel", all, out);
}

void append_flow_counters(const FlowCounters& counters, std::vector<MetricFamily>& out) {
  const NamedCounter all[] = {
#define X(name, help) {#name, help, counters.name},
      SONDE_FLOW_COUNTERS(X)
#undef X
  };
  append_counters("sonde.flows", all, out);
}

void append_red_counters(const RedCounters& counters, std::vector<MetricFamily>& out) {
  const NamedCounter all[] = {
#define X(name, help) {#name, help, counters.name},
      SONDE_RED_COUNTERS(X)
#undef X
  };
  append_counters("sonde.series", all, out);
  MetricFamily unknown{.name = "sonde.body.size.unknown",
                       .unit = "",
                       .help = "bodies whose size is not exact (cut or lost): in no size histogram",
                       .kind = MetricKind::kCounter,
                       .bounds = nullptr,
                       .points = {}};
  for (const auto& [body, count] : {std::pair{"request", counters.request_size_unknown},
                                    std::pair{"response", counters.response_size_unknown}}) {
    unknown.points.push_back(
        {std::make_shared<const Labels>(Labels{{"body", std::string(body)}}), count});
  }
  out.push_back(std::move(unknown));
}

void append_graph_counters(const GraphCounters& counters, std::vector<MetricFamily>& out) {
  const NamedCounter all[] = {
#define X(name, help) {#name, help, counters.name},
      SONDE_GRAPH_COUNTERS(X)
#undef X
  };
  append_counters("sonde.graph", all, out);
}

void append_join_counters(const JoinCounters& counters, std::vector<MetricFamily>& out) {
  const NamedCounter all[] = {
#define X(name, help) {#name, help, counters.name},
      SONDE_JOIN_COUNTERS(X)
#undef X
  };
  append_counters("sonde.joins", all, out);
}

}  // namespace sonde
