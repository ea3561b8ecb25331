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
#include "userspace/model/doors.h"
#include "userspace/model/naming_rule.h"
#include "userspace/model/rate_rule.h"
#include "userspace/model/selection_rule.h"

namespace sonde {

struct LogConfig {
  log::Level level = log::Level::kInfo;
};

struct WebConfig {
  std::string listen = "127.0.0.1:9464";  // checked: IP:PORT, IPv6 in brackets
  std::string tls_certificate;            // files; empty: no TLS
  std::string tls_key;
  std::string users;             // file; empty: nobody is asked
  bool created_samples = false;  // in OpenMetrics
  bool profiles = true;
};

struct KernelConfig {
  DoorChoice door = DoorChoice::kAuto;
  uint64_t ring_bytes = 8ull << 20;  // a power of two
  uint64_t batch_interval_ms = 10;   // at most one wake-up of the reader in this time
  bool tcp_health = true;
  std::string types;  // file; empty: the kernel has its own
};

struct PipelineConfig {
  uint64_t shards = 0;  // 0: chosen by the number of CPUs
};

struct LimitsConfig {
  uint64_t connections = 65'536;
  uint64_t series = 20'000;
  uint64_t series_per_service = 2'000;
  uint64_t tcp_peers = 50;
  uint64_t series_idle_ms = 300'000;    // 0: series stay for ever
  uint64_t memory_bytes = 64ull << 20;  // captured bytes that wait for more
};

struct GovernorConfig {
  double cpu_percent = 25;               // of all CPUs' time; 0: any
  uint64_t memory_bytes = 512ull << 20;  // 0: any
};

struct SecurityConfig {
  bool confine = true;
};

struct SelectionConfig {
  std::vector<SelectionRule> include;  // empty: everything
  std::vector<SelectionRule> exclude;  // wins over include
};

struct NamingConfig {
  std::vector<NamingRule> rules;
  // What of the things known of a service becomes a label of all its metrics.
  std::vector<std::string> labels = {
      "container.name",     "deployment.environment", "deployment.environment.name",
      "k8s.namespace.name", "k8s.pod.name",           "k8s.container.name"};
};

struct RoutesConfig {
  std::vector<std::string> patterns;
};

struct RecordConfig {
  std::string tape;
  bool raw = false;
  bool samples = false;
};

struct ReplayConfig {
  std::vector<std::string> tapes;
  double speed = 0;  // 1: as it was; 0: as fast as possible
};

struct ProfileConfig {
  uint64_t pid = 0;     // 0: every process
  std::string service;  // empty: every service
  std::string replay;   // tape; empty: this host is sampled
  uint64_t seconds = 30;
  uint64_t frequency = 49;  // samples a second of each CPU
  std::vector<RateRule> rates;
  std::string output;    // file; empty: chosen by the form; with every: a folder
  uint64_t every = 0;    // seconds of each of many; 0: one profile
  uint64_t keep = 1440;  // of them, as files
  uint64_t keep_bytes = 1ull << 30;
  bool folded = false;
  bool text = false;
  bool otlp = false;
  std::string flame;   // file; empty: none is drawn
  bool force = false;  // also where the kernel may lock up
  bool lines = true;   // inlined functions, files and lines, too
};

// Names and lines of files that this host has no symbols of.
struct SymbolsConfig {
  std::string debuginfod;  // servers to ask for them; "env": those of DEBUGINFOD_URLS; empty: none
  uint64_t debuginfod_ms = 90'000;                  // that one file may take
  uint64_t debuginfod_bytes = uint64_t{512} << 20;  // of one file
};

struct CompareConfig {
  std::vector<std::string> profiles;  // files: the earlier, the later
};

struct Config {
  std::string file;  // the file that was read; empty: none
  LogConfig log;
  SecurityConfig security;
  GovernorConfig governor;
  WebConfig web;
  KernelConfig kernel;
  PipelineConfig pipeline;
  LimitsConfig limits;
  SelectionConfig selection;
  NamingConfig naming;
  RoutesConfig routes;
  RecordConfig record;
  ReplayConfig replay;
  ProfileConfig profile;
  SymbolsConfig symbols;
  CompareConfig compare;
};

}  // namespace sonde
