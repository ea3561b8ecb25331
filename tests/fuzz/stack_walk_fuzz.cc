// SPDX-License-Identifier: Apache-2.0
// Any stack under any rules: the walk ends, within its bounds, and asks for nothing beyond the copy
// (the address sanitizer watches). First the registers, then as many rules as fit a page of 256
// instructions, each for one of them, then the stack.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "symbolizer/unwind/stack_walk.h"
#include "userspace/base/bytes.h"
#include "userspace/base/crc32c.h"

namespace {

constexpr uint64_t kCode = 0x10000;
constexpr uint64_t kStack = 0x7000'0000;
constexpr size_t kRules = 16;

template <typename T>
void append(std::vector<uint8_t>& out, const T& value) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(&value);
  out.insert(out.end(), bytes, bytes + sizeof(T));
}

// A rows file of one page: rule i holds at 16 addresses.
std::vector<uint8_t> rows_of(sonde::Bytes& input) {
  std::vector<uint8_t> content;
  std::vector<sonde_rule> rules(kRules);
  for (sonde_rule& rule : rules) {
    input.read(rule);
  }
  for (size_t i = 0; i < kRules; i++) {
    append(content,
           sonde_row{.lo = static_cast<uint16_t>(i * 16), .rule = static_cast<uint16_t>(i)});
  }
  append(content,
         sonde::RowPage{.number = kCode >> SONDE_UNWIND_PAGE_BITS, .first = 0, .count = kRules});
  for (const sonde_rule& rule : rules) {
    append(content, rule);
  }
  sonde::RowsFileHeader header{};
  header.magic = sonde::kRowsMagic;
  header.byte_order = sonde::kRowsByteOrder;
  header.version = sonde::kRowsVersion;
  header.rows = kRules;
  header.pages = 1;
  header.rules = kRules;
  header.content_check = sonde::crc32c(content);
  std::vector<uint8_t> out;
  append(out, header);
  header.check = sonde::crc32c(std::span(out).first(offsetof(sonde::RowsFileHeader, check)));
  std::memcpy(out.data(), &header, sizeof(header));
  out.insert(out.end(), content.begin(), content.end());
  return out;
}

class OneFile : public sonde::RowSource {
 public:
  explicit OneFile(const sonde::RowsView& view) : view_(view) {}
  const sonde::RowsView* rows_of(uint32_t) override { return &view_; }

 private:
  const sonde::RowsView& view_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sonde::Bytes input(std::span(data, size));
  sonde::StackCopy copy{};
  input.read(copy.registers);
  uint8_t pc = 0;
  input.read(pc);
  copy.pc = kCode + pc;
  const std::vector<uint8_t> file = rows_of(input);
  const auto view = sonde::RowsView::open(file, "");
  if (!view) {
    abort();
  }
  copy.address = kStack;
  const std::vector<uint8_t> stack(input.data(), input.data() + input.left());
  copy.bytes = stack;
  const sonde::MappedCode code(
      {{.begin = kCode, .end = kCode + 256, .bias = 0, .file = 0, .pad = 0}});
  OneFile rows(*view);
  const sonde::WalkedStack walked = sonde::walk_stack(copy, code, rows);
  if (walked.frames.empty() || walked.frames.size() > sonde::kMaxWalkedFrames ||
      walked.end >= SONDE_STEP_KINDS || walked.end == SONDE_STEP_caller) {
    abort();
  }
  return 0;
}
