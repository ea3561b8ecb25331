// SPDX-License-Identifier: Apache-2.0
// Tables of a Go program of two functions, in each layout, as Go's linker would lay them out, and a
// program around one; other names can be given to them. main.main begins at kText and has 32 bytes:
// line 10 of /a.go; from the 8th on, for 8 bytes, main.in, which was inlined there and is line 12;
// then line 12 of its own. It takes 24 bytes of stack at its 4th byte and gives them back at its
// 28th. main.out follows: line 20 of /b.go; of its stack nothing is known.
#pragma once

#include <elf.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sonde {

enum class GoLayout { k2, k16, k18, k20 };

class GoTableMaker {
 public:
  static constexpr uint64_t kText = 0x401000;
  static constexpr uint64_t kFunctionSize = 32;

  explicit GoTableMaker(GoLayout layout, std::string first = "main.main",
                        std::string second = "main.out")
      : layout_(layout), first_(std::move(first)), second_(std::move(second)) {}

  // `text`: what the table says of where text begins; 0 since Go 1.26.
  std::string table(uint64_t text = kText) const {
    const bool old = layout_ == GoLayout::k2;
    const uint64_t head = old ? 16 : layout_ == GoLayout::k16 ? 64 : 72;
    const std::string functions = function_entries();
    const uint64_t records_at = head + functions.size();
    const std::string records = record(0) + record(1);
    const uint64_t names_at = records_at + records.size();
    const uint64_t units_at = names_at + names().size();
    const uint64_t paths_at = units_at + 8;
    const uint64_t values_at = paths_at + paths().size();
    std::string out;
    static constexpr uint32_t kMagic[] = {0xfffffffb, 0xfffffffa, 0xfffffff0, 0xfffffff1};
    put32(out, kMagic[static_cast<size_t>(layout_)]);
    out += std::string("\0\0\1\10", 4);
    put64(out, 2);
    if (!old) {
      put64(out, 2);
      if (layout_ >= GoLayout::k18) {
        put64(out, text);
      }
      for (const uint64_t part : {names_at, units_at, paths_at, values_at, head}) {
        put64(out, part);
      }
    }
    out += functions + records + names();
    if (old) {  // the first path is number 1
      put32(out, static_cast<uint32_t>(paths_at));
      put32(out, static_cast<uint32_t>(paths_at) + 6);
    } else {
      put32(out, 0);
      put32(out, 6);
    }
    return out + paths() + values();
  }

  // Calls that were inlined: one.
  std::string calls() const {
    std::string out;
    if (layout_ == GoLayout::k18) {
      put32(out, 0);
      put32(out, 0);
      put32(out, 0);
    } else {
      put32(out, 0);
    }
    put32(out, inlined_name());
    put32(out, 4);  // called at the function's 4th byte
    put32(out, 0);
    return out.substr(0, layout_ == GoLayout::k18 ? 20 : 16);
  }

  // Without sections: a segment of text, one of the table, the calls and the module behind them.
  std::string program(uint64_t text = kText) const {
    constexpr uint64_t kData = 0x500000;
    std::string data = table(text);
    data.resize((data.size() + 7) / 8 * 8);
    const uint64_t calls_at = kData + data.size();
    data += calls();
    data.resize((data.size() + 7) / 8 * 8);
    std::vector<uint64_t> words(48);
    uint64_t names_at = 0;
    std::memcpy(&names_at, table(text).data() + (layout_ >= GoLayout::k18 ? 32 : 24), 8);
    words[0] = kData;
    words[1] = kData + names_at;
    words[22] = kText;
    words[43] = calls_at;
    data.append(reinterpret_cast<const char*>(words.data()), words.size() * 8);

    Elf64_Ehdr head{};
    std::memcpy(head.e_ident, ELFMAG, SELFMAG);
    head.e_ident[EI_CLASS] = ELFCLASS64;
    head.e_ident[EI_DATA] = ELFDATA2LSB;
    head.e_ident[EI_VERSION] = EV_CURRENT;
    head.e_type = ET_EXEC;
    head.e_machine = EM_X86_64;
    head.e_version = EV_CURRENT;
    head.e_phoff = sizeof(head);
    head.e_ehsize = sizeof(head);
    head.e_phentsize = sizeof(Elf64_Phdr);
    head.e_phnum = 2;
    constexpr uint64_t kTextSize = 2 * kFunctionSize;
    constexpr uint64_t kTextAt = sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr);
    const Elf64_Phdr segments[] = {
        {PT_LOAD, PF_R | PF_X, kTextAt, kText, kText, kTextSize, kTextSize, 8},
        {PT_LOAD, PF_R, kTextAt + kTextSize, kData, kData, data.size(), data.size(), 8}};
    std::string out(reinterpret_cast<const char*>(&head), sizeof(head));
    out.append(reinterpret_cast<const char*>(segments), sizeof(segments));
    return out + std::string(kTextSize, '\x90') + data;
  }

 private:
  static void put32(std::string& out, uint32_t value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  static void put64(std::string& out, uint64_t value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }

  // Where they are in names(): the first at 0.
  uint32_t second_name() const { return static_cast<uint32_t>(first_.size() + 1); }
  uint32_t inlined_name() const {
    return second_name() + static_cast<uint32_t>(second_.size() + 1);
  }
  std::string names() const { return first_ + '\0' + second_ + '\0' + "main.in" + '\0'; }
  static std::string paths() { return std::string("/a.go\0/b.go\0", 12); }

  // Differences of values (an odd one is negative) and of addresses. The first byte is nobody's.
  std::string values() const {
    const char first = layout_ == GoLayout::k2 ? 4 : 2;  // file 1, or 0
    std::string out("\0", 1);
    out += std::string("\26\10\4\30\0", 5);                     // 1: lines 10, 12
    out += std::string({first, 32, 0});                         // 6: the first file
    out += std::string("\0\10\2\10\1\20\0", 7);                 // 9: no, the call, no
    out += std::string("\52\40\0", 3);                          // 16: line 20
    out += std::string({static_cast<char>(first + 2), 32, 0});  // 19: the second file
    out += std::string("\2\4\60\30\57\4\0", 7);                 // 22: a stack of 0, 24, 0 bytes
    return out;
  }

  std::string function_entries() const {
    std::string out;
    const uint64_t size = layout_ < GoLayout::k18 ? 40 : 20;
    // In the oldest layout places are from the table's begin, 16 bytes before; a word follows
    // there.
    const uint64_t records = size + (layout_ == GoLayout::k2 ? 16 + 8 : 0);
    for (uint64_t i = 0; i < 3; ++i) {
      const uint64_t place = records + i * record(0).size();
      if (layout_ < GoLayout::k18) {
        put64(out, kText + i * kFunctionSize);
        put64(out, i < 2 ? place : 0);
      } else {
        put32(out, static_cast<uint32_t>(i * kFunctionSize));
        put32(out, i < 2 ? static_cast<uint32_t>(place) : 0);
      }
    }
    out.resize(size);
    if (layout_ == GoLayout::k2) {
      // Where files are: behind the records and the names, one word before the first.
      const uint64_t files = 16 + size + 8 + 2 * record(0).size() + names().size();
      put32(out, static_cast<uint32_t>(files - 4));
      put32(out, 0);
    }
    return out;
  }

  std::string record(uint32_t number) const {
    const bool old = layout_ == GoLayout::k2;
    // In the oldest layout all places are from the table's begin.
    const uint64_t names_at = old ? 16 + 40 + 8 + 2 * kOldRecord : 0;
    const uint64_t values_at = old ? names_at + names().size() + 8 + paths().size() : 0;
    const auto value = [&](uint32_t at) { return static_cast<uint32_t>(values_at) + at; };
    std::string out;
    if (layout_ < GoLayout::k18) {
      put64(out, kText + number * kFunctionSize);
    } else {
      put32(out, number * static_cast<uint32_t>(kFunctionSize));
    }
    put32(out, static_cast<uint32_t>(names_at) + (number == 0 ? 0 : second_name()));
    put32(out, 0);                            // arguments
    put32(out, 0);                            // deferreturn, or the frame
    put32(out, number == 0 ? value(22) : 0);  // how much stack
    put32(out, value(number == 0 ? 6 : 19));
    put32(out, value(number == 0 ? 1 : 16));
    const uint32_t tables = layout_ >= GoLayout::k18 ? 3 : 0;
    put32(out, tables);
    if (old) {
      put32(out, 0);
      return out;
    }
    put32(out, 0);  // the unit
    if (layout_ == GoLayout::k20) {
      put32(out, 5);  // the first line
    }
    out += std::string({0, 0, 0, static_cast<char>(tables == 0 ? 0 : 4)});
    if (tables != 0) {
      put32(out, 0);
      put32(out, 0);
      put32(out, number == 0 ? 9 : 0);
      put32(out, UINT32_MAX);
      put32(out, UINT32_MAX);
      put32(out, UINT32_MAX);
      put32(out, number == 0 ? 0 : UINT32_MAX);
    }
    return out;
  }
  static constexpr uint64_t kOldRecord = 40;

  GoLayout layout_;
  std::string first_;
  std::string second_;
};

}  // namespace sonde
