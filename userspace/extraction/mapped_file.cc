// SPDX-License-Identifier: Apache-2.0
#include "userspace/extraction/mapped_file.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>

namespace sonde {

Result<MappedFile> MappedFile::of(const Fd& file) {
  struct stat facts{};
  if (::fstat(file.get(), &facts) != 0) {
    return fail_errno("look at a table", errno);
  }
  if (!S_ISREG(facts.st_mode) || facts.st_size <= 0) {
    return fail("no table");
  }
  const auto size = static_cast<size_t>(facts.st_size);
  void* memory = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.get(), 0);
  if (memory == MAP_FAILED) {
    return fail_errno("map a table", errno);
  }
  return MappedFile(std::unique_ptr<void, Unmap>(memory, Unmap{size}));
}

void MappedFile::Unmap::operator()(void* memory) const { ::munmap(memory, size); }

}  // namespace sonde
