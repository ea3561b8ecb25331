// SPDX-License-Identifier: Apache-2.0
// ElfFile: what unwinding needs of an executable or shared object: its segments, a few sections by
// name, its build-id. 64-bit, little-endian, x86-64 or arm64; every count and offset is taken for
// hostile. It keeps no bytes; what the source reads from must outlive it.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "symbolizer/unwind/byte_source.h"
#include "userspace/base/result.h"

namespace sonde {

enum class Machine : uint16_t { kX86 = 62, kArm64 = 183 };  // the ELF header's own numbers

// A part of the file that is loaded: address as the file says it, before any bias.
struct ElfSegment {
  uint64_t offset;
  uint64_t address;
  uint64_t size;  // in the file
  bool executable;
};

struct ElfSection {
  uint64_t offset;
  uint64_t address;
  uint64_t size;
};

class ElfFile {
 public:
  static Result<ElfFile> open(ByteSource source);

  const ByteSource& source() const { return source_; }
  Machine machine() const { return machine_; }
  const std::vector<ElfSegment>& segments() const { return segments_; }

  // Call frame information; .eh_frame is found by its index too where sections are stripped.
  // Nothing: the file has none, or it is compressed.
  const std::optional<ElfSection>& eh_frame() const { return eh_frame_; }
  const std::optional<ElfSection>& debug_frame() const { return debug_frame_; }

  // In hexadecimal; empty: it has none.
  const std::string& build_id() const { return build_id_; }

  // Where the file's text lies in the file; nothing: not in a segment.
  std::optional<uint64_t> offset_of(uint64_t address) const;

 private:
  explicit ElfFile(ByteSource source) : source_(source) {}

  Result<> read_segments(uint64_t table, size_t entry, size_t count);
  void read_sections(uint64_t table, size_t entry, size_t count, size_t names);
  void read_notes(uint64_t offset, uint64_t size, uint64_t alignment);
  void find_eh_frame_by_index();

  ByteSource source_;
  Machine machine_ = Machine::kX86;
  std::vector<ElfSegment> segments_;
  std::optional<ElfSection> eh_frame_;
  std::optional<ElfSection> debug_frame_;
  std::optional<uint64_t> eh_frame_index_;  // its address
  std::string build_id_;
};

}  // namespace sonde
