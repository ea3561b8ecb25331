// SPDX-License-Identifier: Apache-2.0
// Governor: holds what Sonde costs to a budget. Over it, something is given up (Restraint): of
// the one service that makes most of the noise, if there is one, else of all; when it has been calm
// for a while, the last thing given up is taken back first. Pure: readings in, steps out, at most
// one each time. docs/architecture/governor.md tells how.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/model/policy.h"

namespace sonde {

struct Budget {
  double cpu = 0;  // share of the machine's CPU time; 0: any
  uint64_t memory_bytes = 0;
};

// What Sonde costs, at one moment.
struct Spending {
  uint64_t time_ns = 0;
  uint64_t cpu_ns = 0;  // of all CPUs so far: its own, and its programs' in the kernel
  uint64_t memory_bytes = 0;
};

// Who makes noise, and its share of all of it.
struct Loud {
  std::string who;
  double share = 0;
};

class Governor {
 public:
  // A step is judged by what was spent in so long behind it.
  static constexpr uint64_t kSettleNs = 10'000'000'000;
  // So long it must be calm before something is taken back; twice as long each time that this was
  // too early, to the most.
  static constexpr uint64_t kCalmNs = 30'000'000'000;
  static constexpr uint64_t kMostCalmNs = 600'000'000'000;
  // Services that are restrained alone at the same time.
  static constexpr size_t kMostAlone = 16;

  struct Step {
    std::string who;  // empty: everybody
    Restraint from = Restraint::kNone;
    Restraint to = Restraint::kNone;
    // It is the rate of profiles, and of nothing that ships: from nothing to something, or back.
    bool rate = false;
    bool down() const { return to > from; }
  };

  Governor(const Budget& budget, size_t cpus) : budget_(budget), cpus_(cpus) {}

  // The next reading, and who was loud since the last one, the loudest first; whether a profile is
  // being made. What is returned is to be done.
  std::optional<Step> look(const Spending& now, std::span<const Loud> loud, bool profiling = false);

  // As of the last reading.
  double cpu() const { return cpu_; }
  uint64_t memory_bytes() const { return readings_.empty() ? 0 : readings_.back().memory_bytes; }
  const Budget& budget() const { return budget_; }
  bool over_budget() const;
  Restraint restraint(std::string_view who) const;
  bool profiles_slowed() const;
  // Over budget, and nothing left to give up.
  bool at_its_end() const {
    return over_budget() && restraint({}) == kLast && (!profiling_ || profiles_slowed());
  }
  uint64_t steps_down() const { return steps_down_; }
  uint64_t steps_up() const { return steps_up_; }

 private:
  static constexpr Restraint kLast = Restraint::kCount;
  static constexpr double kCalmCpu = 0.5;  // of the budget
  static constexpr double kCalmMemory = 0.75;
  // Share of the noise for which a service answers alone. Both ends of connections may be on this
  // host, and make half of it each.
  static constexpr double kLoud = 0.4;

  void keep(const Spending& now);
  bool is_calm() const;
  std::optional<Step> step_down(std::span<const Loud> loud);
  // What would be given up next of what ships.
  std::optional<Step> next_restraint(std::span<const Loud> loud) const;
  std::optional<Step> step_up();
  std::optional<Step> done(Step step);
  size_t alone() const;

  const Budget budget_;
  const size_t cpus_;
  std::deque<Spending> readings_;  // since the last step, at most kCalmNs of them and one before
  double cpu_ = 0;                 // share spent in their time
  std::vector<Step> given_up_;     // steps down that hold, in order
  bool profiling_ = false;         // at the last reading
  uint64_t last_step_ns_ = 0;
  bool last_was_up_ = false;
  uint64_t calm_ns_ = kCalmNs;
  uint64_t steps_down_ = 0;
  uint64_t steps_up_ = 0;
};

// What the step gives up, or takes back, in a word or two.
std::string_view given_up_by(const Governor::Step& step);

}  // namespace sonde
