// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/unwinding.h"

#include <algorithm>

namespace sonde {
namespace {

// Into memory without a file, at each reading: runtimes may have thousands, Python has few.
constexpr size_t kMostLooks = 16;

}  // namespace

const MappedCode& Unwinding::code_of(SampledProcess& process) {
  Code& code = code_[&process];
  if (code.reading != process.readings) {
    std::vector<CodeMapping> mappings;
    size_t looks = kMostLooks;
    for (const Mapping& mapping : process.mappings.all()) {
      const uint32_t module = processes_.modules().of(process.pid, mapping);
      const auto place = rows_.place_of(process.pid, module, mapping, looks);
      mappings.push_back({.begin = mapping.start,
                          .end = mapping.end,
                          .bias = place.bias,
                          .file = place.file,
                          .pad = 0});
    }
    code = {.reading = process.readings, .mapped = MappedCode(std::move(mappings))};
  }
  return code.mapped;
}

sonde_step Unwinding::complete(const CopiedStack& copied, const MappedCode& code, bool& guessed) {
  StackCopy stack{};
  std::ranges::copy(copied.registers.first(std::min(copied.registers.size(), kWalkRegisters)),
                    stack.registers.begin());
  stack.pc = copied.pc;
  stack.address = copied.address;
  stack.bytes = copied.bytes;
  const sonde_frame from{.pc = copied.pc,
                         .sp = copied.sp,
                         .fp = copied.fp,
                         .exact = copied.exact,
                         .innermost = copied.innermost,
                         .reserved = {}};
  const WalkedStack walked = walk_stack_from(from, stack, code, rows_);
  frames_.insert(frames_.end(), walked.frames.begin(), walked.frames.end());
  guessed = guessed || walked.guessed > 0;
  return walked.end;
}

void Unwinding::tell_process(const SampledProcess& process, const StackSample& sample) {
  const std::pair now(process.readings, !process.is_young(sample.time_ns));
  auto& told = told_[&process];
  if (told == now) {
    return;
  }
  told = now;
  tables_->tell_process(sample, code_[&process].mapped.all(), now.second);
}

void Unwinding::tell_pages(const MappedCode& code) {
  for (const uint64_t address : frames_) {
    const CodeMapping* mapping = code.find(address);
    if (mapping == nullptr || mapping->file == SONDE_NO_FILE) {
      continue;
    }
    const uint64_t number = (address - mapping->bias) >> SONDE_UNWIND_PAGE_BITS;
    const sonde_page_key key{.file = mapping->file, .page = static_cast<uint32_t>(number)};
    if (!tables_->knows_page(key)) {
      tables_->tell_page(key, rows_.rows_of(mapping->file));
    }
  }
}

std::span<const uint64_t> Unwinding::frames_of(SampledProcess& process, const StackSample& sample) {
  frames_.assign(sample.user.begin(), sample.user.end());
  // Behind a call there may be another function already.
  for (size_t i = sample.user_by_kernel ? 1 : frames_.size(); i < frames_.size(); i++) {
    frames_[i]--;
  }
  auto end = static_cast<sonde_step>(sample.end);
  bool guessed = sample.guessed > 0;
  if (sample.missed || end == SONDE_STEP_no_code) {
    const bool elsewhere =
        sample.copied != nullptr && code_of(process).find(sample.copied->pc) == nullptr;
    if (end == SONDE_STEP_no_code || elsewhere) {
      processes_.read_again(process, sample.time_ns);
    }
    const MappedCode& code = code_of(process);
    if (sample.copied != nullptr) {
      end = complete(*sample.copied, code, guessed);
    }
    if (tables_ != nullptr) {
      tell_process(process, sample);
      tell_pages(code);
    }
  }
  if (!frames_.empty()) {
    counts_.stacks++;
    counts_.frames += frames_.size();
    const bool known = !sample.missed && !sample.user_by_kernel;
    if (known || sample.copied != nullptr) {
      counts_.ends.at(end)++;
      counts_.whole += end == SONDE_STEP_outermost ? 1 : 0;
    } else {
      counts_.by_frame_pointers++;
    }
    counts_.guessed += guessed ? 1 : 0;
    counts_.copied += sample.copied != nullptr ? 1 : 0;
  }
  return frames_;
}

}  // namespace sonde
