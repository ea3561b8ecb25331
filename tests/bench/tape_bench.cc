// SPDX-License-Identifier: Apache-2.0
// What a record costs: to decode, to redact, to write, to read back. The traffic is synthetic.h's.
#include <benchmark/benchmark.h>
#include <sys/mman.h>

#include <vector>

#include "tests/bench/synthetic.h"
#include "userspace/base/crc32c.h"
#include "userspace/cli/tape_redaction.h"
#include "userspace/kernel/tape_reader.h"
#include "userspace/kernel/tape_writer.h"
#include "userspace/protocols/http1_redact.h"

namespace sonde {
namespace {

using Record = std::vector<uint8_t>;

std::vector<Record> records() {
  std::vector<Record> out;
  synthetic::traffic(
      {.connections = 100, .exchanges = 100, .pipelined = 1, .close = false, .captured = 1 << 20},
      [&](std::span<const uint8_t> record) { out.emplace_back(record.begin(), record.end()); });
  return out;
}

struct Sum {
  uint64_t bytes = 0;
  void on(const DataMoved& data) { bytes += data.captured.size(); }
  template <typename E>
  void on(const E& event) {
    bytes += event.time_ns;
  }
};

void per_record(benchmark::State& state, size_t count) {
  state.SetItemsProcessed(static_cast<int64_t>(static_cast<size_t>(state.iterations()) * count));
}

void decode_records(benchmark::State& state) {
  const auto all = records();
  Sum sum;
  for (auto _ : state) {
    for (const Record& record : all) {
      decode_to(record, sum);
    }
    benchmark::DoNotOptimize(sum.bytes);
  }
  per_record(state, all.size());
}
BENCHMARK(decode_records);

void redact_records(benchmark::State& state) {
  const auto all = records();
  for (auto _ : state) {
    state.PauseTiming();
    auto copy = all;
    TapeRedaction redaction(&make_http1_redactor);
    state.ResumeTiming();
    for (Record& record : copy) {
      redaction.keep(record);
    }
  }
  per_record(state, all.size());
}
BENCHMARK(redact_records);

void write_records(benchmark::State& state) {
  const auto all = records();
  const Fd file(memfd_create("tape", MFD_CLOEXEC));
  for (auto _ : state) {
    ::lseek(file.get(), 0, SEEK_SET);
    TapeWriter writer(Fd(::dup(file.get())), 0, {}, nullptr);
    for (const Record& record : all) {
      writer.record(record);
    }
    benchmark::DoNotOptimize(writer.finish());
  }
  per_record(state, all.size());
}
BENCHMARK(write_records);

void read_and_decode_records(benchmark::State& state) {
  const auto all = records();
  const Fd file(memfd_create("tape", MFD_CLOEXEC));
  TapeWriter writer(Fd(::dup(file.get())), 0, {}, nullptr);
  for (const Record& record : all) {
    writer.record(record);
  }
  if (!writer.finish()) {
    state.SkipWithError("no tape");
    return;
  }
  Sum sum;
  for (auto _ : state) {
    ::lseek(file.get(), 0, SEEK_SET);
    auto reader = TapeReader::read_from(Fd(::dup(file.get())));
    TapeFrame frame;
    while ((*reader)->next(frame)) {
      decode_to(frame.payload, sum);
    }
    benchmark::DoNotOptimize(sum.bytes);
  }
  per_record(state, all.size());
}
BENCHMARK(read_and_decode_records);

void check_a_kilobyte(benchmark::State& state) {
  const std::vector<uint8_t> bytes(1024, 7);
  for (auto _ : state) {
    benchmark::DoNotOptimize(crc32c(bytes));
  }
  state.SetBytesProcessed(state.iterations() * 1024);
}
BENCHMARK(check_a_kilobyte);

}  // namespace
}  // namespace sonde

BENCHMARK_MAIN();
