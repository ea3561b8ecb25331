// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/profile_lines.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <tuple>

#include "userspace/pipeline/frame_names.h"

namespace sonde {
namespace {

// The samples that met a module, once for each of its frames in them.
std::vector<uint64_t> weights_of(const Profile& profile) {
  std::vector<uint64_t> out(profile.modules.size(), 0);
  for (const ProfileStack& stack : profile.stacks) {
    for (const uint32_t frame : stack.frames) {
      out[profile.frames[frame].module] += stack.samples;
    }
  }
  return out;
}

// The frames that stand in files: those of one file together, the heaviest file first.
std::vector<uint32_t> in_order(const Profile& profile, const std::vector<Module>& modules) {
  const std::vector<uint64_t> weights = weights_of(profile);
  std::vector<uint32_t> out;
  for (uint32_t i = 0; i < profile.frames.size(); ++i) {
    if (modules[profile.frames[i].module].kind == ModuleKind::kFile) {
      out.push_back(i);
    }
  }
  std::ranges::sort(out, {}, [&](uint32_t number) {
    const ProfileFrame& frame = profile.frames[number];
    return std::tuple(~weights[frame.module], frame.module, frame.offset);
  });
  return out;
}

size_t size_of(const std::vector<LineFrame>& found) {
  return std::accumulate(
      found.begin(), found.end(), size_t{0}, [](size_t sum, const LineFrame& each) {
        return sum + sizeof(InlinedFunction) + each.function.size() + each.file.size();
      });
}

// found: innermost first, the last is the function that the code belongs to.
void put(const std::vector<LineFrame>& found, const std::string& nameless, ProfileFrame& frame) {
  const LineFrame& outer = found.back();
  if (frame.function == nameless && !outer.function.empty()) {
    frame.function = outer.function;
  }
  frame.file = outer.file;
  frame.line = outer.line;
  for (size_t i = 0; i + 1 < found.size(); ++i) {
    const LineFrame& each = found[i];
    frame.inlined.push_back(
        {.function =
             std::string(each.function.empty() ? std::string_view(nameless) : each.function),
         .file = std::string(each.file),
         .line = each.line});
  }
}

}  // namespace

uint64_t add_lines(Profile& profile, const std::vector<Module>& modules, FrameLines& lines,
                   const ProfileLinesLimits& limits) {
  uint64_t no_room = 0;
  size_t left = limits.bytes;
  std::vector<LineFrame> found;
  for (const uint32_t number : in_order(profile, modules)) {
    ProfileFrame& frame = profile.frames[number];
    const Module& module = modules[frame.module];
    lines.find(module, frame.offset, found);
    if (found.empty()) {
      continue;
    }
    if (const size_t size = size_of(found); size <= left) {
      left -= size;
      put(found, place_name(module, frame.offset), frame);
    } else {
      no_room++;
    }
  }
  return no_room;
}

}  // namespace sonde
