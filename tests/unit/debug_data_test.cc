// SPDX-License-Identifier: Apache-2.0
// Symbols packed within a stripped file, and packed bytes that mean harm.
#include "symbolizer/symbols/debug_data.h"

#include <gtest/gtest.h>
#include <lzma.h>

#include <string>

#include "symbolizer/symbols/elf_functions.h"
#include "tests/support/made_elf.h"

namespace sonde {
namespace {

std::vector<uint8_t> packed(std::span<const uint8_t> bytes, uint32_t dictionary = 1u << 20) {
  lzma_options_lzma options{};
  lzma_lzma_preset(&options, 0);
  options.dict_size = dictionary;
  lzma_filter filters[] = {{.id = LZMA_FILTER_LZMA2, .options = &options},
                           {.id = LZMA_VLI_UNKNOWN, .options = nullptr}};
  std::vector<uint8_t> out(lzma_stream_buffer_bound(bytes.size()));
  size_t size = 0;
  EXPECT_EQ(lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC32, nullptr, bytes.data(),
                                      bytes.size(), out.data(), &size, out.size()),
            LZMA_OK);
  out.resize(size);
  return out;
}

TEST(DebugData, ItsSymbolsNameTheFileItIsIn) {
  MadeElf within;
  within.add_symbols(SHT_SYMTAB, {{.name = "hidden", .address = MadeElf::kAddress + 0x1100}});
  const std::vector<uint8_t> xz = packed(within.file());
  MadeElf outer;
  outer.add_symbols(SHT_DYNSYM, {{.name = "seen", .address = MadeElf::kAddress + 0x1200}});
  outer.add({.name = ".gnu_debugdata",
             .type = SHT_PROGBITS,
             .bytes = {reinterpret_cast<const char*>(xz.data()), xz.size()}});
  const std::vector<uint8_t> file = outer.file();
  auto functions = read_functions(ByteSource::of_memory(file));
  ASSERT_TRUE(functions) << functions.error().what;
  const std::string bytes = SymbolTable::encode(*std::move(functions));
  const auto table = SymbolTable::over(bytes);
  ASSERT_TRUE(table);
  EXPECT_EQ(table->find(0x1100)->name, "hidden");
  EXPECT_EQ(table->find(0x1200)->name, "seen");
}

TEST(DebugData, AllOrNothing) {
  const std::vector<uint8_t> plain(100'000, 7);
  std::vector<uint8_t> xz = packed(plain);
  const auto whole = unpack_debug_data(xz);
  ASSERT_TRUE(whole) << whole.error().what;
  EXPECT_EQ(*whole, plain);
  for (size_t size = 0; size < xz.size(); ++size) {
    EXPECT_FALSE(unpack_debug_data(std::span(xz).first(size))) << size;
  }
  xz[xz.size() / 2] ^= 1;
  EXPECT_FALSE(unpack_debug_data(xz));
}

TEST(DebugData, ABombIsGivenUp) {
  const auto unpacked = unpack_debug_data(packed(std::vector<uint8_t>(kMaxDebugData + 1)));
  ASSERT_FALSE(unpacked);
  EXPECT_EQ(unpacked.error().what, "debug data that unpacks to too much");
  EXPECT_EQ(unpack_debug_data(packed(std::vector<uint8_t>(kMaxDebugData)))->size(), kMaxDebugData);
}

TEST(DebugData, SoIsOneThatAsksForMuchMemory) {
  // The size of the dictionary stands in the block's header, of which the check is repaired by
  // packing it so.
  std::vector<uint8_t> xz = packed(std::vector<uint8_t>(10), 1u << 20);
  constexpr size_t kBlock = 12;      // behind the stream's header
  constexpr size_t kDictionary = 6;  // in the block's: size, flags, both sizes, filter, its size
  constexpr size_t kBlockHeader = 12;
  ASSERT_EQ((xz[kBlock] + 1) * 4, kBlockHeader);
  xz[kBlock + kDictionary] = 32;  // 256 MiB
  const uint32_t check = lzma_crc32(xz.data() + kBlock, kBlockHeader - 4, 0);
  std::memcpy(xz.data() + kBlock + kBlockHeader - 4, &check, sizeof(check));
  const auto unpacked = unpack_debug_data(xz);
  ASSERT_FALSE(unpacked);
  EXPECT_EQ(unpacked.error().what, "debug data that takes too much to unpack");
}

}  // namespace
}  // namespace sonde
