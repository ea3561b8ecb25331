// SPDX-License-Identifier: Apache-2.0
// Governing: the governor at work. Reads what Sonde costs, tells the governor who is loud, and does
// what it says: to everybody at the kernel side, to one service by its processes. The poller's
// thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "userspace/model/metrics.h"
#include "userspace/model/service.h"
#include "userspace/pipeline/governor.h"
#include "userspace/pipeline/noise.h"
#include "userspace/pipeline/watched_host.h"
#include "userspace/sources/kernel_side.h"

namespace sonde {

// Profiles that are made while the governor looks on. Any thread.
class GovernedProfiles {
 public:
  virtual ~GovernedProfiles() = default;
  virtual bool is_making() const = 0;
  // Samples come so many times more seldom, in what is being made and in what comes.
  virtual void slow_down(uint32_t times) = 0;
};

class Governing {
 public:
  static constexpr uint32_t kLookEveryMs = 1000;
  // So many times more seldom profiles are sampled when their rate is given up.
  static constexpr uint32_t kSlowness = 4;

  // Both must outlive it.
  Governing(const Budget& budget, KernelSide& kernel, WatchedHost& host);

  // Must outlive the last look(). Null: none are made.
  void set_profiles(GovernedProfiles* profiles) { profiles_ = profiles; }

  void heard(std::span<const uint8_t> record) { noise_.heard(record); }
  // To be called every so often while there are records.
  void look();
  void append(std::vector<MetricFamily>& out) const;

 private:
  Spending spend(uint64_t now_ns);
  std::vector<Loud> loud();
  void carry_out(const Governor::Step& step);
  void restrain(const Governor::Step& step);
  void tell(const Governor::Step& step) const;

  KernelSide& kernel_;
  WatchedHost& host_;
  GovernedProfiles* profiles_ = nullptr;
  Governor governor_;
  Noise noise_;
  uint64_t own_ns_ = 0;
  uint64_t kernel_ns_ = 0;  // the last that could be read
  // Those that are restrained alone, and those that are loud at the moment, by the name the
  // governor has.
  std::map<std::string, ServiceRef, std::less<>> services_;
  bool told_end_ = false;
};

}  // namespace sonde
