// SPDX-License-Identifier: Apache-2.0
// Draws a tree of functions as an SVG that a browser opens, with all it needs in it. What its
// widths, colours and notes mean is the caller's.
#pragma once

#include <functional>
#include <string>

#include "exporters/stacks/flame_tree.h"

namespace sonde::stacks {

struct FlamePicture {
  const FlameTree& tree;
  std::string title;
  std::string legend;                                   // small, beside; may be empty
  std::function<double(const FlameNode&)> share;        // of the whole; children: no more in sum
  std::function<std::string(const FlameNode&)> note;    // behind a function's name; plain ASCII
  std::function<std::string(const FlameNode&)> colour;  // as CSS has it
};

// Functions narrower than half a pixel are left out.
std::string draw_flames(const FlamePicture& picture);

}  // namespace sonde::stacks
