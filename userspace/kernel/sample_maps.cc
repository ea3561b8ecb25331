// SPDX-License-Identifier: Apache-2.0
#include "userspace/kernel/sample_maps.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <vector>

namespace sonde {

Result<SampleCounts> SampleMaps::counts() const {
  const int cpus = libbpf_num_possible_cpus();
  if (cpus <= 0) {
    return fail_errno("count CPUs", -cpus);
  }
  const uint32_t zero = 0;
  std::vector<SampleCounts> values(static_cast<size_t>(cpus));
  if (bpf_map_lookup_elem(counters_, &zero, values.data()) != 0) {
    return fail_errno("read BPF map sample_counters", errno);
  }
  SampleCounts sum{};
  for (const SampleCounts& of_cpu : values) {
    for (size_t i = 0; i < sum.size(); i++) {
      sum[i] += of_cpu[i];
    }
  }
  return sum;
}

Result<> SampleMaps::set_sampling(const sonde_sampling& sampling) const {
  const uint32_t zero = 0;
  if (bpf_map_update_elem(sampling_, &zero, &sampling, BPF_ANY) != 0) {
    return fail_errno("write BPF map sampling", errno);
  }
  return {};
}

bool SampleMaps::set_rate(uint32_t pid, const sonde_rate& rate) {
  rated_.insert(pid);
  return bpf_map_update_elem(rates_, &pid, &rate, BPF_ANY) == 0;
}

void SampleMaps::forget_rates() {
  for (const uint32_t pid : rated_) {
    (void)bpf_map_delete_elem(rates_, &pid);
  }
  rated_.clear();
}

}  // namespace sonde
