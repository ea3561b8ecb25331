// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/books.h"

#include "userspace/pipeline/ledger.h"

namespace sonde {
namespace {

// Records on their way through the decoder and the selection. Process records pass by.
StageLedger records_ledger(const ShardCounters& shards) {
  return {.stage = "records",
          .seen = shards.records_seen,
          .passed = shards.records_taken + shards.records_excluded,
          .pending = 0,
          .lost = {{"malformed", shards.records_malformed}}};
}

}  // namespace

std::vector<StageLedger> stages_of(const Books& books) {
  std::vector<StageLedger> stages;
  if (!books.kernel.empty()) {
    stages.push_back(kernel_ledger(books.kernel));
  }
  if (!books.kernel.empty() && books.records_read) {
    // What is malformed is the next stage's to count.
    stages.push_back(ring_ledger(books.kernel, *books.records_read, 0));
  }
  stages.push_back(records_ledger(books.pipeline.shards));
  stages.push_back(flows_ledger(books.pipeline.flows, books.pipeline.in_flight));
  stages.push_back(series_ledger(books.pipeline.red));
  stages.push_back(graph_ledger(books.pipeline.graph));
  return stages;
}

void append_books(const Books& books, std::vector<MetricFamily>& out) {
  const std::vector<StageLedger> stages = stages_of(books);
  append_ledger(stages, out);
  if (!books.kernel.empty()) {
    append_kernel_counters(books.kernel, out);
  }
  append_flow_counters(books.pipeline.flows, out);
  append_red_counters(books.pipeline.red, out);
  append_graph_counters(books.pipeline.graph, out);
  append_join_counters(books.pipeline.joins, out);
  append_counters("sonde.host", books.host, out);
  out.push_back(gauge("sonde.connections", "", "connections known to the flows",
                      static_cast<double>(books.pipeline.connections)));
  out.push_back(
      gauge("sonde.series", "", "label sets kept", static_cast<double>(books.pipeline.series)));
  out.push_back(gauge("sonde.graph.pairs", "", "pairs of services kept",
                      static_cast<double>(books.pipeline.pairs)));
}

}  // namespace sonde
