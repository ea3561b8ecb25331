// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/symbols/go_rows.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "symbolizer/symbols/go_program.h"

namespace sonde {
namespace {

constexpr int32_t kWord = 8;

constexpr sonde_rule rule_of(sonde_cfa cfa) { return {static_cast<uint8_t>(cfa), 0, 0, 0}; }

// Behind what a function has taken is where it returns to. Once it has taken anything the caller's
// frame pointer is the outermost of it.
sonde_rule rule_of(int32_t depth) {
  if (depth < 0 || depth % kWord != 0) {
    return rule_of(SONDE_CFA_INVALID);
  }
  const int frame_pointer = depth == 0 ? SONDE_FP_SAME : SONDE_FP_AT_CFA;
  return {.cfa = SONDE_CFA_SP,
          .saved = static_cast<uint8_t>(SONDE_SAVED(frame_pointer, SONDE_RA_AT_CALL, 0)),
          .offset = static_cast<int16_t>(depth == 0 ? 0 : -2 * kWord),
          .cfa_offset = depth + kWord};
}

// What no table says: where stacks begin, and where one is left for another.
std::optional<sonde_rule> special_rule(std::string_view function) {
  constexpr std::array<std::string_view, 5> kOutermost = {"runtime.goexit", "runtime.mstart",
                                                          "runtime.mstart0", "runtime.rt0_go",
                                                          "runtime.cgocallback"};
  constexpr std::array<std::string_view, 4> kSwitches = {"runtime.systemstack", "runtime.mcall",
                                                         "runtime.morestack", "runtime.asmcgocall"};
  // Since Go 1.17 functions of assembly have names with an ending.
  constexpr std::string_view kEnding = ".abi0";
  if (function.ends_with(kEnding)) {
    function.remove_suffix(kEnding.size());
  }
  if (std::ranges::find(kOutermost, function) != kOutermost.end()) {
    return rule_of(SONDE_CFA_STOP);
  }
  if (std::ranges::find(kSwitches, function) != kSwitches.end()) {
    return rule_of(SONDE_CFA_FP_ONLY);
  }
  return std::nullopt;
}

class GoRows {
 public:
  GoRows(GoTable& table, const RowSink& sink) : table_(table), sink_(sink) {}

  // Of all functions, as long as they ascend.
  void write(UnwindCounts& counts) {
    for (size_t i = 0; i < table_.size() && counts.rows < kMaxUnwindRows; i++) {
      const auto function = table_.function(i);
      if (!function || function->begin < end_) {
        counts.unsound++;
        continue;
      }
      if (function->begin > end_ && end_ != 0) {
        put(end_, rule_of(SONDE_CFA_INVALID), counts);
      }
      counts.functions++;
      write_function(*function, counts);
      end_ = function->end;
    }
    put(end_, rule_of(SONDE_CFA_INVALID), counts);
  }

 private:
  void put(uint64_t address, const sonde_rule& rule, UnwindCounts& counts) {
    if (!last_ || !(*last_ == rule)) {
      sink_(address, rule);
      last_ = rule;
      counts.rows++;
    }
  }

  void write_function(const GoTable::Function& function, UnwindCounts& counts) {
    // The kernel returns from a handler to its first byte, and what is looked up is one before.
    if (function.name.starts_with("runtime.sigreturn")) {
      if (last_at_ < function.begin - 1) {
        put(function.begin - 1, rule_of(SONDE_CFA_SIGNAL), counts);
      }
      return;
    }
    if (const auto rule = special_rule(function.name)) {
      put(function.begin, *rule, counts);
      return;
    }
    table_.depths(function, depths_);
    if (depths_.empty()) {
      put(function.begin, rule_of(SONDE_CFA_INVALID), counts);
    }
    for (const GoTable::Value& each : depths_) {
      put(each.from, rule_of(each.value), counts);
      last_at_ = each.from;
    }
  }

  GoTable& table_;
  const RowSink& sink_;
  std::vector<GoTable::Value> depths_;
  std::optional<sonde_rule> last_;
  uint64_t last_at_ = 0;
  uint64_t end_ = 0;
};

struct Range {
  uint64_t begin = 0;
  uint64_t end = 0;
};

// Of Go's functions: they lie together.
std::optional<Range> range_of(const GoTable& table) {
  const auto first = table.function(0);
  const auto last = table.function(table.size() - 1);
  if (!first || !last || first->begin >= last->end) {
    return std::nullopt;
  }
  return Range{first->begin, last->end};
}

}  // namespace

UnwindCounts make_file_rows(const ElfFile& file, const RowSink& sink) {
  auto program = file.machine() == Machine::kX86 ? GoProgram::open(file.source())
                                                 : fail("no table that is understood");
  const auto go = program ? range_of(program->table()) : std::nullopt;
  if (!go) {
    return make_unwind_rows(file, sink);
  }
  UnwindCounts counts = make_unwind_rows(file, [&](uint64_t address, const sonde_rule& rule) {
    if (address < go->begin) {
      sink(address, rule);
    }
  });
  GoRows(program->table(), sink).write(counts);
  // What holds behind Go's code may have begun before its end.
  std::optional<sonde_rule> in_force;
  bool behind = false;
  const auto leave = [&] {
    if (!behind && in_force) {
      sink(go->end, *in_force);
    }
    behind = true;
  };
  make_unwind_rows(file, [&](uint64_t address, const sonde_rule& rule) {
    if (address <= go->end) {
      in_force = rule;
      return;
    }
    leave();
    sink(address, rule);
  });
  leave();
  return counts;
}

}  // namespace sonde
