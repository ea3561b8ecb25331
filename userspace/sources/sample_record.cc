// SPDX-License-Identifier: Apache-2.0
#include "userspace/sources/sample_record.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "bpf/shared/samples.h"

namespace sonde {
namespace {

static_assert(offsetof(sonde_sample, frames) == SONDE_SAMPLE_HEAD);

bool is_aligned(std::span<const uint8_t> record) {
  return reinterpret_cast<uintptr_t>(record.data()) % alignof(uint64_t) == 0;
}

std::optional<sonde_sample> head_of(std::span<const uint8_t> record) {
  if (record.size() < SONDE_SAMPLE_HEAD || !is_aligned(record)) {
    return std::nullopt;
  }
  sonde_sample head;
  std::memcpy(&head, record.data(), SONDE_SAMPLE_HEAD);
  return head.kind == SONDE_SAMPLE ? std::optional(head) : std::nullopt;
}

}  // namespace

std::optional<StackSample> read_sample(std::span<const uint8_t> record) {
  const auto head = head_of(record);
  const size_t frames = (record.size() - SONDE_SAMPLE_HEAD) / sizeof(uint64_t);
  if (!head || head->pid == 0 || head->kernel_frames > SONDE_SAMPLE_KERNEL_FRAMES ||
      head->user_frames > SONDE_SAMPLE_USER_FRAMES || head->end >= SONDE_STEP_KINDS ||
      size_t{head->kernel_frames} + head->user_frames > frames || head->weight == 0) {
    return std::nullopt;
  }
  const auto* name = reinterpret_cast<const char*>(record.data() + offsetof(sonde_sample, name));
  const auto* first = reinterpret_cast<const uint64_t*>(record.data() + SONDE_SAMPLE_HEAD);
  return StackSample{
      .time_ns = head->time_ns,
      .pid = Pid{head->pid},
      .thread = head->tid,
      .cpu = head->cpu,
      .cgroup = head->cgroup,
      .started_ns = head->started_ns,
      .image = head->image,
      .name = {name, strnlen(name, sizeof(head->name))},
      .weight = head->weight,
      .kernel = {first, head->kernel_frames},
      .user = {first + head->kernel_frames, head->user_frames},
      .kernel_cut = (head->flags & SONDE_SAMPLE_KERNEL_CUT) != 0,
      .user_cut = (head->flags & SONDE_SAMPLE_USER_CUT) != 0,
      .user_by_kernel = (head->flags & SONDE_SAMPLE_USER_BY_KERNEL) != 0,
      .missed = (head->flags & SONDE_SAMPLE_MISSED) != 0,
      .guessed = head->guessed,
      .end = head->end,
  };
}

std::optional<StackRecord> read_stack(std::span<const uint8_t> record) {
  if (record.size() < sizeof(sonde_stack) || !is_aligned(record)) {
    return std::nullopt;
  }
  const auto* stack = reinterpret_cast<const sonde_stack*>(record.data());
  if (stack->kind != SONDE_STACK || stack->size > SONDE_STACK_BYTES) {
    return std::nullopt;
  }
  return StackRecord{
      .cpu = stack->cpu,
      .time_ns = stack->time_ns,
      .stack = {.pc = stack->frame.pc,
                .sp = stack->frame.sp,
                .fp = stack->frame.fp,
                .exact = stack->frame.exact != 0,
                .innermost = stack->frame.innermost != 0,
                .registers = stack->registers,
                .address = stack->address,
                .bytes = {stack->bytes, stack->size}},
  };
}

bool wants_stack(std::span<const uint8_t> record) {
  const auto head = head_of(record);
  return head && (head->flags & SONDE_SAMPLE_COPIED) != 0;
}

}  // namespace sonde
