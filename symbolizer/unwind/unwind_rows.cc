// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/unwind/unwind_rows.h"

#include <algorithm>
#include <array>
#include <optional>
#include <tuple>
#include <vector>

#include "symbolizer/unwind/frame_section.h"

namespace sonde {
namespace {

constexpr sonde_rule kInvalid{SONDE_CFA_INVALID, 0, 0, 0};

// The last row waits, as one at the same address may still replace it.
class RowWriter {
 public:
  explicit RowWriter(const RowSink& sink) : sink_(sink) {}

  void put(uint64_t address, const sonde_rule& rule) {
    if (waiting_ && address != address_) {
      flush();
    }
    address_ = address;
    rule_ = rule;
    waiting_ = true;
  }

  void flush() {
    if (waiting_ && !(rule_ == written_)) {
      sink_(address_, rule_);
      written_ = rule_;
      rows_++;
    }
    waiting_ = false;
  }

  uint64_t rows() const { return rows_; }

 private:
  const RowSink& sink_;
  uint64_t address_ = 0;
  sonde_rule rule_ = kInvalid;
  sonde_rule written_ = kInvalid;  // before the first row nothing is known
  bool waiting_ = false;
  uint64_t rows_ = 0;
};

struct Found {
  FrameSection::Function function;
  size_t section;
};

// False: its description cannot be read to its end.
bool write_function(FrameSection& section, const FrameSection::Function& function, uint64_t from,
                    Machine machine, RowWriter& writer) {
  const std::optional<FrameSection::Program> program = section.program(function);
  if (!program) {
    writer.put(from, kInvalid);
    return false;
  }
  CfiProgram rows(program->common, registers_of(machine), program->instructions, program->where,
                  function.begin);
  for (;;) {
    const CfiProgram::Step step = rows.next();
    if (rows.row().address >= function.end) {
      return true;
    }
    const bool bad = step == CfiProgram::Step::kBad;
    writer.put(std::max(rows.row().address, from),
               bad ? kInvalid : rule_of(rows.row().state, program->common.signal_frame, machine));
    if (step != CfiProgram::Step::kRow) {
      return !bad;
    }
  }
}

}  // namespace

UnwindCounts make_unwind_rows(const ElfFile& file, const RowSink& sink) {
  UnwindCounts counts;
  std::vector<FrameSection> sections;
  if (const auto& section = file.eh_frame()) {
    sections.emplace_back(file, *section, FrameSection::Kind::kEhFrame);
  }
  if (const auto& section = file.debug_frame()) {
    sections.emplace_back(file, *section, FrameSection::Kind::kDebugFrame);
  }
  std::vector<Found> found;
  for (size_t i = 0; i < sections.size(); i++) {
    while (const std::optional<FrameSection::Function> function = sections[i].next()) {
      if (found.size() < kMaxUnwindFunctions) {
        found.push_back({.function = *function, .section = i});
      } else {
        counts.left_out++;
      }
    }
    counts.unsound += sections[i].unsound();
  }
  // Which section comes first at equal addresses is part of the order: .eh_frame is what runs.
  std::ranges::sort(found, {}, [](const Found& f) {
    return std::tuple(f.function.begin, f.section, f.function.entry);
  });

  RowWriter writer(sink);
  uint64_t covered = 0;
  for (const auto& [function, section] : found) {
    if (function.end <= covered) {
      continue;
    }
    if (writer.rows() >= kMaxUnwindRows) {
      counts.left_out++;
      continue;
    }
    counts.functions++;
    const uint64_t from = std::max(function.begin, covered);
    if (!write_function(sections[section], function, from, file.machine(), writer)) {
      counts.unsound++;
    }
    covered = function.end;
    writer.put(covered, kInvalid);
  }
  writer.flush();
  counts.rows = writer.rows();
  return counts;
}

}  // namespace sonde
