// SPDX-License-Identifier: Apache-2.0
// SampledProcesses: what the addresses of a sample mean: in which module, and where in it. Each
// program that runs is read when its first sample comes, since it may be gone soon. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "userspace/inventory/mappings.h"
#include "userspace/inventory/process.h"
#include "userspace/model/stack_sample.h"
#include "userspace/pipeline/live_mappings.h"
#include "userspace/pipeline/module_table.h"

namespace sonde {

// A place in a module: an offset in a file, else an address.
struct CodePlace {
  uint32_t module = ModuleTable::kUnknown;
  uint64_t offset = 0;
  auto operator<=>(const CodePlace&) const = default;
};

// One program in memory: a process from one exec to the next.
struct SampledProcess {
  Pid pid{};
  std::string service;    // never empty
  std::string container;  // empty: none
  bool wanted = true;
  Mappings mappings;
  uint32_t readings = 0;  // of the mappings
  uint64_t first_ns = 0;  // of its first sample
  uint64_t read_ns = 0;   // when they were
  uint64_t rest_ns = 0;   // until they may be again
  uint64_t change = 0;    // of LiveMappings, at the reading

  // It may still be loading its libraries.
  bool is_young(uint64_t now_ns) const { return now_ns < first_ns + kYoungNs; }
  static constexpr uint64_t kYoungNs = 1'000'000'000;
};

// Who the sampler asks about processes. Null: it is gone.
using FindProcess = std::function<std::shared_ptr<const Process>(Pid)>;
// Whether somebody wants to see it; null for a process that was gone before it could be read.
using WantProcess = std::function<bool(const Process*)>;
// Told of each program when its first sample comes. Null: it is gone.
using MeetProcess =
    std::function<void(const StackSample& first, const Process* known, bool wanted)>;
using ReadMappings = std::function<Result<Mappings>(Pid)>;

class SampledProcesses {
 public:
  static constexpr size_t kMaxProcesses = 8192;  // later ones are not read
  // Mappings are read again at most so often, when an address is in none of them: a library was
  // loaded, code was made. Where that does not help the next rest is twice as long, up to the most.
  static constexpr uint64_t kReadAgainNs = 1'000'000'000;
  // Parents of new processes that are read for their children's sake, at most so often.
  static constexpr size_t kParentsPerSecond = 200;
  static constexpr uint64_t kMostRestNs = 64'000'000'000;

  SampledProcesses(
      FindProcess find, WantProcess want,
      ReadMappings read = [](Pid pid) { return read_mappings(pid); }, MeetProcess meet = {})
      : find_(std::move(find)),
        want_(std::move(want)),
        read_(std::move(read)),
        meet_(std::move(meet)) {}

  // Null: there are too many.
  SampledProcess* of(const StackSample& sample);
  // An address of the process, at a time of the kernel's clock.
  CodePlace place_of(SampledProcess& process, uint64_t address, uint64_t now_ns);

  // Something changed in what a process may execute; in the order of time, also with samples.
  void apply(const CodeEvent& event);
  const LiveMappings& live() const { return live_; }

  // Code was met that is in none of the mappings.
  void read_again(SampledProcess& process, uint64_t now_ns);

  ModuleTable& modules() { return modules_; }
  uint64_t unread() const { return unread_; }  // processes that were gone

 private:
  using Key = std::tuple<uint32_t, uint64_t, uint64_t>;  // pid, start, image

  void read(SampledProcess& process, uint64_t now_ns);
  bool has_news(const SampledProcess& process) const;

  const FindProcess find_;
  const WantProcess want_;
  const ReadMappings read_;
  const MeetProcess meet_;
  LiveMappings live_;
  bool followed_ = false;  // there are events: else what was read is soon old
  ModuleTable modules_;
  std::map<Key, SampledProcess> processes_;
  uint64_t unread_ = 0;
  uint64_t parents_since_ns_ = 0;
  size_t parents_read_ = 0;
};

}  // namespace sonde
