// SPDX-License-Identifier: Apache-2.0
// A symbol's name as its language writes it: C++ (Itanium ABI), D, and Rust, its v0 scheme and the
// older one that looks like C++. A stub's keeps its "@plt".
#pragma once

#include <string>
#include <string_view>

namespace sonde {

inline constexpr size_t kMaxMangled = 4096;    // a longer name stays as it is
inline constexpr size_t kMaxDemangled = 4096;  // so does one that would become longer

// `name` itself if it is not mangled, or not in a way that is known.
std::string demangle(std::string_view name);

}  // namespace sonde
