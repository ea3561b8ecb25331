// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/stack_collector.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace sonde {
namespace {

constexpr uint32_t kNone = ~uint32_t{0};

}  // namespace

StackCollector::StackCollector(SampledProcesses& processes, Unwinding& unwinding,
                               const CollectorLimits& limits, SampleSink* sink)
    : processes_(processes), unwinding_(unwinding), limits_(limits), sink_(sink) {
  // The first owner is everybody for whom there is no room.
  owners_.push_back({.service = "[others]", .container = {}, .thread_name = {}});
}

uint32_t StackCollector::owner_of(const SampledProcess* process, uint32_t thread,
                                  std::string_view name) {
  if (process == nullptr) {
    return 0;
  }
  OwnerKey key{process, thread, std::string(name)};
  if (const auto found = owner_numbers_.find(key); found != owner_numbers_.end()) {
    return found->second;
  }
  // A tenth is kept for processes of which no thread has a place yet.
  const size_t most = thread != 0 ? limits_.owners - limits_.owners / 10 : limits_.owners;
  if (owners_.size() >= most) {
    return thread != 0 ? owner_of(process, 0, {}) : 0;
  }
  const auto number = static_cast<uint32_t>(owners_.size());
  owners_.push_back({.service = process->service,
                     .container = process->container,
                     .thread_name = key.name,
                     .pid = static_cast<uint32_t>(process->pid),
                     .thread = thread});
  owner_numbers_.emplace(std::move(key), number);
  return number;
}

uint32_t StackCollector::frame_at(const CodePlace& place) {
  if (const auto found = frame_numbers_.find(place); found != frame_numbers_.end()) {
    return found->second;
  }
  if (frames_.size() >= limits_.frames) {
    return kNone;
  }
  const auto number = static_cast<uint32_t>(frames_.size());
  frames_.push_back(place);
  frame_numbers_.emplace(place, number);
  return number;
}

uint32_t StackCollector::frame_of(SampledProcess& process, uint64_t address, uint64_t now_ns) {
  if (const auto known = known_.find(process, address)) {
    return *known;
  }
  CodePlace place = processes_.place_of(process, address, now_ns);
  if (place.module == ModuleTable::kUnknown) {
    place.offset = 0;  // it says nothing, and would be another place each time
    return frame_at(place);
  }
  const uint32_t frame = frame_at(place);
  if (frame != kNone) {
    known_.add(process, address, frame);
  }
  return frame;
}

bool StackCollector::collect_frames(SampledProcess& process, const StackSample& sample) {
  scratch_.clear();
  // Behind a call there may be another function already: what returns to an address was called from
  // before it.
  for (size_t i = 0; i < sample.kernel.size(); ++i) {
    scratch_.push_back(frame_at({ModuleTable::kKernel, sample.kernel[i] - (i > 0 ? 1 : 0)}));
  }
  for (const uint64_t address : unwinding_.frames_of(process, sample)) {
    scratch_.push_back(frame_of(process, address, sample.time_ns));
  }
  if (scratch_.empty()) {
    scratch_.push_back(frame_at({ModuleTable::kUnknown, 0}));
  }
  return std::ranges::find(scratch_, kNone) == scratch_.end();
}

bool StackCollector::count(uint32_t owner, std::span<const uint32_t> frames, uint32_t weight) {
  std::string key(sizeof(owner) + frames.size_bytes(), '\0');
  std::memcpy(key.data(), &owner, sizeof(owner));
  if (!frames.empty()) {
    std::memcpy(key.data() + sizeof(owner), frames.data(), frames.size_bytes());
  }
  if (const auto found = stacks_.find(key); found != stacks_.end()) {
    found.value().add(weight);
    return true;
  }
  if (stacks_.size() >= limits_.stacks) {
    return false;
  }
  stacks_[std::move(key)].add(weight);
  return true;
}

void StackCollector::add(const StackSample& sample) {
  counts_.seen++;
  SampledProcess* process = processes_.of(sample);
  if (process != nullptr && !process->wanted) {
    counts_.unwanted++;
    return;
  }
  const uint32_t owner = owner_of(process, sample.thread, sample.name);
  if (process != nullptr && collect_frames(*process, sample) &&
      count(owner, scratch_, sample.weight)) {
    counts_.kept++;
    if (sink_ != nullptr) {
      sink_->sampled(*this, sample, owner, scratch_);
    }
    return;
  }
  counts_.cut++;
  if (sink_ != nullptr) {
    sink_->sampled(*this, sample, owner, {});
  }
  cut_[owner].add(sample.weight);
}

Profile StackCollector::finish(FrameNames& names) {
  Profile out;
  const std::vector<Module>& modules = processes_.modules().all();
  for (const Module& module : modules) {
    out.modules.push_back({.path = module.path,
                           .build_id = module.build_id,
                           .in_kernel = module.kind == ModuleKind::kKernel});
  }
  out.frames.resize(frames_.size());
  // By module: who knows the names need not go to and fro.
  for (const auto& [place, number] : frame_numbers_) {
    const Module& module = modules[place.module];
    std::string name = names.name(module, place.offset);
    out.frames[number] = {.module = place.module,
                          .offset = place.offset,
                          .function = name.empty() ? place_name(module, place.offset) : name};
  }
  out.owners = std::move(owners_);
  for (const auto& [key, met] : stacks_) {
    ProfileStack stack;
    std::memcpy(&stack.owner, key.data(), sizeof(stack.owner));
    stack.frames.resize((key.size() - sizeof(stack.owner)) / sizeof(uint32_t));
    if (!stack.frames.empty()) {
      std::memcpy(stack.frames.data(), key.data() + sizeof(stack.owner),
                  stack.frames.size() * sizeof(uint32_t));
    }
    stack.samples = met.samples;
    stack.periods = met.periods;
    out.stacks.push_back(std::move(stack));
  }
  if (!cut_.empty()) {
    const auto no_room = static_cast<uint32_t>(out.frames.size());
    out.frames.push_back({.module = ModuleTable::kUnknown, .offset = 0, .function = "[no room]"});
    for (const auto& [owner, met] : cut_) {
      out.stacks.push_back(
          {.owner = owner, .frames = {no_room}, .samples = met.samples, .periods = met.periods});
    }
  }
  return out;
}

}  // namespace sonde
