// SPDX-License-Identifier: Apache-2.0
// Config: everything an operator can choose, made once at start and const from then on. Each room
// is given its own part. The initial values here are the defaults; options.cc names each one for
// files, environment and flags.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/base/log.h"
#include "userspace/model/selection_rule.h"

namespace sonde {

// Which way into the kernel to take. kAuto: the best that loads and proves itself.
enum class DoorChoice : uint8_t { kAuto, kSocktpBtf, kSocktpRaw };

// As the option spells it.
std::string_view door_name(DoorChoice door);

struct LogConfig {
  log::Level level = log::Level::kInfo;
};

struct WebConfig {
  std::string listen = "127.0.0.1:9464";  // checked: IP:PORT, IPv6 in brackets
};

struct KernelConfig {
  DoorChoice door = DoorChoice::kAuto;
  uint64_t ring_bytes = 8ull << 20;  // a power of two
  uint64_t batch_interval_ms = 10;   // at most one wake-up of the reader in this time
};

struct PipelineConfig {
  uint64_t shards = 0;  // 0: chosen by the number of CPUs
};

struct LimitsConfig {
  uint64_t connections = 65'536;
  uint64_t series = 20'000;
  uint64_t series_per_service = 2'000;
  uint64_t memory_bytes = 64ull << 20;  // captured bytes that wait for more
};

struct SelectionConfig {
  std::vector<SelectionRule> include;  // empty: everything
  std::vector<SelectionRule> exclude;  // wins over include
};

struct RecordConfig {
  std::string tape;
  bool raw = false;
};

struct ReplayConfig {
  std::vector<std::string> tapes;
  double speed = 0;  // 1: as it was; 0: as fast as possible
};

struct Config {
  std::string file;  // the file that was read; empty: none
  LogConfig log;
  WebConfig web;
  KernelConfig kernel;
  PipelineConfig pipeline;
  LimitsConfig limits;
  SelectionConfig selection;
  RecordConfig record;
  ReplayConfig replay;
};

}  // namespace sonde
