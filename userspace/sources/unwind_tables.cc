// SPDX-License-Identifier: Apache-2.0
#include "userspace/sources/unwind_tables.h"

#include "symbolizer/unwind/kernel_rows.h"
#include "userspace/kernel/unwind_maps.h"

namespace sonde {

UnwindTables::UnwindTables(UnwindMaps& maps) : maps_(maps), rules_(SONDE_MAX_RULES) {}

void UnwindTables::tell_process(const StackSample& sample, std::span<const sonde_code> codes,
                                bool settled) {
  (void)maps_.set_process(static_cast<uint32_t>(sample.pid), sample.started_ns, sample.image, codes,
                          settled);
}

bool UnwindTables::knows_page(sonde_page_key key) const { return maps_.has_page(key); }

void UnwindTables::tell_page(sonde_page_key key, const RowsView* rows) {
  page_.clear();
#if SONDE_CFI_UNWIND
  if (rows != nullptr) {
    (void)copy_page(*rows, key.page, rules_, page_);
  }
#else
  (void)rows;
#endif
  if (maps_.add_rules(static_cast<uint32_t>(rules_told_), rules_.rules().subspan(rules_told_))) {
    rules_told_ = rules_.rules().size();
    (void)maps_.set_page(key, page_);
  }
}

UnwindTables::Told UnwindTables::told() const {
  return {.pages = maps_.pages(), .row_bytes = maps_.row_bytes(), .refused = maps_.refused()};
}

Result<> UnwindTables::forget_all() {
  rules_ = RuleNumbers(SONDE_MAX_RULES);
  rules_told_ = 0;
  return maps_.forget_all();
}

}  // namespace sonde
