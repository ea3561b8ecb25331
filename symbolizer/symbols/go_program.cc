// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/symbols/go_program.h"

#include <algorithm>
#include <cstring>

#include "symbolizer/symbols/elf_sections.h"

namespace sonde {
namespace {

// The runtime's own description of the program (moduledata), by words: the same since Go 1.16.
constexpr size_t kModuleTable = 0;
constexpr size_t kModuleNames = 1;
constexpr size_t kModuleText = 22;
constexpr size_t kModuleWords = 48;

constexpr size_t kBlock = 256u << 10;

}  // namespace

Result<GoProgram> GoProgram::open(ByteSource source) {
  auto elf = ElfFile::open(source);
  if (!elf) {
    return std::unexpected(elf.error());
  }
  const ElfSections sections = ElfSections::read(source);
  GoProgram program(source, *std::move(elf));
  uint64_t text = 0;
  bool found = false;
  for (const NamedSection& section : sections.all()) {
    if (section.name == ".text") {
      text = section.header.sh_addr;
    } else if (section.name == ".gopclntab" || section.name == ".data.rel.ro.gopclntab") {
      found =
          section.here && program.read_table(section.header.sh_addr, section.offset, section.size);
    }
  }
  if (!found && !program.find_by_head()) {
    return fail("no table of Go's in it");
  }
  if (!program.open_table(text)) {
    return fail("a table of Go's that is damaged, or of a version that is not known");
  }
  return program;
}

bool GoProgram::read_table(uint64_t address, uint64_t offset, uint64_t size) {
  address_ = address;
  bytes_.resize(std::min(size, kMaxTable));
  return source_.read(offset, std::span<uint8_t>(bytes_));
}

// Of a file without sections: up to its segment's end.
bool GoProgram::find_by_head() {
  std::vector<uint8_t> block(kBlock);
  for (const ElfSegment& segment : elf_.segments()) {
    for (uint64_t done = 0; done < segment.size; done += kBlock) {
      const auto piece = std::span(block).first(std::min<uint64_t>(kBlock, segment.size - done));
      if (!source_.read(segment.offset + done, piece)) {
        break;
      }
      for (size_t i = 0; i + GoTable::kHead <= piece.size(); i += GoTable::kHead) {
        if (GoTable::is_head(std::span<const uint8_t, GoTable::kHead>(&piece[i], GoTable::kHead)) &&
            read_table(segment.address + done + i, segment.offset + done + i,
                       segment.size - done - i) &&
            GoTable::over(bytes_, 0)) {
          return true;
        }
      }
    }
  }
  return false;
}

bool GoProgram::open_table(uint64_t text_section) {
  auto table = GoTable::over(bytes_, text_section);
  if (!table) {
    return false;
  }
  table_ = *table;
  const std::vector<uint64_t> words = find_module();
  if (words.empty()) {
    return true;
  }
  table = GoTable::over(bytes_, words[kModuleText]);
  table_ = table ? *table : table_;
  // Which word says where inlined calls lie differs from version to version: the one that fits.
  const auto word = std::ranges::find_if(words.begin() + kModuleText + 1, words.end(),
                                         [this](uint64_t at) { return are_calls_at(at); });
  calls_ = word == words.end() ? 0 : *word;
  return true;
}

// Its words; empty: there is none.
std::vector<uint64_t> GoProgram::find_module() const {
  std::vector<uint64_t> words(kBlock / sizeof(uint64_t));
  const std::span<uint8_t> block(reinterpret_cast<uint8_t*>(words.data()), kBlock);
  constexpr size_t kStep = kBlock - kModuleWords * sizeof(uint64_t);  // it may lie on a border
  for (const ElfSegment& segment : elf_.segments()) {
    for (uint64_t done = 0; !segment.executable && done < segment.size; done += kStep) {
      const size_t size = std::min<uint64_t>(kBlock, segment.size - done);
      if (!source_.read(segment.offset + done, block.first(size))) {
        break;
      }
      for (size_t i = 0; i + kModuleWords <= size / sizeof(uint64_t); ++i) {
        if (words[i + kModuleTable] == address_ &&
            words[i + kModuleNames] == address_ + table_.names()) {
          return {&words[i], &words[i] + kModuleWords};
        }
      }
    }
  }
  return {};
}

// Whether the first calls that were inlined into some functions look like calls.
bool GoProgram::are_calls_at(uint64_t base) const {
  constexpr size_t kTried = 64;
  size_t tried = 0;
  for (size_t i = 0; i < table_.size() && tried < kTried; ++i) {
    const auto function = table_.function(i);
    if (!function || !table_.call_tree(*function)) {
      continue;
    }
    const auto call = call_at(base, *function, 0);
    if (!call || static_cast<uint64_t>(call->at) >= function->end - function->begin) {
      return false;
    }
    ++tried;
  }
  return tried != 0;
}

std::optional<GoTable::Call> GoProgram::call_at(uint64_t base, const GoTable::Function& function,
                                                int32_t number) const {
  const auto tree = table_.call_tree(function);
  if (base == 0 || !tree || number < 0) {
    return std::nullopt;
  }
  uint8_t bytes[32];
  const auto call = std::span(bytes).first(table_.call_size());
  const uint64_t address = base + *tree + static_cast<uint64_t>(number) * call.size();
  for (const ElfSegment& segment : elf_.segments()) {
    if (address >= segment.address && address - segment.address < segment.size) {
      return source_.read(segment.offset + (address - segment.address), call) ? table_.call(call)
                                                                              : std::nullopt;
    }
  }
  return std::nullopt;
}

std::optional<GoTable::Call> GoProgram::call(const GoTable::Function& function,
                                             int32_t number) const {
  return call_at(calls_, function, number);
}

}  // namespace sonde
