// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/governing.h"

#include <unistd.h>

#include <algorithm>
#include <functional>

#include "userspace/base/clock.h"
#include "userspace/base/log.h"
#include "userspace/pipeline/own_cost.h"
#include "userspace/pipeline/own_metrics.h"
#include "userspace/pipeline/service_labels.h"

namespace sonde {
namespace {

size_t cpus() { return static_cast<size_t>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN))); }

std::string name_of(const Service& service) {
  return service.instance.empty() ? service.job : service.job + " (" + service.instance + ")";
}

MetricFamily family(std::string_view name, std::string_view unit, std::string_view help,
                    MetricKind kind) {
  return {.name = std::string(name),
          .unit = std::string(unit),
          .help = std::string(help),
          .kind = kind,
          .bounds = nullptr,
          .points = {}};
}

std::shared_ptr<const Labels> labels(Labels of) {
  return std::make_shared<const Labels>(std::move(of));
}

constexpr double kPercent = 100;
constexpr double kMiB = 1 << 20;
constexpr double kNsPerSecond = 1e9;

}  // namespace

Governing::Governing(const Budget& budget, KernelSide& kernel, WatchedHost& host)
    : kernel_(kernel), host_(host), governor_(budget, cpus()) {}

void Governing::look() {
  const std::vector<Loud> noisy = loud();
  noise_.fade();
  if (const auto step = governor_.look(spend(monotonic_ns()), noisy,
                                       profiles_ != nullptr && profiles_->is_making())) {
    carry_out(*step);
  }
  std::erase_if(services_, [this](const auto& each) {
    return governor_.restraint(each.first) == Restraint::kNone;
  });
  if (governor_.at_its_end() && !told_end_) {
    log::warn(
        "governor: over budget ({:.1f} % of CPU time, {:.0f} MiB), and nothing is left to give up",
        governor_.cpu() * kPercent, static_cast<double>(governor_.memory_bytes()) / kMiB);
  }
  told_end_ = governor_.at_its_end();
}

Spending Governing::spend(uint64_t now_ns) {
  own_ns_ = own_cpu_ns();
  kernel_ns_ = std::max(kernel_ns_, kernel_.cost_ns().value_or(kernel_ns_));
  return {.time_ns = now_ns, .cpu_ns = own_ns_ + kernel_ns_, .memory_bytes = own_memory_bytes()};
}

std::vector<Loud> Governing::loud() {
  std::map<std::string, uint64_t, std::less<>> weights;
  for (const Noise::Place& place : noise_.places()) {
    if (place.weight != 0 && host_.known(place.pid)) {
      const ServiceRef service = host_.service_of(place.pid);
      const std::string name = name_of(*service);
      services_.emplace(name, service);
      weights[name] += place.weight;
    }
  }
  std::vector<Loud> out;
  for (const auto& [name, weight] : weights) {
    out.push_back({name, static_cast<double>(weight) / static_cast<double>(noise_.all())});
  }
  std::ranges::sort(out, std::greater(), &Loud::share);
  return out;
}

void Governing::carry_out(const Governor::Step& step) {
  if (step.rate) {
    profiles_->slow_down(step.down() ? kSlowness : 1);
  } else {
    restrain(step);
  }
  tell(step);
}

void Governing::restrain(const Governor::Step& step) {
  if (step.who.empty()) {
    kernel_.restrain(step.to);
  } else if (const auto found = services_.find(step.who); found != services_.end()) {
    host_.restrain(found->second, step.to);
    kernel_.restrain(governor_.restraint({}));
  }
}

void Governing::tell(const Governor::Step& step) const {
  const std::string_view whose = step.who.empty() ? "all services" : std::string_view(step.who);
  if (step.down()) {
    log::warn("governor: over budget ({:.1f} % of CPU time, {:.0f} MiB): {} of {} given up, {}",
              governor_.cpu() * kPercent, static_cast<double>(governor_.memory_bytes()) / kMiB,
              given_up_by(step), whose, step.rate ? "shares stay true" : "turns stay counted");
  } else {
    log::info("governor: calm again ({:.1f} % of CPU time): {} of {} taken back",
              governor_.cpu() * kPercent, given_up_by(step), whose);
  }
}

void Governing::append(std::vector<MetricFamily>& out) const {
  MetricFamily spent = family("sonde.cost.cpu", "s",
                              "CPU time that Sonde costs: its own, and its programs' in the kernel",
                              MetricKind::kCounter);
  spent.points.push_back(
      {labels({{"side", "kernel"}}), static_cast<double>(kernel_ns_) / kNsPerSecond});
  spent.points.push_back({labels({{"side", "user"}}), static_cast<double>(own_ns_) / kNsPerSecond});
  out.push_back(std::move(spent));
  out.push_back(gauge("sonde.governor.cpu", "1", "Share of the machine's CPU time that Sonde costs",
                      governor_.cpu()));
  out.push_back(gauge("sonde.governor.cpu.budget", "1",
                      "What that may be before something is given up; 0: any",
                      governor_.budget().cpu));
  out.push_back(gauge("sonde.governor.memory", "By", "Memory that Sonde has",
                      static_cast<double>(governor_.memory_bytes())));
  out.push_back(gauge("sonde.governor.memory.budget", "By",
                      "What that may be before something is given up; 0: any",
                      static_cast<double>(governor_.budget().memory_bytes)));
  MetricFamily held = family("sonde.governor.restraint", "",
                             "What is given up: 0 nothing, 1 payload, 2 heads (turns are counted)",
                             MetricKind::kGauge);
  const auto level = [this](std::string_view who) {
    return static_cast<double>(static_cast<uint8_t>(governor_.restraint(who)));
  };
  held.points.push_back({labels({{"scope", "all"}}), level({})});
  for (const auto& [name, service] : services_) {
    Labels of = service_labels(*service);
    of.emplace_back("scope", "service");
    held.points.push_back({labels(std::move(of)), level(name)});
  }
  out.push_back(std::move(held));
  out.push_back(gauge("sonde.governor.profile.slowness", "",
                      "So many times more seldom than was asked for profiles are sampled",
                      governor_.profiles_slowed() ? kSlowness : 1));
  MetricFamily steps =
      family("sonde.governor.steps", "", "Times that something was given up or taken back",
             MetricKind::kCounter);
  steps.points.push_back({labels({{"direction", "down"}}), governor_.steps_down()});
  steps.points.push_back({labels({{"direction", "up"}}), governor_.steps_up()});
  out.push_back(std::move(steps));
}

}  // namespace sonde
