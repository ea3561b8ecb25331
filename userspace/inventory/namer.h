// SPDX-License-Identifier: Apache-2.0
// Namer: who a process is, from what is known of it. In this order: a rule of the operator, what
// the process declares in its environment, its container, its systemd unit, its program.
//
// Any thread may ask; what it hands out is shared by all processes that count as the same.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "userspace/base/result.h"
#include "userspace/inventory/process.h"
#include "userspace/inventory/rule_match.h"
#include "userspace/model/naming_rule.h"

namespace sonde {

// Instances of one service that have a name of their own; later ones share one, so that a service
// that draws a new id at each start cannot fill whoever stores the metrics.
constexpr size_t kMaxInstances = 128;
constexpr size_t kMaxExtraLabels = 16;  // of all metrics of a service
// Services ever named; beyond it nothing is remembered and each is made anew.
constexpr size_t kMaxServices = 16'384;

// The operator's word, resolved and immutable.
class NamingRules {
 public:
  NamingRules() = default;
  // labels: what of the things known of a service becomes a label of all its metrics. Fails, naming
  // the user, if a rule names one that is not known.
  static Result<NamingRules> make(std::span<const NamingRule> rules,
                                  std::span<const std::string> labels,
                                  const UserLookup& user_number);

  // True if a rule asks on which ports a process serves.
  bool ask_for_ports() const { return ask_for_ports_; }

 private:
  friend class Namer;
  struct Rule {
    ResolvedRule match;
    NamingRule facts;
  };
  std::vector<Rule> rules_;
  std::vector<std::string> labels_;
  bool ask_for_ports_ = false;
};

class Namer {
 public:
  Namer(std::string host_name, NamingRules rules);

  // Never null.
  ServiceRef name(const Process& process);
  ServiceRef unknown() const { return unknown_; }

  bool ask_for_ports() const { return rules_.ask_for_ports(); }
  // Names that were asked for an instance of their own and had to share one.
  uint64_t instances_shared() const { return instances_shared_.load(std::memory_order_relaxed); }

 private:
  struct Facts;
  Facts facts_of_rules(const Process& process) const;
  std::string instance_of(const Service& service, std::string wanted);
  ServiceRef shared(Service&& service);

  const std::string host_name_;
  const NamingRules rules_;
  const ServiceRef unknown_;
  std::atomic<uint64_t> instances_shared_{0};

  std::mutex mutex_;  // guards what follows
  std::map<std::string, ServiceRef, std::less<>> services_;
  std::map<std::string, std::set<std::string>, std::less<>> instances_;  // by job
};

}  // namespace sonde
