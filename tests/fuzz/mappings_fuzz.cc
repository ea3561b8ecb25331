// SPDX-License-Identifier: Apache-2.0
// What processes map: 'm' and the text of /proc/PID/maps, the second byte being how it is cut into
// pieces; 'e' and an ELF file.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "userspace/base/build_id_note.h"
#include "userspace/base/fd.h"
#include "userspace/inventory/build_id.h"
#include "userspace/inventory/mappings.h"

namespace {

using namespace sonde;

Mappings read_in_pieces(std::string_view text, size_t piece) {
  MappingReader reader;
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) {
    reader.add(text.substr(0, piece));
  }
  return reader.finish();
}

void maps(std::string_view text, size_t piece) {
  const Mappings mappings = read_in_pieces(text, piece + 1);
  const Mappings at_once = read_in_pieces(text, text.size() + 1);
  if (mappings.all().size() != at_once.all().size()) {
    abort();
  }
  uint64_t end = 0;
  for (const Mapping& mapping : mappings.all()) {
    if (mapping.start < end || mapping.end <= mapping.start ||
        mappings.find(mapping.start) != &mapping || mappings.find(mapping.end - 1) != &mapping ||
        mapping.path.size() > kMaxMappingPath) {
      abort();
    }
    end = mapping.end;
  }
  mappings.find(0);
  mappings.find(~uint64_t{0});
}

void elf(std::string_view bytes) {
  static const Fd file(memfd_create("elf", MFD_CLOEXEC));
  if (::ftruncate(file.get(), 0) != 0 ||
      ::pwrite(file.get(), bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    return;
  }
  if (read_build_id(file.get()).size() > 2 * kMaxBuildId) {
    abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) {
    return 0;
  }
  const std::string_view text(reinterpret_cast<const char*>(data + 2), size - 2);
  if (data[0] == 'e') {
    elf(text);
  } else {
    maps(text, data[1]);
  }
  return 0;
}
