// SPDX-License-Identifier: Apache-2.0
#include "userspace/sources/sample_record.h"

#include <cstddef>
#include <cstring>

#include "bpf/shared/samples.h"

namespace sonde {

static_assert(offsetof(sonde_sample, frames) == SONDE_SAMPLE_HEAD);

std::optional<StackSample> read_sample(std::span<const uint8_t> record) {
  if (record.size() < SONDE_SAMPLE_HEAD ||
      reinterpret_cast<uintptr_t>(record.data()) % alignof(uint64_t) != 0) {
    return std::nullopt;
  }
  sonde_sample head;
  std::memcpy(&head, record.data(), SONDE_SAMPLE_HEAD);
  const size_t frames = (record.size() - SONDE_SAMPLE_HEAD) / sizeof(uint64_t);
  if (head.pid == 0 || head.kernel_frames > SONDE_SAMPLE_FRAMES ||
      head.user_frames > SONDE_SAMPLE_FRAMES ||
      size_t{head.kernel_frames} + head.user_frames > frames) {
    return std::nullopt;
  }
  const auto* name = reinterpret_cast<const char*>(record.data() + offsetof(sonde_sample, name));
  const auto* first = reinterpret_cast<const uint64_t*>(record.data() + SONDE_SAMPLE_HEAD);
  return StackSample{
      .time_ns = head.time_ns,
      .pid = Pid{head.pid},
      .thread = head.tid,
      .cpu = head.cpu,
      .cgroup = head.cgroup,
      .started_ns = head.started_ns,
      .image = head.image,
      .name = {name, strnlen(name, sizeof(head.name))},
      .kernel = {first, head.kernel_frames},
      .user = {first + head.kernel_frames, head.user_frames},
      .kernel_cut = (head.flags & SONDE_SAMPLE_KERNEL_CUT) != 0,
      .user_cut = (head.flags & SONDE_SAMPLE_USER_CUT) != 0,
  };
}

}  // namespace sonde
