// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/sampled_processes.h"

#include <algorithm>
#include <utility>

namespace sonde {

void SampledProcesses::read(SampledProcess& process, uint64_t now_ns) {
  // What is gone keeps what was known of it.
  auto mappings = read_(process.pid);
  const bool news = mappings && !mappings->all().empty() && *mappings != process.mappings;
  if (news) {
    process.mappings = *std::move(mappings);
    process.readings++;
  }
  process.read_ns = now_ns;
  process.rest_ns =
      news ? kReadAgainNs : std::clamp(process.rest_ns * 2, kReadAgainNs, kMostRestNs);
}

void SampledProcesses::read_again(SampledProcess& process, uint64_t now_ns) {
  if (now_ns >= process.read_ns + process.rest_ns) {
    read(process, now_ns);
  }
}

SampledProcess* SampledProcesses::of(const StackSample& sample) {
  const Key key{static_cast<uint32_t>(sample.pid), sample.started_ns, sample.image};
  if (const auto found = processes_.find(key); found != processes_.end()) {
    return &found->second;
  }
  if (processes_.size() >= kMaxProcesses) {
    return nullptr;
  }
  SampledProcess process;
  process.pid = sample.pid;
  const auto known = find_(sample.pid);
  process.wanted = want_(known.get());
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
