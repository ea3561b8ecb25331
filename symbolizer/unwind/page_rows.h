// SPDX-License-Identifier: Apache-2.0
// PageRows: cuts a file's rows into pages, each with the rule in force at its first byte, and
// numbers the rules. Rows are handed on as they come: what is held is 12 bytes for each page, and
// the rules.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "symbolizer/unwind/rule_numbers.h"

namespace sonde {

// Where a page's rows are, among those of the file.
struct RowPage {
  uint32_t number;  // address >> SONDE_UNWIND_PAGE_BITS
  uint32_t first;
  uint32_t count;
};
static_assert(sizeof(RowPage) == 12);

// Of one file. A description can claim any stretch of addresses: what is beyond is left out.
constexpr uint32_t kMaxPagedRows = 20u << 20;
constexpr uint32_t kMaxPages = 1u << 18;  // 16 GiB of text
constexpr uint32_t kMaxFileRules = 1u << 16;
constexpr uint64_t kMaxPagedAddress = uint64_t{1} << 47;  // as processes have them

class PageRows {
 public:
  // Takes rows; false: it can take no more.
  using Sink = std::function<bool(std::span<const sonde_row>)>;

  explicit PageRows(Sink sink);

  // From address on the rule holds; addresses ascend.
  void add(uint64_t address, const sonde_rule& rule);

  // After the last. False: the sink took less than all.
  bool finish();

  // Something was left out for the limits above.
  bool cut() const { return cut_; }
  const std::vector<RowPage>& pages() const { return pages_; }
  const RuleNumbers& rules() const { return rules_; }
  uint32_t rows() const { return rows_; }

 private:
  void go_on_to(uint64_t address);
  void open_page(uint64_t number);
  void put(uint16_t lo, uint16_t rule);
  void hand_on();

  Sink sink_;
  std::vector<sonde_row> waiting_;
  std::vector<RowPage> pages_;
  RuleNumbers rules_;
  uint32_t rows_ = 0;
  uint16_t in_force_ = 0;
  bool cut_ = false;
  bool taken_ = true;
};

}  // namespace sonde
