// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/watch.h"

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <iterator>

#include "exporters/prometheus/endpoint.h"
#include "exporters/web/health.h"
#include "exporters/web/index.h"
#include "exporters/web/server.h"
#include "userspace/base/log.h"
#include "userspace/base/version.h"
#include "userspace/cli/command.h"
#include "userspace/cli/confinement.h"
#include "userspace/cli/door_checks.h"
#include "userspace/cli/feature_checks.h"
#include "userspace/cli/live.h"
#include "userspace/cli/open_files.h"
#include "userspace/cli/privileges.h"
#include "userspace/cli/reload.h"
#include "userspace/cli/sample_recording.h"
#include "userspace/cli/served_profiles.h"
#include "userspace/cli/signals.h"
#include "userspace/cli/tape_recorder.h"

namespace sonde::cli {
namespace {

std::string rules(size_t count, std::string_view kind) {
  return fmt::format("{} {} rule{}", count, kind, count == 1 ? "" : "s");
}

std::string what_is_watched(const Config& config, size_t processes) {
  const SelectionConfig& selection = config.selection;
  std::string out =
      selection.include.empty() ? "every process" : rules(selection.include.size(), "include");
  if (!selection.exclude.empty()) {
    out += " but " + rules(selection.exclude.size(), "exclude");
  }
  return out + fmt::format(" ({} run now)", processes);
}

// One screen: the kernel and the door in use, what is watched, what is missed and why, and the
// address.
std::string start_screen(const Config& config, Live& live, std::span<const DoorAttempt> attempts,
                         const Confinement& confinement, const ServedProfiles* profiles,
                         std::string where) {
  Checklist list;
  list.add(kernel_check());
  for (const DoorAttempt& attempt : attempts) {
    Check check = door_check(attempt, false);
    check.finding = fmt::format("{}: {}", check.name, check.finding);
    check.name = attempt.taken ? "door" : "not taken";
    list.add(std::move(check));
  }
  if (Check ids = process_ids_check(live.kernel().self(), static_cast<uint32_t>(getpid()));
      ids.state != CheckState::kOk) {
    list.add(std::move(ids));
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
  if (profiles != nullptr) {
    list.add(profiles->check());
  }
  list.add(confinement_check(confinement));
  list.add({.name = "result",
            .state = CheckState::kOk,
            .finding = std::move(where),
            .affects = {},
            .remedy = {}});
  return list.text(wants_colour(STDERR_FILENO));
}

std::string headline(Live& live) {
  const auto services = live.services();
  return fmt::format("Sonde {} on {}: {}", version(), host_name(),
                     !services        ? "busy"
                     : *services == 1 ? "1 service"
                                      : fmt::format("{} services", *services));
}

std::vector<HttpRoute> routes(const Config& config, Live& live, ServedProfiles* profiles,
                              const std::atomic<bool>& ready) {
  std::vector<HttpRoute> out = {
      prometheus::metrics_route(live.metrics(),
                                {.encode = {.created_samples = config.web.created_samples}}),
      web::healthz_route(), web::readyz_route(ready)};
  if (profiles != nullptr) {
    std::ranges::move(profiles->routes(), std::back_inserter(out));
  }
  out.push_back(web::index_route(out, [&live] { return headline(live); }));
  return out;
}

int failed(const Error& error) {
  log::error("{}", error.what);
  return kFailure;
}

// Some capabilities are needed by some kernels only: they are a reason once it has failed.
int not_opened(const Error& error) {
  const std::string lacking = missing_to_load_after(error);
  if (!lacking.empty()) {
    log::error("this process lacks {}", lacking);
  }
  return failed(error);
}

// What has to hold before anything is opened; false: it was told what does not.
bool prepare() {
  block_signals();
  adopt_libbpf_log();
  const std::string refusal = too_few_files();
  fmt::print(stderr, "{}", refusal);
  return refusal.empty();
}

// When all is attached and open, and before the first thread of ours.
Confinement confine_if_wanted(const Config& config, Live& live) {
  if (!config.security.confine) {
    return {.wanted = false, .held = 0, .missing = {}};
  }
  return confine_process(needed_later([&live] { return live.kernel().counters().has_value(); }));
}

web::Options web_options(const Config& config) {
  return {.address = config.web.listen,
          .setting = "--listen",
          .guard = {.certificate = config.web.tls_certificate,
                    .key = config.web.tls_key,
                    .users = config.web.users},
          .limits = {},
          .begin = config.security.confine ? confine_web_thread : std::function<void()>()};
}

// What is wrong with a new configuration costs nothing but a message: the old one goes on.
void take_over(const ConfigReader& read, Config& running, Live& live, ServedProfiles* profiles,
               web::WebServer* server) {
  const auto wanted = read();
  if (!wanted) {
    log::error("reload: nothing changed: {}", wanted.error().line());
    return;
  }
  Reload news = reload(running, *wanted);
  auto rates = sampling_rates(news.config.profile);
  if (!rates) {
    log::error("reload: nothing changed: {}", rates.error().what);
    return;
  }
  if (auto applied = live.apply(news.config); !applied) {
    log::error("reload: nothing changed: {}", applied.error().what);
    return;
  }
  if (profiles != nullptr) {
    profiles->set_rates(*std::move(rates));
  }
  if (server != nullptr) {
    if (auto reloaded = server->reload(); !reloaded) {
      log::error("reload: the old certificate and users stay: {}", reloaded.error().what);
    }
  }
  running = std::move(news.config);
  log::set_level(running.log.level);
  if (!news.waiting.empty()) {
    log::warn("reload: needs a restart: {}", fmt::join(news.waiting, ", "));
  }
  log::info("reloaded changed={}",
            news.changed.empty() ? "nothing" : fmt::format("{}", fmt::join(news.changed, ",")));
}

void wait_for_end(const Config& config, const ConfigReader& read, Live& live,
                  ServedProfiles* profiles, web::WebServer* server) {
  Config running = config;
  int signal = wait_for_signal();
  for (; signal == SIGHUP; signal = wait_for_signal()) {
    take_over(read, running, live, profiles, server);
  }
  log::info("ending signal={}", signal);
}

}  // namespace

int watch_host(const Config& config, const ConfigReader& read_again) {
  if (!prepare()) {
    return kFailure;
  }
  std::atomic<bool> ready{false};
  std::atomic<web::WebServer*> serving{nullptr};
  // First, while there is little memory to be forked with.
  auto rates = sampling_rates(config.profile);
  if (!rates) {
    return failed(rates.error());
  }
  auto profiles = config.web.profiles ? std::make_unique<ServedProfiles>(
                                            config.profile, config.symbols, *std::move(rates))
                                      : nullptr;
  std::vector<DoorAttempt> attempts;
  auto live = Live::open(config, attempts);
  if (!live) {
    return not_opened(live.error());
  }
  auto listener = web::WebServer::listen(web_options(config));
  if (!listener) {
    return failed(listener.error());
  }
  const Confinement confinement = confine_if_wanted(config, **live);
  if (profiles != nullptr) {
    profiles->start((*live)->host());
    (*live)->govern(profiles->governed());
  }
  const auto more_metrics = [&serving, &profiles](std::vector<MetricFamily>& out) {
    if (const web::WebServer* web = serving.load()) {
      std::ranges::move(web->metrics(), std::back_inserter(out));
    }
    if (profiles != nullptr) {
      profiles->append(out);
    }
  };
  if (auto started = (*live)->start({}, more_metrics); !started) {
    return failed(started.error());
  }
  auto server = web::WebServer::start(web_options(config), *std::move(listener),
                                      routes(config, **live, profiles.get(), ready));
  if (!server) {
    (*live)->stop();
    profiles.reset();
    return failed(server.error());
  }
  serving = server->get();
  ready = true;
  const std::string_view scheme = config.web.tls_certificate.empty() ? "http" : "https";
  const std::string host = config.web.listen.substr(0, config.web.listen.rfind(':'));
  fmt::print(stderr, "{}",
             start_screen(config, **live, attempts, confinement, profiles.get(),
                          fmt::format("{}://{}:{}/metrics", scheme, host, (*server)->port())));
  wait_for_end(config, read_again, **live, profiles.get(), server->get());
  ready = false;
  (*live)->stop();
  serving = nullptr;  // the poller, which asks it, has ended
  server->reset();
  profiles.reset();  // it asks for processes until then
  return kOk;
}

int record_host(const Config& config, const ConfigReader& read_again) {
  if (!prepare()) {
    return kFailure;
  }
  std::vector<DoorAttempt> attempts;
  Config taped = config;
  taped.kernel.tcp_health = false;  // sums, not records: they are not on a tape
  auto live = Live::open(taped, attempts);
  if (!live) {
    return not_opened(live.error());
  }
  std::unique_ptr<SampleRecording> samples;
  if (config.record.samples) {
    auto rates = sampling_rates(config.profile);
    auto opened = rates ? SampleRecording::open(config.profile, *std::move(rates))
                        : std::unexpected(rates.error());
    if (!opened) {
      return not_opened(opened.error());
    }
    samples = *std::move(opened);
  }
  // A tape that takes no more is the end: there is nothing else that we do.
  auto recorder = TapeRecorder::create(config.record, (*live)->kernel().door().name,
                                       (*live)->host(), end_waiting);
  if (!recorder) {
    return failed(recorder.error());
  }
  const Confinement confinement = confine_if_wanted(config, **live);
  const auto tap = [&recorder](std::span<const uint8_t> record) { (*recorder)->record(record); };
  if (auto started = (*live)->start(tap, {}); !started) {
    return failed(started.error());
  }
  if (samples != nullptr) {
    samples->start((*live)->host(), **recorder);
  }
  fmt::print(
      stderr, "{}",
      start_screen(config, **live, attempts, confinement, nullptr,
                   fmt::format("{}{}", config.record.tape,
                               config.record.raw ? " (raw: it holds secrets)" : " (redacted)")));
  wait_for_end(config, read_again, **live, nullptr, nullptr);
  if (samples != nullptr) {
    samples->stop();
  }
  (*live)->stop();
  if (auto counts = (*live)->kernel().counters(); counts) {
    (*recorder)->counters(*counts);
  }
  auto finished = (*recorder)->finish();
  const TapeCounters& counters = (*recorder)->counters();
  fmt::print(stderr, "sonde: {} of {} records on {}\n", counters.records_written,
             counters.records_offered, config.record.tape);
  if (samples != nullptr) {
    const ProfilingCounts& sampled = samples->counts();
    fmt::print(stderr, "sonde: {} samples on it, {} lost\n",
               sampled.collected.kept + sampled.collected.cut,
               sampled.kernel[SONDE_SAMPLES_ring_full] + sampled.misread);
  }
  return finished ? kOk : failed(finished.error());
}

}  // namespace sonde::cli
