// SPDX-License-Identifier: Apache-2.0
// A rows file: this program's own rows go in and come out, and nothing else does.
#include "symbolizer/unwind/rows_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "symbolizer/unwind/kernel_rows.h"
#include "userspace/base/crc32c.h"
#include "userspace/base/fd.h"

namespace sonde {
namespace {

using Rows = std::vector<std::pair<uint64_t, sonde_rule>>;

class RowsFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string folder = testing::TempDir() + "rows.XXXXXX";
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    folder_ = folder;
    program_.reset(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    ASSERT_EQ(::fstat(program_.get(), &status_), 0);
    auto elf =
        ElfFile::open(ByteSource::of_file(program_.get(), static_cast<uint64_t>(status_.st_size)));
    ASSERT_TRUE(elf) << elf.error().what;
    elf_.emplace(*std::move(elf));
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string path() const { return folder_ + "/this.rows"; }

  void write() {
    const auto written = RowsFile::write(*elf_, "this", path());
    ASSERT_TRUE(written) << written.error().what;
    EXPECT_FALSE(written->cut);
    EXPECT_EQ(written->rules_refused, 0U);
  }

  std::vector<uint8_t> bytes() const {
    std::ifstream in(path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  std::string folder_;
  Fd program_;
  struct stat status_{};
  std::optional<ElfFile> elf_;
};

// Repairs both checks, so that what stands behind them is looked at.
void seal(std::vector<uint8_t>& bytes) {
  RowsFileHeader header{};
  std::memcpy(&header, bytes.data(), sizeof(header));
  header.content_check = crc32c(std::span(bytes).subspan(sizeof(header)));
  std::memcpy(bytes.data(), &header, sizeof(header));
  header.check = crc32c(std::span(bytes).first(offsetof(RowsFileHeader, check)));
  std::memcpy(bytes.data(), &header, sizeof(header));
}

TEST_F(RowsFileTest, EveryRowComesBack) {
  write();
  const auto file = RowsFile::open(path(), "this");
  ASSERT_TRUE(file) << file.error().what;
  Rows rows;
  make_unwind_rows(
      *elf_, [&](uint64_t address, const sonde_rule& rule) { rows.emplace_back(address, rule); });
  ASSERT_GT(rows.size(), 1000U);
  sonde_rule before{};
  uint64_t end_of_before = 0;
  for (const auto& [address, rule] : rows) {
    ASSERT_TRUE(file->view().rule_at(address) == rule) << std::hex << address;
    ASSERT_TRUE(file->view().rule_at(address - 1) == before) << std::hex << address - 1;
    // Each page's first byte, if the rule holds on over it.
    for (uint64_t page = (end_of_before | (SONDE_UNWIND_PAGE_SIZE - 1)) + 1; page < address;
         page += SONDE_UNWIND_PAGE_SIZE) {
      ASSERT_TRUE(file->view().rule_at(page) == before) << std::hex << page;
    }
    before = rule;
    end_of_before = address;
  }
  EXPECT_TRUE(file->view().rule_at(UINT64_MAX) == sonde_rule{});
}

TEST_F(RowsFileTest, NothingIsLeftBesideIt) {
  write();
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
  const auto nowhere = RowsFile::write(*elf_, "this", folder_ + "/no/such/folder.rows");
  EXPECT_FALSE(nowhere);
}

TEST_F(RowsFileTest, OnlyOfTheFileItWasMadeOf) {
  write();
  EXPECT_FALSE(RowsFile::open(path(), "other"));
  EXPECT_FALSE(RowsFile::open(folder_ + "/none.rows", "this"));
  EXPECT_FALSE(RowsFile::open(folder_, "this"));
  std::filesystem::create_symlink(path(), folder_ + "/link.rows");
  EXPECT_FALSE(RowsFile::open(folder_ + "/link.rows", "this"));
}

TEST_F(RowsFileTest, AnyChangedByteIsNoticed) {
  write();
  std::vector<uint8_t> all = bytes();
  ASSERT_TRUE(RowsView::open(all, "this"));
  for (size_t i = 0; i < all.size(); i += i < 2 * sizeof(RowsFileHeader) ? 1 : all.size() / 50) {
    all[i] ^= 0x10;
    EXPECT_FALSE(RowsView::open(all, "this")) << i;
    all[i] ^= 0x10;
  }
  for (const size_t size : {size_t{0}, size_t{20}, sizeof(RowsFileHeader), all.size() - 1}) {
    EXPECT_FALSE(RowsView::open(std::span(all).first(size), "this")) << size;
  }
}

TEST_F(RowsFileTest, WhatContradictsItselfIsRefusedThoughItsChecksHold) {
  write();
  const std::vector<uint8_t> good = bytes();
  RowsFileHeader header{};
  std::memcpy(&header, good.data(), sizeof(header));
  const size_t rows_at = sizeof(header);
  const size_t pages_at = rows_at + header.rows * sizeof(sonde_row);
  struct Change {
    const char* what;
    size_t at;
    uint8_t value;
  };
  for (const Change& change :
       {Change{"a rule that is none", rows_at + 3, 0xff},
        Change{"a page that does not begin at 0", rows_at, 1},
        Change{"rows that descend", rows_at + sizeof(sonde_row) * 2 + 1, 0},
        Change{"pages that descend", pages_at + 3, 0xff},
        Change{"a page of other rows", pages_at + offsetof(RowPage, first), 0xee},
        Change{"a page of too many rows", pages_at + offsetof(RowPage, count) + 3, 0x7f},
        Change{"more rows than there are", offsetof(RowsFileHeader, rows) + 3, 0x7f}}) {
    std::vector<uint8_t> bad = good;
    bad[change.at] = change.value;
    if (std::string_view(change.what) == "rows that descend") {
      bad[change.at - 1] = 0;
    }
    seal(bad);
    EXPECT_FALSE(RowsView::open(bad, "this")) << change.what;
  }
}

#if SONDE_CFI_UNWIND
TEST_F(RowsFileTest, PagesForTheKernelSideNumberRulesOverAllFiles) {
  write();
  const auto file = RowsFile::open(path(), "this");
  ASSERT_TRUE(file);
  const RowsView& view = file->view();
  RuleNumbers numbers(SONDE_MAX_RULES);
  numbers.number_of({.cfa = SONDE_CFA_FP, .saved = 0, .offset = 77, .cfa_offset = 77});
  std::vector<sonde_row> out;
  for (const RowPage& page : view.pages()) {
    out.clear();
    ASSERT_TRUE(copy_page(view, page.number, numbers, out));
    ASSERT_EQ(out.size(), page.count);
    for (const sonde_row& row : out) {
      const uint64_t address = (uint64_t{page.number} << SONDE_UNWIND_PAGE_BITS) + row.lo;
      ASSERT_TRUE(numbers.rules()[row.rule] == view.rule_at(address));
    }
  }
  EXPECT_FALSE(copy_page(view, UINT32_MAX, numbers, out));
  // A few rules for many rows: that is what makes the tables small.
  EXPECT_LT(numbers.rules().size(), view.rows() / 10);
}
#endif

TEST_F(RowsFileTest, IdentityIsTheBuildOrTheFileAsItStands) {
  struct stat later = status_;
  later.st_mtim.tv_nsec++;
  if (elf_->build_id().empty()) {
    EXPECT_NE(rows_identity(*elf_, status_), rows_identity(*elf_, later));
  } else {
    EXPECT_EQ(rows_identity(*elf_, later), rows_identity(*elf_, status_));
    EXPECT_TRUE(rows_identity(*elf_, later).starts_with(elf_->build_id() + "-"));
    later.st_uid++;
    EXPECT_NE(rows_identity(*elf_, later), rows_identity(*elf_, status_)) << "somebody else's";
  }
  later.st_dev = later.st_ino = UINT64_MAX;
  EXPECT_LE(rows_identity(*elf_, later).size(), kMaxIdentity);
}

}  // namespace
}  // namespace sonde
