// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/watch.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <iterator>

#include "exporters/prometheus/endpoint.h"
#include "exporters/web/health.h"
#include "exporters/web/server.h"
#include "userspace/base/log.h"
#include "userspace/cli/command.h"
#include "userspace/cli/door_checks.h"
#include "userspace/cli/live.h"
#include "userspace/cli/signals.h"
#include "userspace/cli/tape_recorder.h"

namespace sonde::cli {
namespace {

std::string what_is_watched(const Config& config, size_t processes) {
  const SelectionConfig& selection = config.selection;
  std::string out = selection.include.empty()
                        ? "every process"
                        : fmt::format("{} include rules", selection.include.size());
  if (!selection.exclude.empty()) {
    out += fmt::format(" but {} exclude rules", selection.exclude.size());
  }
  return out + fmt::format(" ({} run now)", processes);
}

// One screen: the kernel and the door in use, what is watched, what is missed and why, and the
// address.
std::string start_screen(const Config& config, Live& live, std::span<const DoorAttempt> attempts,
                         std::string where) {
  Checklist list;
  list.add(kernel_check());
  for (const DoorAttempt& attempt : attempts) {
    Check check = door_check(attempt, false);
    check.finding = fmt::format("{}: {}", check.name, check.finding);
    check.name = attempt.taken ? "door" : "not taken";
    list.add(std::move(check));
  }
  list.add({.name = "watched",
            .state = CheckState::kOk,
            .finding = what_is_watched(config, live.host().inventory().size()),
            .affects = {},
            .remedy = {}});
  list.add({.name = "missed",
            .state = CheckState::kOk,
            .finding = std::string(live.kernel().door().misses),
            .affects = {},
            .remedy = {}});
  for (const std::string& warning : live.kernel().warnings()) {
    list.add({.name = "hooks",
              .state = CheckState::kDegraded,
              .finding = warning,
              .affects = {},
              .remedy = {}});
  }
  list.add({.name = "result",
            .state = CheckState::kOk,
            .finding = std::move(where),
            .affects = {},
            .remedy = {}});
  return list.text(wants_colour(STDERR_FILENO));
}

int failed(const Error& error) {
  log::error("{}", error.what);
  return kFailure;
}

void wait_for_end() {
  const int signal = wait_for_signal();
  log::info("ending signal={}", signal);
}

}  // namespace

int watch_host(const Config& config) {
  block_signals();
  adopt_libbpf_log();
  std::atomic<bool> ready{false};
  std::atomic<web::WebServer*> serving{nullptr};
  std::vector<DoorAttempt> attempts;
  auto live = Live::open(config, attempts);
  if (!live) {
    return failed(live.error());
  }
  const auto web_metrics = [&serving](std::vector<MetricFamily>& out) {
    if (const web::WebServer* web = serving.load()) {
      std::ranges::move(web->metrics(), std::back_inserter(out));
    }
  };
  if (auto started = (*live)->start({}, web_metrics); !started) {
    return failed(started.error());
  }
  auto server =
      web::WebServer::start({.address = config.web.listen, .setting = "--listen", .limits = {}},
                            {prometheus::metrics_route((*live)->metrics()), web::healthz_route(),
                             web::readyz_route(ready)});
  if (!server) {
    return failed(server.error());
  }
  serving = server->get();
  ready = true;
  const std::string host = config.web.listen.substr(0, config.web.listen.rfind(':'));
  fmt::print(stderr, "{}",
             start_screen(config, **live, attempts,
                          fmt::format("http://{}:{}/metrics", host, (*server)->port())));
  wait_for_end();
  ready = false;
  serving = nullptr;
  server->reset();
  (*live)->stop();
  return kOk;
}

int record_host(const Config& config) {
  block_signals();
  adopt_libbpf_log();
  std::vector<DoorAttempt> attempts;
  auto live = Live::open(config, attempts);
  if (!live) {
    return failed(live.error());
  }
  auto recorder =
      TapeRecorder::create(config.record, (*live)->kernel().door().name, (*live)->host());
  if (!recorder) {
    return failed(recorder.error());
  }
  const auto tap = [&recorder](std::span<const uint8_t> record) { (*recorder)->record(record); };
  if (auto started = (*live)->start(tap, {}); !started) {
    return failed(started.error());
  }
  fmt::print(
      stderr, "{}",
      start_screen(config, **live, attempts,
                   fmt::format("{}{}", config.record.tape,
                               config.record.raw ? " (raw: it holds secrets)" : " (redacted)")));
  wait_for_end();
  (*live)->stop();
  if (auto counts = (*live)->kernel().counters(); counts) {
    (*recorder)->counters(*counts);
  }
  auto finished = (*recorder)->finish();
  const TapeCounters& counters = (*recorder)->counters();
  fmt::print(stderr, "sonde: {} of {} records on {}\n", counters.records_written,
             counters.records_offered, config.record.tape);
  return finished ? kOk : failed(finished.error());
}

}  // namespace sonde::cli
