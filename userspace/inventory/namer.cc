// SPDX-License-Identifier: Apache-2.0
#include "userspace/inventory/namer.h"

#include <fmt/format.h>

#include <algorithm>

#include "userspace/inventory/cgroup_path.h"
#include "userspace/inventory/printable.h"

namespace sonde {
namespace {

void add(Labels& labels, std::string_view name, std::string_view value) {
  const auto same = [&](const auto& label) { return same_label(label.first, name); };
  if (!value.empty() && std::ranges::none_of(labels, same)) {
    labels.emplace_back(name, value);
  }
}

// The first that is not empty.
std::string first_of(std::initializer_list<std::string_view> texts) {
  const auto* found = std::ranges::find_if(texts, [](auto text) { return !text.empty(); });
  return std::string(found == texts.end() ? std::string_view() : *found);
}

// What is known of a process beside its name, in OpenTelemetry's names.
Labels known_of(const Process& process) {
  Labels known;
  if (process.declared != nullptr) {
    for (const auto& [name, value] : process.declared->others) {
      add(known, name, value);
    }
  }
  if (const Container* container = process.container.get()) {
    add(known, "container.id", container->id);
    add(known, "container.name", container->name);
    add(known, "container.runtime", container->runtime);
    if (!container->pod.empty()) {
      add(known, "k8s.container.name", container->name);
      add(known, "k8s.pod.name", container->pod);
      add(known, "k8s.namespace.name", container->name_space);
    }
    add(known, "k8s.pod.uid", container->pod_uid);
  }
  add(known, "systemd.unit", printable(process.unit, kMaxServiceName));
  return known;
}

// A key that two equal services share and no others: texts with their lengths.
std::string key_of(const Service& service) {
  std::string key;
  const auto append = [&](std::string_view text) {
    fmt::format_to(std::back_inserter(key), "{}:{}", text.size(), text);
  };
  append(service.name);
  append(service.name_space);
  append(service.instance);
  for (const Labels* labels : {&service.extra, &service.about}) {
    append("labels");
    for (const auto& [name, value] : *labels) {
      append(name);
      append(value);
    }
  }
  return key;
}

ServiceRef make_unknown(const std::string& host_name) {
  return std::make_shared<const Service>(Service{.name = "unknown",
                                                 .name_space = {},
                                                 .instance = host_name + ":unknown",
                                                 .job = "unknown",
                                                 .language = {},
                                                 .extra = {}});
}

bool ports_match(const SelectionRule& rule, const std::vector<uint16_t>& served) {
  return rule.ports.empty() || std::ranges::any_of(rule.ports, [&](const PortRange& range) {
           return std::ranges::any_of(served, [&](uint16_t port) { return holds(range, port); });
         });
}

}  // namespace

Result<NamingRules> NamingRules::make(std::span<const NamingRule> rules,
                                      std::span<const std::string> labels,
                                      const UserLookup& user_number) {
  NamingRules made;
  for (const NamingRule& rule : rules) {
    Result<ResolvedRule> match = resolve_rule(rule.match, user_number);
    if (!match) {
      return std::unexpected(std::move(match.error()));
    }
    made.ask_for_ports_ |= !rule.match.ports.empty();
    made.rules_.push_back({.match = std::move(*match), .facts = rule});
  }
  made.labels_.assign(labels.begin(), labels.end());
  return made;
}

Namer::Namer(std::string host_name, NamingRules rules)
    : host_name_(std::move(host_name)),
      rules_(std::move(rules)),
      unknown_(make_unknown(host_name_)) {}

struct Namer::Facts {
  std::string_view name;
  std::string_view name_space;
  std::string_view instance;
  Labels labels;
};

Namer::Facts Namer::facts_of_rules(const Process& process) const {
  Facts facts;
  const ProcessFacts known = facts_of(process);
  const auto give = [](std::string_view& fact, const std::string& given) {
    fact = fact.empty() ? std::string_view(given) : fact;
  };
  for (const NamingRules::Rule& rule : rules_.rules_) {
    if (!process_matches(rule.match, known) ||
        !ports_match(rule.match.as_written, process.served_ports)) {
      continue;
    }
    give(facts.name, rule.facts.name);
    give(facts.name_space, rule.facts.name_space);
    give(facts.instance, rule.facts.instance);
    for (const auto& [name, value] : rule.facts.labels) {
      add(facts.labels, name, value);
    }
  }
  return facts;
}

ServiceRef Namer::name(const Process& process) {
  const Facts ruled = facts_of_rules(process);
  const Declared none;
  const Declared& declared = process.declared != nullptr ? *process.declared : none;
  const Container outside;
  const Container& container = process.container != nullptr ? *process.container : outside;
  const UnitName unit = read_unit_name(process.unit);
  const std::string unit_name = printable(unit.name, kMaxServiceName);

  Service service;
  service.name = first_of(
      {ruled.name, declared.name, container.service, container.name, unit_name, process.program});
  service.name_space = first_of({ruled.name_space, declared.name_space, container.name_space});
  service.job = service.name_space.empty() ? service.name : service.name_space + "/" + service.name;

  Labels known = known_of(process);
  service.extra = ruled.labels;
  for (const auto& [name, value] : known) {
    if (std::ranges::find(rules_.labels_, name) != rules_.labels_.end()) {
      add(service.extra, name, value);
    }
  }
  if (service.extra.size() > kMaxExtraLabels) {
    service.extra.resize(kMaxExtraLabels);
  }
  for (const auto& [name, value] : known) {
    const auto same = [&](const auto& label) { return same_label(label.first, name); };
    if (std::ranges::none_of(service.extra, same)) {
      service.about.emplace_back(name, value);
    }
  }

  // One of several alike: by word of the operator or the process, by its container, by its unit's
  // instance (blue of shop@blue.service); all others of one name on one host are one.
  std::string wanted = first_of({ruled.instance, declared.instance});
  if (wanted.empty() && !container.pod.empty()) {
    wanted = fmt::format("{}.{}.{}", container.name_space, container.pod, container.name);
  } else if (wanted.empty() && !container.name.empty()) {
    wanted = fmt::format("{}:{}", host_name_, container.name);
  } else if (wanted.empty() && !unit.instance.empty() && service.name == unit_name) {
    wanted = fmt::format("{}:{}@{}", host_name_, service.name,
                         printable(unit.instance, kMaxServiceName));
  }
  const std::lock_guard lock(mutex_);
  service.instance = instance_of(service, std::move(wanted));
  return shared(std::move(service));
}

// REQUIRES: mutex_ held.
std::string Namer::instance_of(const Service& service, std::string wanted) {
  std::string common = fmt::format("{}:{}", host_name_, service.name);
  if (wanted.empty() || wanted == common) {
    return common;
  }
  const auto found = instances_.find(service.job);
  if (found == instances_.end() && instances_.size() == kMaxServices) {
    return common;
  }
  std::set<std::string>& seen = found != instances_.end() ? found->second : instances_[service.job];
  if (seen.contains(wanted)) {
    return wanted;
  }
  if (seen.size() == kMaxInstances) {
    instances_shared_.fetch_add(1, std::memory_order_relaxed);
    return common;
  }
  seen.insert(wanted);
  return wanted;
}

// REQUIRES: mutex_ held.
ServiceRef Namer::shared(Service&& service) {
  std::string key = key_of(service);
  if (const auto found = services_.find(key); found != services_.end()) {
    return found->second;
  }
  auto made = std::make_shared<const Service>(std::move(service));
  if (services_.size() < kMaxServices) {
    services_.emplace(std::move(key), made);
  }
  return made;
}

}  // namespace sonde
