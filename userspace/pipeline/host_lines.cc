// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/host_lines.h"

#include <algorithm>
#include <utility>

#include "userspace/base/clock.h"
#include "userspace/base/log.h"

namespace sonde {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

const std::string& key_of(const Module& module) {
  return module.build_id.empty() ? module.path : module.build_id;
}

}  // namespace

bool LateFiles::has(const Module& module, uint64_t now_ns) const {
  const auto found = until_ns_.find(key_of(module));
  return found != until_ns_.end() && now_ns < found->second;
}

void LateFiles::add(const Module& module, uint64_t now_ns) {
  if (until_ns_.size() >= kMaxFiles) {
    until_ns_.clear();
  }
  until_ns_[key_of(module)] = now_ns + kRestNs;
}

HostLines::HostLines(Extractor& extractor, LateFiles& late, uint64_t seconds)
    : extractor_(extractor), late_(late), left_ns_(seconds * kSecondNs) {}

void HostLines::find(const Module& module, uint64_t offset, std::vector<LineFrame>& out) {
  out.clear();
  if (&module != module_) {
    module_ = &module;
    lines_.reset();
    open(module);
  }
  if (lines_) {
    lines_->find(offset, out);
  }
}

void HostLines::open(const Module& module) {
  if (!module.file.ok()) {
    return;
  }
  const uint64_t began = monotonic_ns();
  if (left_ns_ == 0 || late_.has(module, began)) {
    late_count_++;
    return;
  }
  // Whole seconds, and one at least.
  const uint64_t seconds = (left_ns_ / 2 + kSecondNs - 1) / kSecondNs;
  auto lines = ModuleLines::of(module, extractor_, static_cast<uint16_t>(seconds));
  const uint64_t took = monotonic_ns() - began;
  left_ns_ -= std::min(left_ns_, took);
  if (lines) {
    lines_.emplace(*std::move(lines));
    return;
  }
  log::debug("no lines of {}: {}", module.path, lines.error().what);
  if (took >= seconds * kSecondNs) {
    late_.add(module, began + took);
    late_count_++;
  }
}

}  // namespace sonde
