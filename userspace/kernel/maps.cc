// SPDX-License-Identifier: Apache-2.0
#include "userspace/kernel/maps.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

namespace sonde {
namespace {

size_t page_size() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

Result<> update(int fd, const void* key, const void* value, const char* map) {
  if (bpf_map_update_elem(fd, key, value, BPF_ANY) != 0) {
    return fail_errno(std::string("write BPF map ") + map, errno);
  }
  return {};
}

// One element of a map that has a value for each CPU.
template <typename Value>
Result<std::vector<Value>> of_each_cpu(int fd, uint32_t key, const char* map) {
  static_assert(sizeof(Value) % sizeof(uint64_t) == 0);  // the kernel rounds up
  const int cpus = libbpf_num_possible_cpus();
  if (cpus <= 0) {
    return fail_errno("count CPUs", -cpus);
  }
  std::vector<Value> values(static_cast<size_t>(cpus));
  if (bpf_map_lookup_elem(fd, &key, values.data()) != 0) {
    return fail_errno(std::string("read BPF map ") + map, errno);
  }
  return values;
}

}  // namespace

Result<KernelCounts> CounterMap::read() const {
  const auto values = of_each_cpu<KernelCounts>(fd_, 0, "counters");
  if (!values) {
    return std::unexpected(values.error());
  }
  KernelCounts sum{};
  for (const KernelCounts& of_cpu : *values) {
    for (size_t i = 0; i < sum.size(); i++) {
      sum[i] += of_cpu[i];
    }
  }
  return sum;
}

Result<std::array<sonde_cost, SONDE_COSTS>> CostMap::read() const {
  std::array<sonde_cost, SONDE_COSTS> sum{};
  for (uint32_t kind = 0; kind < SONDE_COSTS; kind++) {
    const auto values = of_each_cpu<sonde_cost>(fd_, kind, "costs");
    if (!values) {
      return std::unexpected(values.error());
    }
    for (const sonde_cost& of_cpu : *values) {
      sum[kind].runs += of_cpu.runs;
      sum[kind].timed += of_cpu.timed;
      sum[kind].timed_ns += of_cpu.timed_ns;
    }
  }
  return sum;
}

Result<ControlPage> ControlPage::map(const MapPool& pool) {
  void* page =
      mmap(nullptr, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED, pool.find("control"), 0);
  if (page == MAP_FAILED) {
    return fail_errno("map BPF map control", errno);
  }
  return ControlPage(static_cast<sonde_control*>(page));
}

ControlPage::ControlPage(ControlPage&& other) noexcept
    : page_(std::exchange(other.page_, nullptr)) {}

ControlPage::~ControlPage() {
  if (page_ != nullptr) {
    munmap(page_, page_size());
  }
}

void ControlPage::set_reader_state(sonde_reader_state state) {
  __atomic_store_n(&page_->reader_state, static_cast<uint32_t>(state), __ATOMIC_SEQ_CST);
}
void ControlPage::set_self(uint32_t pid) { __atomic_store_n(&page_->self, pid, __ATOMIC_SEQ_CST); }
void ControlPage::set_ring_wake_bytes(uint32_t bytes) {
  __atomic_store_n(&page_->ring_wake_bytes, bytes, __ATOMIC_SEQ_CST);
}
void ControlPage::set_only_port(uint32_t port) {
  __atomic_store_n(&page_->only_port, port, __ATOMIC_SEQ_CST);
}
void ControlPage::set_only_unix(std::array<uint32_t, 2> inodes) {
  __atomic_store_n(&page_->only_unix[0], inodes[0], __ATOMIC_SEQ_CST);
  __atomic_store_n(&page_->only_unix[1], inodes[1], __ATOMIC_SEQ_CST);
}
void ControlPage::move_policy_epoch() {
  __atomic_fetch_add(&page_->policy_epoch, 1, __ATOMIC_SEQ_CST);
}

void ControlPage::move_process_epoch() {
  __atomic_fetch_add(&page_->process_epoch, 1, __ATOMIC_SEQ_CST);
}

void ControlPage::set_tcp_health(bool on) {
  __atomic_store_n(&page_->tcp_health, on ? 1 : 0, __ATOMIC_SEQ_CST);
}

void ControlPage::set_restraint(sonde_restraint restraint) {
  __atomic_store_n(&page_->restraint, static_cast<uint32_t>(restraint), __ATOMIC_SEQ_CST);
  move_policy_epoch();
}

uint32_t ControlPage::unix_connections() const {
  return __atomic_load_n(&page_->unix_connections, __ATOMIC_RELAXED);
}

uint32_t ControlPage::waiting_ends() const {
  return __atomic_load_n(&page_->waiting_ends, __ATOMIC_SEQ_CST);
}
void ControlPage::took_waiting_ends(uint32_t count) {
  __atomic_fetch_sub(&page_->waiting_ends, count, __ATOMIC_SEQ_CST);
}

std::vector<sonde_close_record> WaitingEnds::take() const {
  std::vector<sonde_close_record> out;
  uint64_t id = 0;
  // Always the first: what was taken is gone. The kernel side may add meanwhile: that is for later.
  while (out.size() < SONDE_MAX_WAITING_ENDS && bpf_map_get_next_key(fd_, nullptr, &id) == 0) {
    sonde_close_record record{};
    if (bpf_map_lookup_elem(fd_, &id, &record) != 0 || bpf_map_delete_elem(fd_, &id) != 0) {
      break;
    }
    out.push_back(record);
  }
  return out;
}

DecisionMaps::DecisionMaps(const MapPool& pool)
    : processes_(pool.find("processes")),
      ports_(pool.find("ports_off")),
      endpoints_(pool.find("endpoints")),
      decisions_(pool.find("decisions")) {}

Result<> DecisionMaps::set_process(uint32_t pid, sonde_process_verdict verdict,
                                   sonde_restraint restraint) const {
  const uint32_t value = verdict | uint32_t{restraint} << SONDE_PROCESS_RESTRAINT_SHIFT;
  return update(processes_, &pid, &value, "processes");
}

Result<> DecisionMaps::set_ports_off(const std::bitset<65536>& ports) const {
  for (uint32_t word = 0; word < 65536 / 64; word++) {
    uint64_t bits = 0;
    for (uint32_t bit = 0; bit < 64; bit++) {
      bits |= static_cast<uint64_t>(ports[word * 64 + bit]) << bit;
    }
    if (auto done = update(ports_, &word, &bits, "ports_off"); !done) {
      return done;
    }
  }
  return {};
}

Result<> DecisionMaps::learn(const sonde_endpoint& endpoint, const sonde_policy& policy) const {
  return update(endpoints_, &endpoint, &policy, "endpoints");
}

Result<> DecisionMaps::decide(uint64_t connection, const sonde_policy& policy) const {
  return update(decisions_, &connection, &policy, "decisions");
}

}  // namespace sonde
