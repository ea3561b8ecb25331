// SPDX-License-Identifier: Apache-2.0
// make_tape: writes a synthetic tape.
//   make_tape FILE [connections=100] [exchanges=100] [pipelined=1] [close=0] [captured=1048576]
//   [raw=0]
#include <fmt/core.h>

#include <cstdlib>
#include <string_view>

#include "tests/bench/synthetic.h"
#include "userspace/cli/tape_redaction.h"
#include "userspace/kernel/tape_writer.h"
#include "userspace/protocols/http1_redact.h"

int main(int argc, char** argv) {
  using namespace sonde;
  synthetic::Shape shape;
  bool raw = false;
  for (int i = 2; i < argc; i++) {
    const std::string_view option = argv[i];
    const size_t equals = option.find('=');
    const auto value = equals == option.npos
                           ? 0u
                           : static_cast<uint32_t>(std::strtoul(argv[i] + equals + 1, nullptr, 10));
    const std::string_view key = option.substr(0, equals);
    if (key == "connections") {
      shape.connections = value;
    } else if (key == "exchanges") {
      shape.exchanges = value;
    } else if (key == "pipelined" && value > 0) {
      shape.pipelined = value;
    } else if (key == "close") {
      shape.close = value != 0;
    } else if (key == "captured") {
      shape.captured = value;
    } else if (key == "raw") {
      raw = value != 0;
    } else {
      fmt::print(stderr, "make_tape: {}?\n", option);
      return 2;
    }
  }
  if (argc < 2) {
    fmt::print(
        stderr,
        "make_tape FILE [connections=] [exchanges=] [pipelined=] [close=] [captured=] [raw=]\n");
    return 2;
  }
  TapeRedaction redaction(&make_http1_redactor);
  auto writer = TapeWriter::create({.path = argv[1], .overwrite = true, .max_bytes = 0},
                                   {.monotonic_ns = 1'000'000'000,
                                    .wall_ns = 1'700'000'000'000'000'000,
                                    .kernel = "synthetic",
                                    .door = "synthetic",
                                    .raw = raw},
                                   raw ? nullptr : &redaction);
  if (!writer) {
    fmt::print(stderr, "make_tape: {}\n", writer.error().what);
    return 1;
  }
  const uint64_t exchanges = synthetic::traffic(
      shape, [&](std::span<const uint8_t> record) { (*writer)->record(record); });
  if (const Result<> done = (*writer)->finish(); !done) {
    fmt::print(stderr, "make_tape: {}\n", done.error().what);
    return 1;
  }
  fmt::print("{} exchanges, {} records, {} bytes\n", exchanges,
             (*writer)->counters().records_written, (*writer)->counters().bytes_written);
  return 0;
}
