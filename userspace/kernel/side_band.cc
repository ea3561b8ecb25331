// SPDX-License-Identifier: Apache-2.0
#include "userspace/kernel/side_band.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <ctime>

namespace sonde {
namespace {

// Of each CPU: 128 KiB. A process that is executed tells some 2 KB.
constexpr size_t kPages = 32;

perf_event_attr attributes_with(bool build_ids) {
  perf_event_attr attributes{};
  attributes.size = sizeof(attributes);
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.config = PERF_COUNT_SW_DUMMY;
  attributes.disabled = 1;
  attributes.mmap = 1;  // what may be executed
  attributes.mmap2 = 1;
  attributes.comm = 1;
  attributes.comm_exec = 1;
  attributes.task = 1;
  attributes.build_id = build_ids ? 1 : 0;
  attributes.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME;
  attributes.sample_id_all = 1;
  attributes.use_clockid = 1;
  attributes.clockid = CLOCK_MONOTONIC;
  attributes.watermark = 1;
  attributes.wakeup_watermark = UINT32_MAX;  // nobody waits
  return attributes;
}

}  // namespace

bool SideBand::open_buffer(bool build_ids) {
  perf_event_attr attributes = attributes_with(build_ids);
  perf_buffer_raw_opts options{};
  options.sz = sizeof(options);
  const auto hand_over = [](void* self, int /*cpu*/, perf_event_header* record) {
    const auto& reader = static_cast<SideBand*>(self)->reader_;
    if (reader != nullptr) {
      (*reader)({reinterpret_cast<const uint8_t*>(record), record->size});
    }
    return LIBBPF_PERF_EVENT_CONT;
  };
  buffer_ = perf_buffer__new_raw(events_.get(), kPages, &attributes, hand_over, this, &options);
  build_ids_ = build_ids;
  return buffer_ != nullptr;
}

Result<std::unique_ptr<SideBand>> SideBand::open() {
  std::unique_ptr<SideBand> out(new SideBand);
  const int cpus = libbpf_num_possible_cpus();
  if (cpus <= 0) {
    return fail_errno("count CPUs", -cpus);
  }
  out->events_ =
      Fd(bpf_map_create(BPF_MAP_TYPE_PERF_EVENT_ARRAY, "sonde_side_band", sizeof(uint32_t),
                        sizeof(uint32_t), static_cast<uint32_t>(cpus), nullptr));
  if (!out->events_.ok()) {
    return fail_errno("create a map for perf's side-band", errno);
  }
  if (!out->open_buffer(true) && !out->open_buffer(false)) {
    return fail_errno("open perf's side-band", errno);
  }
  out->stop();  // libbpf starts it
  return out;
}

SideBand::~SideBand() { perf_buffer__free(buffer_); }

void SideBand::enable(bool on) {
  for (size_t i = 0; i < perf_buffer__buffer_cnt(buffer_); i++) {
    (void)::ioctl(perf_buffer__buffer_fd(buffer_, i),
                  on ? PERF_EVENT_IOC_ENABLE : PERF_EVENT_IOC_DISABLE, 0);
  }
}

void SideBand::read(const Reader& reader) {
  reader_ = &reader;
  (void)perf_buffer__consume(buffer_);
  reader_ = nullptr;
}

}  // namespace sonde
