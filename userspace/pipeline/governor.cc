// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/governor.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace sonde {
namespace {

constexpr size_t kMostReadings = 64;
// A step down so soon behind a step up says that it was too early.
constexpr uint64_t kRelapseNs = 60'000'000'000;

constexpr std::array<std::string_view, kRestraints> kGivenUp = {"nothing", "payload", "heads"};

Restraint next(Restraint restraint) {
  return static_cast<Restraint>(std::to_underlying(restraint) + 1);
}

}  // namespace

std::string_view given_up_by(const Governor::Step& step) {
  return step.rate ? "rate of profiles"
                   : kGivenUp[static_cast<size_t>(step.down() ? step.to : step.from)];
}

std::optional<Governor::Step> Governor::look(const Spending& now, std::span<const Loud> loud,
                                             bool profiling) {
  profiling_ = profiling;
  keep(now);
  const uint64_t span = readings_.back().time_ns - readings_.front().time_ns;
  if (span < kSettleNs) {
    return std::nullopt;
  }
  if (over_budget()) {
    return step_down(loud);
  }
  // A service that is quiet needs no reading: so long nothing came, and nothing was spent.
  const bool waited = now.time_ns - last_step_ns_ >= calm_ns_ && span >= kCalmNs;
  return waited && is_calm() ? step_up() : std::nullopt;
}

void Governor::keep(const Spending& now) {
  readings_.push_back(now);
  while (readings_.size() > kMostReadings ||
         (readings_.size() > 2 && now.time_ns - readings_[1].time_ns >= kCalmNs)) {
    readings_.pop_front();
  }
  // Judged by the shortest time that is long enough.
  size_t since_at = readings_.size() - 1;
  while (since_at > 0 && now.time_ns - readings_[since_at].time_ns < kSettleNs) {
    --since_at;
  }
  const Spending& since = readings_[since_at];
  const double time = static_cast<double>(now.time_ns - since.time_ns);
  cpu_ = time == 0 ? 0
                   : static_cast<double>(now.cpu_ns - std::min(since.cpu_ns, now.cpu_ns)) / time /
                         static_cast<double>(cpus_);
}

bool Governor::over_budget() const {
  return (budget_.cpu > 0 && cpu_ > budget_.cpu) ||
         (budget_.memory_bytes > 0 && memory_bytes() > budget_.memory_bytes);
}

bool Governor::is_calm() const {
  const Spending& first = readings_.front();
  const Spending& last = readings_.back();
  const double share = static_cast<double>(last.cpu_ns - std::min(first.cpu_ns, last.cpu_ns)) /
                       static_cast<double>(last.time_ns - first.time_ns) /
                       static_cast<double>(cpus_);
  return (budget_.cpu == 0 || share < budget_.cpu * kCalmCpu) &&
         (budget_.memory_bytes == 0 || static_cast<double>(last.memory_bytes) <
                                           static_cast<double>(budget_.memory_bytes) * kCalmMemory);
}

Restraint Governor::restraint(std::string_view who) const {
  Restraint holds = Restraint::kNone;
  for (const Step& step : given_up_) {
    holds = step.who == who && !step.rate ? step.to : holds;
  }
  return holds;
}

bool Governor::profiles_slowed() const { return std::ranges::any_of(given_up_, &Step::rate); }

size_t Governor::alone() const {
  std::set<std::string_view> names;
  for (const Step& step : given_up_) {
    names.insert(step.who);
  }
  names.erase("");
  return names.size();
}

// The rate of profiles goes before anybody's heads.
std::optional<Governor::Step> Governor::step_down(std::span<const Loud> loud) {
  auto step = next_restraint(loud);
  if (profiling_ && !profiles_slowed() && (!step || step->to == kLast)) {
    step = {.who = {}, .from = Restraint::kNone, .to = Restraint::kHeads, .rate = true};
  }
  return step ? done(*std::move(step)) : std::nullopt;
}

std::optional<Governor::Step> Governor::next_restraint(std::span<const Loud> loud) const {
  const Restraint all = restraint({});
  for (const Loud& one : loud) {
    const Restraint own = std::max(restraint(one.who), all);
    const bool has_room = restraint(one.who) != Restraint::kNone || alone() < kMostAlone;
    if (one.share >= kLoud && own < kLast && has_room) {
      return Step{.who = one.who, .from = own, .to = next(own)};
    }
  }
  if (all == kLast) {
    return std::nullopt;
  }
  return Step{.who = {}, .from = all, .to = next(all)};
}

std::optional<Governor::Step> Governor::step_up() {
  if (given_up_.empty()) {
    return std::nullopt;
  }
  Step back = std::move(given_up_.back());
  given_up_.pop_back();
  std::swap(back.from, back.to);
  // Before it came the restraint on itself, or only that on all.
  back.to = back.rate ? Restraint::kNone : restraint(back.who);
  return done(std::move(back));
}

std::optional<Governor::Step> Governor::done(Step step) {
  const uint64_t now = readings_.back().time_ns;
  if (step.down()) {
    ++steps_down_;
    given_up_.push_back(step);
    if (last_was_up_) {
      const uint64_t held = now - last_step_ns_;
      calm_ns_ = held < kRelapseNs     ? std::min(2 * calm_ns_, kMostCalmNs)
                 : held >= kMostCalmNs ? kCalmNs
                                       : calm_ns_;
    }
  } else {
    ++steps_up_;
  }
  last_was_up_ = !step.down();
  last_step_ns_ = now;
  readings_ = {readings_.back()};
  return step;
}

}  // namespace sonde
