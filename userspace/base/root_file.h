// SPDX-License-Identifier: Apache-2.0
// Files below somebody else's root: a container may put links, pipes and devices where a file is
// expected. What is opened here is a regular file below that root, and opening it never waits.
#pragma once

#include <string_view>

#include "userspace/base/fd.h"
#include "userspace/base/result.h"

namespace sonde {

// `path` as a process with that root would see it, read only. Links are followed within the root;
// where the kernel cannot promise that (before 5.6, or where a filter refuses openat2), no link is
// followed at all. `last_link`: whether the last name may be one.
enum class LastLink : bool { kRefuse, kFollow };
Result<Fd> open_in_root(int root, std::string_view path, LastLink last_link);

}  // namespace sonde
