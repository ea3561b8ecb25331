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

}  // namespace

Result<KernelCounts> CounterMap::read() const {
  const int cpus = libbpf_num_possible_cpus();
  if (cpus <= 0) {
    return fail_errno("count CPUs", -cpus);
  }
  std::vector<uint64_t> values(static_cast<size_t>(cpus) * SONDE_COUNTERS);
  const uint32_t zero = 0;
  if (bpf_map_lookup_elem(fd_, &zero, values.data()) != 0) {
    return fail_errno("read BPF map counters", errno);
  }
  KernelCounts sum{};
  for (size_t i = 0; i < values.size(); i++) {
    sum[i % SONDE_COUNTERS] += values[i];
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
void ControlPage::move_policy_epoch() {
  __atomic_fetch_add(&page_->policy_epoch, 1, __ATOMIC_SEQ_CST);
}

DecisionMaps::DecisionMaps(const MapPool& pool)
    : processes_(pool.find("processes")),
      ports_(pool.find("ports_off")),
      endpoints_(pool.find("endpoints")),
      decisions_(pool.find("decisions")) {}

Result<> DecisionMaps::set_process(uint32_t pid, sonde_process_verdict verdict) const {
  const uint32_t value = verdict;
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
