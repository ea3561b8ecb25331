// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/sample_taper.h"

#include "userspace/kernel/tape_fields.h"

namespace sonde::cli {

void SampleTaper::flush(TapeFrameKind kind) {
  write_(kind, frame_);
  frame_.clear();
}

void SampleTaper::begin(uint64_t period_ns) {
  append_field(frame_, "period_ns", period_ns);
  flush(TapeFrameKind::kSampling);
}

void SampleTaper::owner(const ProfileOwner& owner) {
  append_field(frame_, "service", owner.service);
  append_field(frame_, "container", owner.container);
  append_field(frame_, "comm", owner.thread_name);
  append_field(frame_, "pid", uint64_t{owner.pid});
  append_field(frame_, "thread", uint64_t{owner.thread});
  flush(TapeFrameKind::kOwner);
}

// Of a file its offset tells where it is on any machine. What is no file is known here alone, and
// its addresses are nobody's business: it has its name.
void SampleTaper::place(const StackCollector& by, const CodePlace& place) {
  const Module& module = by.modules()[place.module];
  append_field(frame_, "module", uint64_t{place.module});
  if (module.kind == ModuleKind::kFile) {
    append_field(frame_, "offset", place.offset);
  } else {
    append_field(frame_, "name", names_.name(module, place.offset));
  }
  flush(TapeFrameKind::kPlace);
}

void SampleTaper::sampled(const StackCollector& by, const StackSample& sample,
                          uint32_t owner_number, std::span<const uint32_t> places) {
  for (; owners_ < by.owners().size(); ++owners_) {
    owner(by.owners()[owners_]);
  }
  for (; modules_ < by.modules().size(); ++modules_) {
    const Module& module = by.modules()[modules_];
    append_field(frame_, "kind", static_cast<uint64_t>(module.kind));
    append_field(frame_, "path", module.path);
    append_field(frame_, "build_id", module.build_id);
    flush(TapeFrameKind::kModule);
  }
  for (; places_ < by.places().size(); ++places_) {
    place(by, by.places()[places_]);
  }
  const TapeSample head{.time_ns = sample.time_ns, .owner = owner_number, .weight = sample.weight};
  const auto append = [this](const void* from, size_t size) {
    const auto* bytes = static_cast<const uint8_t*>(from);
    frame_.insert(frame_.end(), bytes, bytes + size);
  };
  append(&head, sizeof(head));
  append(places.data(), places.size_bytes());
  flush(TapeFrameKind::kSample);
}

}  // namespace sonde::cli
