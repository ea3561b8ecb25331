// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/live_mappings.h"

#include <fmt/format.h>

#include <iterator>
#include <string>
#include <utility>
#include <vector>

namespace sonde {
namespace {

// As Mapping has it.
std::string path_of(std::string_view path) {
  constexpr std::string_view kAnonymous = "//anon";
  constexpr std::string_view kDeleted = " (deleted)";
  if (path == kAnonymous) {
    return {};
  }
  if (path.ends_with(kDeleted)) {
    path.remove_suffix(kDeleted.size());
  }
  return std::string(path.substr(0, kMaxMappingPath));
}

Mapping mapping_of(const CodeEvent& event) {
  return {.start = event.address,
          .end = event.address + event.size,
          .offset = event.offset,
          .file = {.device = event.device, .inode = event.inode},
          .path = path_of(event.path),
          .build_id = fmt::format("{:02x}", fmt::join(event.build_id, ""))};
}

}  // namespace

LiveMappings::Known::Known(std::map<uint64_t, Mapping> all, std::shared_ptr<size_t> counted)
    : by_start(std::move(all)), in_all(std::move(counted)) {
  *in_all += by_start.size();
}

LiveMappings::Known::~Known() { *in_all -= by_start.size(); }

// What was mapped there before is cut or gone.
void LiveMappings::Known::cut(uint64_t start, uint64_t end) {
  auto at = by_start.lower_bound(start);
  if (at != by_start.begin() && std::prev(at)->second.end > start) {
    Mapping& before = std::prev(at)->second;
    if (before.end > end) {
      Mapping rest = before;
      rest.start = end;
      rest.offset += end - before.start;
      add(std::move(rest));
    }
    before.end = start;
  }
  while (at != by_start.end() && at->second.start < end) {
    if (at->second.end > end) {
      Mapping rest = std::move(at->second);
      rest.offset += end - rest.start;
      rest.start = end;
      add(std::move(rest));
    }
    at = by_start.erase(at);
    --*in_all;
  }
}

void LiveMappings::Known::add(Mapping mapping) {
  if (by_start.size() < kMaxMappings) {
    const uint64_t start = mapping.start;
    *in_all += by_start.insert_or_assign(start, std::move(mapping)).second ? 1 : 0;
  }
}

std::optional<Mappings> LiveMappings::of(Pid pid) const {
  const auto found = processes_.find(pid);
  if (found == processes_.end()) {
    return std::nullopt;
  }
  std::vector<Mapping> all;
  all.reserve(found->second->by_start.size());
  for (const auto& [start, mapping] : found->second->by_start) {
    all.push_back(mapping);
  }
  return Mappings(std::move(all));
}

uint64_t LiveMappings::change_of(Pid pid) const {
  const auto found = processes_.find(pid);
  return found != processes_.end() ? found->second->change : 0;
}

void LiveMappings::put(Pid pid, std::shared_ptr<Known> known) {
  if (processes_.size() < kMaxProcesses || processes_.contains(pid)) {
    processes_[pid] = std::move(known);
  }
  if (*in_all_ > kMaxInAll) {
    processes_.clear();
    overflows_++;
  }
}

void LiveMappings::learn(Pid pid, const Mappings& mappings) {
  std::map<uint64_t, Mapping> all;
  for (const Mapping& each : mappings.all()) {
    all.emplace_hint(all.end(), each.start, each);
  }
  auto known = std::make_shared<Known>(std::move(all), in_all_);
  known->change = ++change_;
  put(pid, std::move(known));
}

void LiveMappings::map(const CodeEvent& event) {
  const auto found = processes_.find(event.pid);
  if (found == processes_.end() || event.size == 0 || event.address + event.size < event.address) {
    return;
  }
  std::shared_ptr<Known> known = found->second;
  if (known.use_count() > 2) {  // others have the same
    known = std::make_shared<Known>(known->by_start, in_all_);
  }
  known->cut(event.address, event.address + event.size);
  known->add(mapping_of(event));
  known->change = ++change_;
  put(event.pid, std::move(known));
}

void LiveMappings::apply(const CodeEvent& event) {
  switch (event.kind) {
    case CodeEventKind::kMapped:
      return map(event);
    case CodeEventKind::kExec:
      return learn(event.pid, Mappings());
    case CodeEventKind::kForked:
      if (const auto parent = processes_.find(event.parent); parent != processes_.end()) {
        put(event.pid, parent->second);
      } else {
        processes_.erase(event.pid);  // an older one's of the same number
      }
      return;
    case CodeEventKind::kExited:
      processes_.erase(event.pid);
      return;
    case CodeEventKind::kLost:
      lost_ += event.lost;
      processes_.clear();
      return;
  }
}

}  // namespace sonde
