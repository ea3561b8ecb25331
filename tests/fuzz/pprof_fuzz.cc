// SPDX-License-Identifier: Apache-2.0
// Any bytes as a profile of pprof's: what is read holds together, and says the same when it is
// written and read again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "exporters/pprof/decode.h"
#include "exporters/pprof/encode.h"
#include "exporters/stacks/folded.h"

namespace {

void require(bool held) {
  if (!held) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sonde;
  const auto profile = pprof::decode({reinterpret_cast<const char*>(data), size});
  if (!profile) {
    require(!profile.error().what.empty());
    return 0;
  }
  for (const ProfileFrame& frame : profile->frames) {
    require(frame.module < profile->modules.size() && !frame.function.empty());
    require(frame.inlined.size() < pprof::kMaxInlined);
    for (const InlinedFunction& inlined : frame.inlined) {
      require(!inlined.function.empty());
    }
  }
  for (const ProfileStack& stack : profile->stacks) {
    require(stack.owner < profile->owners.size() && stack.frames.size() <= pprof::kMaxStackFrames);
    for (const uint32_t frame : stack.frames) {
      require(frame < profile->frames.size());
    }
  }
  stacks::top(*profile);
  if (profile->period_ns <= INT64_MAX && profile->samples() <= INT64_MAX / profile->period_ns) {
    const auto again = pprof::decode(pprof::encode_plain(*profile));
    require(again.has_value() && again->samples() == profile->samples());
  }
  return 0;
}
