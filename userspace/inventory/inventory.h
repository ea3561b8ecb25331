// SPDX-License-Identifier: Apache-2.0
// Inventory: who runs on this host. One thread writes (scan, on_process, discover, tick), since it
// reads /proc and may block; any thread asks (find, count). It never fails: what could not be
// learned is counted by reason.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string_view>

#include "userspace/inventory/containers.h"
#include "userspace/inventory/proc_root.h"
#include "userspace/inventory/process.h"
#include "userspace/inventory/process_table.h"
#include "userspace/model/events.h"

namespace sonde {

// By the caps in process.h one takes 12 KiB at worst, a full table 384 MiB; few programs have long
// command lines.
constexpr size_t kMaxProcesses = 32'768;
// How long a process that ended is still known: its last records may be behind the news of its end.
constexpr uint64_t kExitGraceNs = 10'000'000'000;

// X(name, help)
#define SONDE_INVENTORY_COUNTERS(X)                                            \
  X(read, "processes read from /proc")                                         \
  X(forked, "processes known from their parent")                               \
  X(ended, "processes that ended")                                             \
  X(gone, "processes that ended before they could be read")                    \
  X(told, "of them known from what the kernel side told of their exec")        \
  X(denied, "processes that we are not permitted to read")                     \
  X(malformed, "processes whose /proc is not as expected")                     \
  X(orphaned, "forks whose parent was not known; read from /proc instead")     \
  X(reused, "pids found to belong to another process than the one remembered") \
  X(forgotten, "processes forgotten because the table was full")               \
  X(unscanned, "processes left unread at a scan because the table was full")   \
  X(unknown, "askings for a process that is not known")

enum class InventoryCount : uint8_t {
// NOLINTNEXTLINE(readability-identifier-naming): spelt as in the metrics
#define X(name, help) name,
  SONDE_INVENTORY_COUNTERS(X)
#undef X
      kEnd,
};

// Says who a process is, from all else that stands in it; called by the writer.
using NameProcess = std::function<ServiceRef(const Process&)>;

class Inventory {
 public:
  explicit Inventory(ProcRoot proc = ProcRoot(), size_t max_processes = kMaxProcesses,
                     Containers containers = Containers(), NameProcess name = {});

  // Any thread. Null if it is not known, which is counted.
  std::shared_ptr<const Process> find(Pid pid) const;
  uint64_t count(InventoryCount what) const {
    return counts_[static_cast<size_t>(what)].load(std::memory_order_relaxed);
  }
  size_t size() const { return table_.size(); }
  // Every process that is known.
  void each(const std::function<void(const std::shared_ptr<const Process>&)>& f) const {
    table_.each(f);
  }

  // The writer's part.

  // Reads all processes there are, at most as many as the table holds. May be repeated: what is
  // known already and has not become another process costs one read as well. Fails only if /proc
  // itself cannot be read.
  Result<> scan();

  // The kernel side's news. A fork takes over what is known of the parent; an exec is read anew
  // (if it cannot be, what the kernel side told must do); an end is noted, and acted on by
  // tick() after the grace.
  void on_process(const ProcessChanged& change);

  // Reads a process that nobody told of. Null if that fails.
  std::shared_ptr<const Process> discover(Pid pid);

  // The process, read now if it is not known or known from its parent only: a server may change its
  // user after the fork, and a decision by user must not stand on the parent's. Null if it is not
  // known and cannot be read.
  std::shared_ptr<const Process> confirm(Pid pid);

  // Names every process anew, by what is known of it and by this from now on.
  void rename(NameProcess name);

  // The process serves on this port: what it is called may depend on it. False: that was known.
  bool serves(Pid pid, uint16_t port);

  // Lets go of the processes whose grace is over.
  void tick(uint64_t now_ns);

 private:
  struct Ended {
    uint64_t until_ns;
    std::shared_ptr<const Process>
        process;  // as it was: a process that took over its pid is not meant
  };

  void add(InventoryCount what) const {
    counts_[static_cast<size_t>(what)].fetch_add(1, std::memory_order_relaxed);
  }
  std::optional<Process> read(Pid pid);
  // Finds out its container and unit, names it, and keeps it.
  std::shared_ptr<const Process> put(Process process,
                                     ContainerAsked asked = ContainerAsked::kOfProcess);
  std::shared_ptr<const Process> keep(Process process);
  bool speaks_for(std::string_view unit, const Process& process) const;
  void take_over(const ProcessChanged& fork);
  void take_told(const ProcessChanged& exec);
  void drop(const Ended& ended);

  const ProcRoot proc_;
  Containers containers_;
  NameProcess name_;
  const size_t max_processes_;
  ProcessTable table_;
  std::deque<Ended> ended_;  // in the order of their ends, at most max_processes_
  mutable std::array<std::atomic<uint64_t>, static_cast<size_t>(InventoryCount::kEnd)> counts_{};
};

}  // namespace sonde
