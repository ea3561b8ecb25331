// SPDX-License-Identifier: Apache-2.0
// The types of the running kernel (BTF), by which our programs find its fields: its own, or of a
// kernel that offers none those of a file. One for the process, as the kernel is; chosen before the
// first object is opened.
#pragma once

#include <string>
#include <string_view>

#include "userspace/base/result.h"

namespace sonde {

// Why it is refused, of what is typed by the kernel's own.
inline constexpr std::string_view kNeedsOwnTypes =
    "it needs a kernel that has types (BTF) of its own";

struct KernelTypes {
  std::string file;
  // The kernel's own: it also knows them itself, so that programs can be typed by them. Without,
  // only raw tracepoints are left.
  bool own = true;
};

// The kernel's own unless own_file is none, else those of `file` (empty: nobody gave one). Fails if
// there are none, or if they are not a kernel's.
Result<KernelTypes> find_kernel_types(const std::string& file,
                                      const std::string& own_file = "/sys/kernel/btf/vmlinux");

// Finds them, and has all objects opened from now on use them. Empty: those that were found before,
// if there are any.
Result<> use_kernel_types(const std::string& file);
const KernelTypes& kernel_types();

// Whether these types name this tracepoint.
bool has_tracepoint(const std::string& name);
// Whether the kernel's own types name this function of its own (not of a module).
bool has_function(const std::string& name);

}  // namespace sonde
