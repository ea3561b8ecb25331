// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/served_profiles.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <utility>

#include "exporters/pprof/endpoint.h"
#include "exporters/stacks/flame.h"
#include "exporters/web/index.h"
#include "userspace/cli/extraction.h"
#include "userspace/cli/live.h"
#include "userspace/pipeline/hide_addresses.h"

namespace sonde::cli {
namespace {

// The confined Sonde makes no maps: this must do for every profile. A machine that compiles C++ and
// Go needed 3.3 MiB in 20 s. Beyond it stacks are copied.
constexpr size_t kRowBytes = 8 << 20;

std::string whose(const ProfileOrder& order) {
  return !order.service.empty() ? order.service
         : order.pid != 0       ? fmt::format("process {}", order.pid)
                                : host_name();
}

pprof::ProfileForm flame_form() {
  return {.path = "/debug/pprof/flame",
          .content_type = "image/svg+xml",
          .file_name = {},
          .encode =
              [](const Profile& profile, const ProfileOrder& order) {
                return stacks::flame_graph(profile, stacks::cpu_title(profile, whose(order)));
              },
          .about = "the same as a picture for a browser; wait for it"};
}

}  // namespace

ServedProfiles::ServedProfiles(const ProfileConfig& config, const SymbolsConfig& symbols,
                               SamplingRates rates)
    : rates_(std::move(rates)),
      opened_{.samples = nullptr,
              .extractor = start_extractor(symbols),
              .kallsyms = {},
              .lines = config.lines} {
  auto samples =
      CpuSamples::open({.hz = rates_.clock_hz(), .force = config.force, .row_bytes = kRowBytes});
  if (!samples) {
    why_not_ = samples.error().what;
    opened_.extractor.reset();
    return;
  }
  opened_.samples = *std::move(samples);
  // Shows addresses to whom might see them when it was opened. Without it the kernel has no names.
  opened_.kallsyms = Fd(::open("/proc/kallsyms", O_RDONLY | O_CLOEXEC));
}

void ServedProfiles::start(WatchedHost& host) {
  if (opened_.samples == nullptr) {
    return;
  }
  profiler_ = std::make_unique<HostProfiler>(
      std::move(opened_), rates_, [&host](Pid pid) { return host.process_of(pid); },
      [&host](const Process* process) { return !host.excludes(process); });
  desk_ = std::make_unique<ProfileDesk>([this](const ProfileOrder& order,
                                               const std::atomic<bool>& given_up) {
    auto profile = profiler_->make(order, given_up);
    if (profile) {
      hide_addresses(*profile);  // every user of this host reaches the port, unless it is guarded
    }
    return profile;
  });
}

void ServedProfiles::set_rates(SamplingRates rates) {
  if (profiler_ != nullptr) {
    profiler_->set_rates(std::move(rates));
  }
}

std::expected<std::unique_ptr<OrderedProfile>, ProfileRefusal> ServedProfiles::order(
    ProfileOrder order) {
  if (desk_ == nullptr) {
    return std::unexpected(
        ProfileRefusal{.reason = "no profiles here: " + why_not_, .retry_after_s = 0});
  }
  return desk_->order(std::move(order));
}

std::vector<HttpRoute> ServedProfiles::routes() {
  ProfileSource& source = *this;
  std::vector<HttpRoute> out = {pprof::profile_route(source, pprof::pprof_form()),
                                pprof::profile_route(source, flame_form())};
  HttpRoute index = web::index_route(out, [] {
    return fmt::format("Where CPU time goes on {}: ?seconds=N&service=NAME&pid=PID&lines=0",
                       host_name());
  });
  index.path = "/debug/pprof/";
  index.about = "what there is of profiles";
  out.push_back(std::move(index));
  return out;
}

void ServedProfiles::append(std::vector<MetricFamily>& out) const {
  if (desk_ != nullptr) {
    profiler_->append(out);
    desk_->append(out);
  }
}

Check ServedProfiles::check() const {
  if (!why_not_.empty()) {
    return {.name = "profiles",
            .state = CheckState::kDegraded,
            .finding = why_not_,
            .affects = {},
            .remedy = {}};
  }
  return {.name = "profiles",
          .state = CheckState::kOk,
          .finding = fmt::format("when asked for, at most {} samples a second of each CPU",
                                 rates_.clock_hz()),
          .affects = {},
          .remedy = {}};
}

}  // namespace sonde::cli
