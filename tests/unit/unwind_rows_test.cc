// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/unwind/unwind_rows.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <vector>

namespace sonde {
namespace {

using Block = std::vector<uint8_t>;

constexpr uint64_t kFrameAddress = 0x10000;

template <typename T>
void put(Block& out, T value) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(&value);
  out.insert(out.end(), bytes, bytes + sizeof(T));
}

void put_all(Block& out, const Block& bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

Block entry(const Block& body) {
  Block out;
  put(out, static_cast<uint32_t>(body.size()));
  put_all(out, body);
  return out;
}

// Version 1, code by 1, data by -8, return address in 16; CFA = rsp + 8, return address below it.
Block common(const Block& augmentation = {0}, const Block& data = {}) {
  Block body;
  put(body, uint32_t{0});
  body.push_back(1);
  put_all(body, augmentation);
  put_all(body, {1, 0x78, 16});
  put_all(body, data);
  put_all(body, {0x0c, 7, 8, 0x90, 1});
  return entry(body);
}

// A function whose CIE begins at `common` and which itself goes to the end of `section`.
void put_function(Block& section, uint64_t begin, uint64_t size, const Block& program,
                  const Block& augmentation_data = {}, uint32_t common_at = 0) {
  Block body;
  put(body, static_cast<uint32_t>(section.size() + 4 - common_at));
  put(body, begin);
  put(body, size);
  put_all(body, augmentation_data);
  put_all(body, program);
  put_all(section, entry(body));
}

Block elf_with(const Block& frame, uint16_t type = ET_DYN) {
  constexpr size_t kSections = 3;
  constexpr std::string_view kNames("\0.eh_frame\0", 11);
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_type = type;
  header.e_machine = EM_X86_64;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_shoff = sizeof(header);
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = kSections;
  header.e_shstrndx = 1;
  Elf64_Shdr none{};
  Elf64_Shdr names{};
  names.sh_offset = sizeof(header) + kSections * sizeof(Elf64_Shdr);
  names.sh_size = kNames.size();
  Elf64_Shdr frames{};
  frames.sh_name = 1;
  frames.sh_type = SHT_PROGBITS;
  frames.sh_offset = names.sh_offset + names.sh_size;
  frames.sh_addr = kFrameAddress;
  frames.sh_size = frame.size();
  Block out;
  put(out, header);
  put(out, none);
  put(out, names);
  put(out, frames);
  out.insert(out.end(), kNames.begin(), kNames.end());
  put_all(out, frame);
  return out;
}

struct Row {
  uint64_t address;
  sonde_rule rule;
  bool operator==(const Row& other) const { return address == other.address && rule == other.rule; }
};

// NOLINTNEXTLINE(readability-identifier-naming): GoogleTest finds it by this name
void PrintTo(const Row& row, std::ostream* out) {
  *out << std::hex << row.address << std::dec << " cfa " << int{row.rule.cfa} << "+"
       << row.rule.cfa_offset << " saved " << int{row.rule.saved} << " at " << row.rule.offset;
}

struct Made {
  std::vector<Row> rows;
  UnwindCounts counts;
};

Made rows_of(const Block& frame) {
  const Block bytes = elf_with(frame);
  Made out;
  const auto file = ElfFile::open(ByteSource::of_memory(bytes));
  if (!file) {
    ADD_FAILURE() << file.error().what;
    return out;
  }
  out.counts = make_unwind_rows(*file, [&](uint64_t address, const sonde_rule& rule) {
    out.rows.push_back({.address = address, .rule = rule});
  });
  return out;
}

constexpr sonde_rule kInvalid{SONDE_CFA_INVALID, 0, 0, 0};
constexpr sonde_rule kEntry{SONDE_CFA_SP, 0, 0, 8};
constexpr sonde_rule sp(int offset) { return {SONDE_CFA_SP, 0, 0, offset}; }

TEST(UnwindRows, FollowsAFunctionThatKeepsAFramePointer) {
  Block frame = common();
  // push rbp; mov rbp, rsp; ... leave
  put_function(frame, 0x1000, 0x40,
               {0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6, 0x70, 0x0c, 7, 8, 0xc6});
  const sonde_u8 saved = SONDE_SAVED(SONDE_FP_AT_CFA, SONDE_RA_AT_CALL, 0);
  const std::vector<Row> expected = {{0x1000, kEntry},
                                     {0x1001, {SONDE_CFA_SP, saved, -16, 16}},
                                     {0x1004, {SONDE_CFA_FP, saved, -16, 16}},
                                     {0x1034, kEntry},
                                     {0x1040, kInvalid}};
  EXPECT_EQ(rows_of(frame).rows, expected);
}

TEST(UnwindRows, RemembersAndRestores) {
  Block frame = common();
  put_function(frame, 0x1000, 0x30, {0x41, 0x0e, 32, 0x0a, 0x44, 0x0e, 8, 0x44, 0x0b});
  const std::vector<Row> expected = {
      {0x1000, kEntry}, {0x1001, sp(32)}, {0x1005, sp(8)}, {0x1009, sp(32)}, {0x1030, kInvalid}};
  EXPECT_EQ(rows_of(frame).rows, expected);
}

TEST(UnwindRows, AdvancesByEveryWidth) {
  Block frame = common();
  put_function(
      frame, 0x1000, 0x100000,
      {0x02, 0x80, 0x0e, 16, 0x03, 0,    1,  0x0e, 24, 0x04, 0,    0, 2, 0, 0x0e, 32, 0x1d, 1, 0, 0,
       0,    0,    0,    0,  0,    0x0e, 40, 0x01, 0,  0x00, 0x08, 0, 0, 0, 0,    0,  0x0e, 48});
  const std::vector<Row> expected = {{0x1000, kEntry},    {0x1080, sp(16)},  {0x1180, sp(24)},
                                     {0x21180, sp(32)},   {0x21181, sp(40)}, {0x80000, sp(48)},
                                     {0x101000, kInvalid}};
  EXPECT_EQ(rows_of(frame).rows, expected);
}

TEST(UnwindRows, RecognisesTheShapesOfExpressions) {
  Block frame = common();
  put_function(frame, 0x1000, 0x30, {0x0f, 11,   0x77, 8,    0x80, 0,    0x3f, 0x1a,
                                     0x3b, 0x2a, 0x33, 0x24, 0x22,                 // PLT
                                     0x50, 0x0f, 3,    0x76, 0x78, 0x06,           // *(rbp-8)
                                     0x41, 0x0f, 5,    0x77, 0,    0x06, 0x23, 8,  // *(rsp)+8
                                     0x41, 0x0f, 2,    0x30, 0x31});               // none of them
  const std::vector<Row> expected = {{0x1000, {SONDE_CFA_PLT, 0, 0, 11}},
                                     {0x1010, {SONDE_CFA_FP_DEREF, 0, 0, 0xfff8}},
                                     {0x1011, {SONDE_CFA_SP_DEREF, 0, 0, 8 << 16}},
                                     {0x1012, kInvalid}};
  EXPECT_EQ(rows_of(frame).rows, expected);
}

TEST(UnwindRows, AnExpressionHidesRegisterAndOffsetUntilARegisterIsSaid) {
  Block frame = common();
  put_function(frame, 0x1000, 0x30,
               {0x0e, 56,                                         // rsp + 56
                0x41, 0x0f, 6, 0x77, 0x98, 0x04, 0x06, 0x23, 56,  // *(rsp+536)+56
                0x41, 0x0e, 64,                                   // hidden
                0x41, 0x0d, 7});                                  // rsp + 64
  const std::vector<Row> expected = {{0x1000, sp(56)},
                                     {0x1001, {SONDE_CFA_SP_DEREF, 0, 0, 56 << 16 | 536}},
                                     {0x1003, sp(64)},
                                     {0x1030, kInvalid}};
  EXPECT_EQ(rows_of(frame).rows, expected);
}

TEST(UnwindRows, StopsAtTheOutermostFrame) {
  Block frame = common();
  put_function(frame, 0x1000, 0x30, {0x07, 16});
  const std::vector<Row> expected = {{0x1000, {SONDE_CFA_STOP, 0, 0, 0}}, {0x1030, kInvalid}};
  EXPECT_EQ(rows_of(frame).rows, expected);
}

TEST(UnwindRows, KnowsAFrameOfASignal) {
  Block frame = common({'z', 'S', 0}, {0});
  // The CFA is the saved stack pointer: *(rsp + 160).
  put_function(frame, 0x1000, 9, {0x0f, 4, 0x77, 0xa0, 0x01, 0x06}, {0});
  const std::vector<Row> expected = {{0x1000, {SONDE_CFA_SIGNAL, 0, 0, 0}}, {0x1009, kInvalid}};
  EXPECT_EQ(rows_of(frame).rows, expected);
}

TEST(UnwindRows, SortsFunctionsAndBelievesTheFirstOfTwo) {
  Block frame = common();
  put_function(frame, 0x2000, 0x20, {0x0e, 24});
  put_function(frame, 0x1000, 0x20, {});
  put_function(frame, 0x1010, 0x20, {0x0e, 32});  // its first half is taken
  const std::vector<Row> expected = {
      {0x1000, kEntry}, {0x1020, sp(32)}, {0x1030, kInvalid}, {0x2000, sp(24)}, {0x2020, kInvalid}};
  EXPECT_EQ(rows_of(frame).rows, expected);
}

TEST(UnwindRows, NeighboursShareARow) {
  Block frame = common();
  put_function(frame, 0x1000, 0x20, {});
  put_function(frame, 0x1020, 0x20, {});
  const std::vector<Row> expected = {{0x1000, kEntry}, {0x1040, kInvalid}};
  EXPECT_EQ(rows_of(frame).rows, expected);
}

TEST(UnwindRows, WhatIsWrongIsUnknownFromThereOn) {
  const std::vector<Block> wrong = {
      {0x44, 0x0b},              // restores what nobody remembered
      {0x44, 0x3f},              // no such instruction
      {0x44, 0x0e},              // its operand is missing
      {0x44, 0x0f, 0x7f, 0x77},  // longer than what is left
      {0x44, 0x0e, 0xff, 0xff},  // a number that does not end
  };
  for (const Block& program : wrong) {
    Block frame = common();
    put_function(frame, 0x1000, 0x20, program);
    put_function(frame, 0x1020, 0x20, {});
    const Made made = rows_of(frame);
    const std::vector<Row> expected = {
        {0x1000, kEntry}, {0x1004, kInvalid}, {0x1020, kEntry}, {0x1040, kInvalid}};
    EXPECT_EQ(made.rows, expected) << int{program[1]};
    EXPECT_EQ(made.counts.unsound, 1u);
  }
}

TEST(UnwindRows, RemembersOnlySoMuch) {
  Block frame = common();
  put_function(frame, 0x1000, 0x20, Block(1000, 0x0a));
  EXPECT_EQ(rows_of(frame).counts.unsound, 1u);
}

TEST(UnwindRows, AnEntryThatNamesItselfIsPassedOver) {
  Block frame = common();
  Block body;
  put(body, uint32_t{8});  // its "CIE" begins at its own length, less 4
  body.resize(24);
  put_all(frame, entry(body));
  put_function(frame, 0x1000, 0x20, {});
  const Made made = rows_of(frame);
  EXPECT_EQ(made.counts.functions, 1u);
  EXPECT_EQ(made.counts.unsound, 1u);
}

TEST(UnwindRows, EveryTruncationIsSurvived) {
  Block frame = common({'z', 'R', 0}, {1, 0x1b});
  put_function(frame, 0x1000, 0x20, {0x41, 0x0e, 16});
  const Block bytes = elf_with(frame);
  for (size_t size = 0; size < bytes.size(); size++) {
    const Block cut(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size));
    const auto file = ElfFile::open(ByteSource::of_memory(cut));
    if (file) {
      make_unwind_rows(*file, [](uint64_t, const sonde_rule&) {});
    }
  }
}

TEST(UnwindRows, HugeCountsAreRefused) {
  Block bytes = elf_with(common());
  Elf64_Ehdr header{};
  std::memcpy(&header, bytes.data(), sizeof(header));
  header.e_phnum = 0xffff;
  header.e_phoff = UINT64_MAX - 8;
  std::memcpy(bytes.data(), &header, sizeof(header));
  EXPECT_FALSE(ElfFile::open(ByteSource::of_memory(bytes)));
  EXPECT_FALSE(ElfFile::open(ByteSource::of_memory(elf_with(common(), ET_REL))));
}

}  // namespace
}  // namespace sonde
