// SPDX-License-Identifier: Apache-2.0
// UnwindTables: what the sampler's kernel side is told of processes and their code, so that it can
// walk stacks by itself. Rules are numbered here, over all files. One thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "symbolizer/unwind/rows_view.h"
#include "symbolizer/unwind/rule_numbers.h"
#include "userspace/base/result.h"
#include "userspace/model/stack_sample.h"

namespace sonde {

class UnwindMaps;

class UnwindTables {
 public:
  // Borrowed.
  explicit UnwindTables(UnwindMaps& maps);

  // The executable memory of the program that the sample is of, by address. Settled: what is
  // elsewhere is no code.
  void tell_process(const StackSample& sample, std::span<const sonde_code> codes, bool settled);

  bool knows_page(sonde_page_key key) const;
  // Its rows, of those of its file; null: there are none.
  void tell_page(sonde_page_key key, const RowsView* rows);

  Result<> forget_all();

  struct Told {
    size_t pages;
    size_t row_bytes;
    uint64_t refused;  // for want of room, of all there ever was to tell
  };
  Told told() const;

 private:
  UnwindMaps& maps_;
  RuleNumbers rules_;
  size_t rules_told_ = 0;
  std::vector<sonde_row> page_;
};

}  // namespace sonde
