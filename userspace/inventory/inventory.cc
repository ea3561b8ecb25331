// SPDX-License-Identifier: Apache-2.0
#include "userspace/inventory/inventory.h"

#include <algorithm>
#include <utility>

#include "userspace/inventory/cgroup_path.h"
#include "userspace/inventory/service_name.h"

namespace sonde {
namespace {

constexpr size_t kMaxAncestors = 16;  // looked at; a loop of stale parents ends there

}  // namespace

Inventory::Inventory(ProcRoot proc, size_t max_processes, Containers containers, NameProcess name)
    : proc_(std::move(proc)),
      containers_(std::move(containers)),
      name_(std::move(name)),
      max_processes_(max_processes),
      table_(max_processes) {}

std::shared_ptr<const Process> Inventory::find(Pid pid) const {
  std::shared_ptr<const Process> process = table_.find(pid);
  if (process == nullptr) {
    add(InventoryCount::unknown);
  }
  return process;
}

Result<> Inventory::scan() {
  size_t seen = 0;
  Result<> scanned = proc_.for_each([&](Pid pid) {
    if (++seen > max_processes_) {
      add(InventoryCount::unscanned);
    } else if (std::optional<Process> process = read(pid)) {
      keep(std::move(*process));
    }
    return true;
  });
  rename(name_);  // by now parents are known
  return scanned;
}

std::shared_ptr<const Process> Inventory::discover(Pid pid) {
  std::optional<Process> process = read(pid);
  return process ? put(std::move(*process)) : nullptr;
}

std::optional<Process> Inventory::read(Pid pid) {
  std::expected<Process, ProcFailure> read = proc_.read(pid);
  if (!read) {
    switch (read.error()) {
      case ProcFailure::kGone:
        add(InventoryCount::gone);
        break;
      case ProcFailure::kDenied:
        add(InventoryCount::denied);
        break;
      case ProcFailure::kMalformed:
        add(InventoryCount::malformed);
        break;
    }
    return std::nullopt;
  }
  add(InventoryCount::read);
  const std::shared_ptr<const Process> known = table_.find(pid);
  if (known != nullptr && known->start_ticks != 0 && known->start_ticks != read->start_ticks) {
    add(InventoryCount::reused);
  }
  return std::move(*read);
}

std::shared_ptr<const Process> Inventory::confirm(Pid pid) {
  std::shared_ptr<const Process> known = table_.find(pid);
  if (known != nullptr && known->start_ticks != 0) {
    return known;
  }
  std::optional<Process> process = read(pid);
  if (!process) {
    return known;
  }
  if (known != nullptr) {
    process->served_ports = known->served_ports;
  }
  return put(std::move(*process));
}

std::shared_ptr<const Process> Inventory::put(Process process, ContainerAsked asked) {
  process.container = containers_.of(process.cgroup, process.user.value_or(0), asked);
  const std::string_view unit = read_cgroup_path(process.cgroup).unit;
  process.unit =
      process.container == nullptr && speaks_for(unit, process) ? std::string(unit) : std::string();
  if (name_) {
    process.service = name_(process);
  }
  return keep(std::move(process));
}

std::shared_ptr<const Process> Inventory::keep(Process process) {
  auto kept = std::make_shared<const Process>(std::move(process));
  if (table_.put(kept)) {
    add(InventoryCount::forgotten);
  }
  return kept;
}

// A unit's main program speaks for it: what the service manager started, shells it went through,
// and whatever goes on as the same program. What that program starts in turn - the jobs of a
// scheduler, the programs of a supervisor, a login's commands - speaks for itself.
bool Inventory::speaks_for(std::string_view unit, const Process& process) const {
  if (unit.empty()) {
    return false;
  }
  std::shared_ptr<const Process> holder;
  const Process* child = &process;
  for (size_t i = 0; i < kMaxAncestors; ++i) {
    std::shared_ptr<const Process> parent = table_.find(child->parent);
    if (parent == nullptr || parent->pid == child->pid ||
        read_cgroup_path(parent->cgroup).unit != unit) {
      return true;
    }
    const bool same = parent->program == child->program ||
                      (parent->executable == child->executable && child->program_is_interpreter);
    if (!same && !is_shell(parent->executable)) {
      return false;
    }
    holder = std::move(parent);
    child = holder.get();
  }
  return true;
}

void Inventory::rename(NameProcess name) {
  name_ = std::move(name);
  table_.each([this](const std::shared_ptr<const Process>& process) { put(*process); });
}

bool Inventory::serves(Pid pid, uint16_t port) {
  const std::shared_ptr<const Process> known = table_.find(pid);
  if (known == nullptr || known->served_ports.size() >= kMaxServedPorts ||
      std::ranges::find(known->served_ports, port) != known->served_ports.end()) {
    return false;
  }
  Process process = *known;
  process.served_ports.push_back(port);
  put(std::move(process));
  return true;
}

void Inventory::on_process(const ProcessChanged& change) {
  switch (change.change) {
    case ProcessChange::kFork:
      take_over(change);
      break;
    case ProcessChange::kExec:
      if (std::optional<Process> process = read(change.pid)) {
        put(std::move(*process), ContainerAsked::kOfNewProgram);
      } else {
        take_told(change);
      }
      break;
    case ProcessChange::kExit:
      add(InventoryCount::ended);
      if (std::shared_ptr<const Process> process = table_.find(change.pid)) {
        if (ended_.size() == max_processes_) {
          drop(ended_.front());
          ended_.pop_front();
        }
        ended_.push_back(
            {.until_ns = change.time_ns + kExitGraceNs, .process = std::move(process)});
      }
      break;
  }
}

// It ended (or hid) before it could be read: what the kernel side told of the new program, and
// what a program takes over from the one before it.
void Inventory::take_told(const ProcessChanged& exec) {
  if (exec.name.empty()) {
    return;
  }
  add(InventoryCount::told);
  std::shared_ptr<const Process> before = table_.find(exec.pid);
  before = before != nullptr ? before : table_.find(exec.parent);
  Process process;
  process.pid = exec.pid;
  process.parent = exec.parent;
  process.user = exec.uid;
  process.executable = exec.executable.empty() ? exec.name : exec.executable;
  process.command_line = join_arguments(exec.arguments);
  if (before != nullptr) {
    process.cgroup = before->cgroup;
    // An environment that was cut may have lost just this; most pass on what they were given.
    process.declared = exec.environment_cut ? before->declared : nullptr;
  }
  if (std::optional<Declared> declared = read_declared(exec.environment)) {
    process.declared = std::make_shared<const Declared>(std::move(*declared));
  }
  ProgramName program =
      read_program(process.executable, split_arguments(exec.arguments), exec.name);
  process.program = std::move(program.name);
  process.program_is_interpreter = program.interpreter;
  put(std::move(process), ContainerAsked::kOfNewProgram);
}

void Inventory::take_over(const ProcessChanged& fork) {
  const std::shared_ptr<const Process> parent = table_.find(fork.parent);
  if (parent == nullptr) {
    add(InventoryCount::orphaned);
    discover(fork.pid);
    return;
  }
  add(InventoryCount::forked);
  Process child = *parent;
  child.pid = fork.pid;
  child.parent = fork.parent;
  child.start_ticks = 0;
  keep(std::move(child));  // it is what its parent is, and called so
}

void Inventory::tick(uint64_t now_ns) {
  while (!ended_.empty() && ended_.front().until_ns <= now_ns) {
    drop(ended_.front());
    ended_.pop_front();
  }
}

void Inventory::drop(const Ended& ended) { table_.remove(ended.process); }

}  // namespace sonde
