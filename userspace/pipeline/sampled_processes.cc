// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/sampled_processes.h"

#include <algorithm>
#include <utility>

namespace sonde {

// Of what is gone: what was known of it.
void SampledProcesses::read(SampledProcess& process, uint64_t now_ns) {
  std::optional<Mappings> mappings;
  // If events tell no news something may have escaped them.
  if (has_news(process)) {
    mappings = live_.of(process.pid);
  } else if (auto found = read_(process.pid); found && !found->all().empty()) {
    if (followed_) {
      live_.learn(process.pid, *found);
    }
    mappings = *std::move(found);
  }
  const bool news = mappings && *mappings != process.mappings;
  if (news) {
    process.mappings = *std::move(mappings);
    process.readings++;
  }
  process.change = live_.change_of(process.pid);
  process.read_ns = now_ns;
  process.rest_ns =
      news ? kReadAgainNs : std::clamp(process.rest_ns * 2, kReadAgainNs, kMostRestNs);
}

// A child has what its parent has, and may be gone before it could be read.
void SampledProcesses::apply(const CodeEvent& event) {
  followed_ = true;
  if (event.kind == CodeEventKind::kForked && live_.change_of(event.parent) == 0) {
    if (event.time_ns - parents_since_ns_ >= kReadAgainNs) {
      parents_since_ns_ = event.time_ns;
      parents_read_ = 0;
    }
    if (parents_read_ < kParentsPerSecond) {
      parents_read_++;
      if (const auto found = read_(event.parent); found && !found->all().empty()) {
        live_.learn(event.parent, *found);
      }
    }
  }
  live_.apply(event);
}

bool SampledProcesses::has_news(const SampledProcess& process) const {
  const uint64_t change = live_.change_of(process.pid);
  return change != 0 && change != process.change;
}

void SampledProcesses::read_again(SampledProcess& process, uint64_t now_ns) {
  if (now_ns >= process.read_ns + process.rest_ns ||
      (process.is_young(now_ns) && has_news(process))) {
    read(process, now_ns);
  }
}

SampledProcess* SampledProcesses::of(const StackSample& sample) {
  const Key key{static_cast<uint32_t>(sample.pid), sample.started_ns, sample.image};
  if (const auto found = processes_.find(key); found != processes_.end()) {
    SampledProcess& process = found->second;
    if (process.wanted && has_news(process)) {
      read_again(process, sample.time_ns);
    }
    return &process;
  }
  if (processes_.size() >= kMaxProcesses) {
    return nullptr;
  }
  SampledProcess process;
  process.pid = sample.pid;
  process.first_ns = sample.time_ns;
  const auto known = find_(sample.pid);
  process.wanted = want_(known.get());
  if (meet_) {
    meet_(sample, known.get(), process.wanted);
  }
  if (known != nullptr) {
    process.service = known->program;
    if (known->service != nullptr) {
      process.service = known->service->name;
    }
    if (known->container != nullptr) {
      process.container =
          known->container->name.empty() ? known->container->id : known->container->name;
    }
  } else {
    unread_++;
  }
  if (process.service.empty()) {
    process.service = sample.name.empty() ? "unknown" : sample.name;
  }
  if (process.wanted) {
    read(process, sample.time_ns);
  }
  return &processes_.emplace(key, std::move(process)).first->second;
}

CodePlace SampledProcesses::place_of(SampledProcess& process, uint64_t address, uint64_t now_ns) {
  const Mapping* mapping = process.mappings.find(address);
  if (mapping == nullptr) {
    read_again(process, now_ns);
    mapping = process.mappings.find(address);
  }
  if (mapping == nullptr) {
    return {ModuleTable::kUnknown, address};
  }
  const uint32_t module = modules_.of(process.pid, *mapping);
  switch (modules_.all()[module].kind) {
    case ModuleKind::kFile:
    case ModuleKind::kSpecial:
      return {module, address - mapping->start + mapping->offset};
    default:
      return {module, address};
  }
}

}  // namespace sonde
