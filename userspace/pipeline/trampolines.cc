// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/trampolines.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "userspace/base/fd.h"

namespace sonde {
namespace {

constexpr std::array<uint8_t, 4> kLandingPad = {0xf3, 0x0f, 0x1e, 0xfa};  // endbr64, or not
// sub $8, %rsp; call *%rcx; add $8, %rsp; ret
constexpr std::array<uint8_t, 11> kPython = {0x48, 0x83, 0xec, 0x08, 0xff, 0xd1,
                                             0x48, 0x83, 0xc4, 0x08, 0xc3};
constexpr size_t kMostBytes = kLandingPad.size() + kPython.size();

bool begins_with(std::span<const uint8_t> bytes, std::span<const uint8_t> with) {
  return bytes.size() >= with.size() && std::ranges::equal(bytes.first(with.size()), with);
}

}  // namespace

bool begins_with_trampoline(std::span<const uint8_t> code) {
  if (begins_with(code, kLandingPad)) {
    code = code.subspan(kLandingPad.size());
  }
  return begins_with(code, kPython);
}

bool holds_trampolines(Pid pid, const Mapping& mapping, const std::string& proc) {
  const Fd memory(::open(fmt::format("{}/{}/mem", proc, static_cast<uint32_t>(pid)).c_str(),
                         O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  std::array<uint8_t, kMostBytes> code{};
  const ssize_t size = memory.ok() ? ::pread(memory.get(), code.data(), code.size(),
                                             static_cast<off_t>(mapping.start))
                                   : -1;
  return size > 0 && begins_with_trampoline(std::span(code).first(static_cast<size_t>(size)));
}

UnwindCounts make_trampoline_rows(const RowSink& sink) {
  constexpr sonde_rule kBehindTheCall{.cfa = SONDE_CFA_SP,
                                      .saved = SONDE_SAVED(SONDE_FP_SAME, SONDE_RA_AT_CALL, 0),
                                      .offset = 0,
                                      .cfa_offset = 16};
  constexpr sonde_rule kNothing{.cfa = SONDE_CFA_INVALID, .saved = 0, .offset = 0, .cfa_offset = 0};
  sink(0, kBehindTheCall);
  sink(kMaxTrampolineBytes, kNothing);
  UnwindCounts counts;
  counts.rows = 2;
  return counts;
}

}  // namespace sonde
