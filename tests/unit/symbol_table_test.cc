// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/symbols/symbol_table.h"

#include <gtest/gtest.h>

#include <string>

namespace sonde {
namespace {

std::string name_at(const SymbolTable& table, uint64_t offset) {
  const auto found = table.find(offset);
  return found ? std::string(found->name) + "+" + std::to_string(found->offset) : "none";
}

const std::vector<FunctionSymbol> kSymbols = {
    {.start = 300, .size = 0, .name = "extends"},
    {.start = 100, .size = 50, .name = "local", .rank = 2},
    {.start = 100, .size = 60, .name = "global"},
    {.start = 400, .size = 10, .name = "last"},
    {.start = UINT64_MAX, .size = 10, .name = "far"},
    {.start = 200, .size = 5, .name = ""}};

TEST(SymbolTable, Finds) {
  const std::string bytes = SymbolTable::encode(kSymbols);
  const auto table = SymbolTable::over(bytes);
  ASSERT_TRUE(table.has_value()) << table.error().what;
  EXPECT_EQ(table->size(), 3u);
  EXPECT_EQ(name_at(*table, 99), "none");
  EXPECT_EQ(name_at(*table, 100), "global+0");
  EXPECT_EQ(name_at(*table, 159), "global+59");
  EXPECT_EQ(name_at(*table, 160), "none");
  EXPECT_EQ(name_at(*table, 399), "extends+99");
  EXPECT_EQ(name_at(*table, 409), "last+9");
  EXPECT_EQ(name_at(*table, 410), "none");
  EXPECT_EQ(name_at(*table, UINT64_MAX), "none");
}

TEST(SymbolTable, OneThatIsCutByTheNextEndsThere) {
  const std::string bytes = SymbolTable::encode(
      {{.start = 10, .size = UINT64_MAX, .name = "a"}, {.start = 20, .size = 1, .name = "b"}});
  const auto table = SymbolTable::over(bytes);
  ASSERT_TRUE(table.has_value()) << table.error().what;
  EXPECT_EQ(name_at(*table, 20), "b+0");
  EXPECT_EQ(name_at(*table, 21), "none");
}

TEST(SymbolTable, OfNamesAlikeTheOneForEverybodyHolds) {
  const std::string bytes = SymbolTable::encode({{.start = 10, .size = 9, .name = "__libc_malloc"},
                                                 {.start = 10, .size = 9, .name = "malloc"},
                                                 {.start = 10, .size = 9, .name = "___"},
                                                 {.start = 20, .size = 9, .name = "__a", .rank = 0},
                                                 {.start = 20, .size = 9, .name = "b", .rank = 1}});
  const auto table = SymbolTable::over(bytes);
  ASSERT_TRUE(table.has_value()) << table.error().what;
  EXPECT_EQ(name_at(*table, 10), "malloc+0");
  EXPECT_EQ(name_at(*table, 20), "__a+0");
}

TEST(SymbolTable, Empty) {
  const std::string bytes = SymbolTable::encode({});
  const auto table = SymbolTable::over(bytes);
  ASSERT_TRUE(table.has_value()) << table.error().what;
  EXPECT_EQ(name_at(*table, 0), "none");
}

TEST(SymbolTable, NoByteMayChange) {
  const std::string good = SymbolTable::encode(kSymbols);
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    EXPECT_FALSE(SymbolTable::over(bad).has_value()) << i;
    EXPECT_FALSE(SymbolTable::over(good.substr(0, i)).has_value()) << i;
  }
  EXPECT_FALSE(SymbolTable::over(good + "x").has_value());
}

}  // namespace
}  // namespace sonde
