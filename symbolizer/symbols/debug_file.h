// SPDX-License-Identifier: Apache-2.0
// Finds the separate file that a stripped one's symbols were put into, in the folders where
// distributions put them: below the root of the process that runs it, then below others.
#pragma once

#include <span>
#include <string_view>

#include "symbolizer/unwind/elf_file.h"
#include "userspace/base/fd.h"

namespace sonde {

struct DebugFile {
  Fd file;  // none: nothing was found
  uint64_t size = 0;
};

// `roots`: folders, open; none of them is left by a link. `path`: the file's own as its process
// sees it. Whoever serves a file system below a root can keep this waiting, except by FUSE.
DebugFile find_debug_file(const ElfFile& file, std::string_view path, std::span<const int> roots);

}  // namespace sonde
