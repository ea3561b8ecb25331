// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/lines/go_lines.h"

#include <tsl/robin_map.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "symbolizer/symbols/go_program.h"

namespace sonde {
namespace {

constexpr uint32_t kNone = LineTableWriter::kNone;
constexpr size_t kBytesPerRow = 8;  // at the least, in real programs' tables
constexpr size_t kMaxDepth = 64;    // of calls inlined into one another

// What holds at an address; -1: none.
int32_t value_at(const std::vector<GoTable::Value>& values, uint64_t address) {
  const auto behind = std::ranges::upper_bound(values, address, {}, &GoTable::Value::from);
  return behind == values.begin() ? -1 : std::prev(behind)->value;
}

// Walks along values by rising address.
class Cursor {
 public:
  explicit Cursor(const std::vector<GoTable::Value>& values) : values_(values) {}

  int32_t at(uint64_t address) {
    while (next_ < values_.size() && values_[next_].from <= address) {
      ++next_;
    }
    return next_ == 0 ? -1 : values_[next_ - 1].value;
  }
  uint64_t next() const { return next_ < values_.size() ? values_[next_].from : UINT64_MAX; }

 private:
  const std::vector<GoTable::Value>& values_;
  size_t next_ = 0;
};

class Pass {
 public:
  Pass(GoProgram& program, int out, uint64_t base)
      : program_(program),
        table_(program.table()),
        writer_(out, base, program.table_bytes() / kBytesPerRow) {}

  Result<LinesWritten> run() {
    for (size_t i = 0; i < table_.size(); ++i) {
      if (const auto function = table_.function(i); function) {
        write(*function);
      }
    }
    return writer_.finish();
  }

 private:
  void write(const GoTable::Function& function) {
    table_.files(function, files_);
    table_.lines(function, lines_);
    table_.calls(function, calls_);
    nodes_.clear();
    const uint32_t node = writer_.node(writer_.name(function.name), kNone, kNone);
    Cursor files(files_);
    Cursor lines(lines_);
    Cursor calls(calls_);
    for (uint64_t at = function.begin; at < function.end;
         at = std::min({files.next(), lines.next(), calls.next()})) {
      const uint32_t place = place_of(function, files.at(at), lines.at(at));
      writer_.row(at, node_of(function, calls.at(at), node), place);
    }
    writer_.row(function.end, kNone, kNone);
  }

  uint32_t place_of(const GoTable::Function& function, int32_t file, int32_t line) {
    const std::string_view path = table_.file(function, file);
    return path.empty()
               ? kNone
               : writer_.place(writer_.name(path), static_cast<uint32_t>(std::max(line, 0)));
  }

  // The node of an inlined call: the calls that it lies in are made before it.
  uint32_t node_of(const GoTable::Function& function, int32_t number, uint32_t outermost) {
    std::vector<std::pair<int32_t, GoTable::Call>> chain;  // innermost first
    uint32_t parent = outermost;
    while (number >= 0 && chain.size() < kMaxDepth) {
      const auto known = nodes_.find(number);
      if (known != nodes_.end()) {
        parent = known->second;
        break;
      }
      const auto call = program_.call(function, number);
      if (!call) {
        break;
      }
      chain.emplace_back(number, *call);
      number = value_at(calls_, function.begin + static_cast<uint64_t>(call->at));
    }
    while (!chain.empty()) {
      const auto& [made, call] = chain.back();
      const uint64_t at = function.begin + static_cast<uint64_t>(call.at);
      const uint32_t called = place_of(function, value_at(files_, at), value_at(lines_, at));
      parent = writer_.node(writer_.name(call.function), parent, called);
      nodes_.emplace(made, parent);
      chain.pop_back();
    }
    return parent;
  }

  GoProgram& program_;
  GoTable& table_;
  LineTableWriter writer_;
  std::vector<GoTable::Value> files_;
  std::vector<GoTable::Value> lines_;
  std::vector<GoTable::Value> calls_;
  tsl::robin_map<int32_t, uint32_t> nodes_;  // of the function's inlined calls
};

}  // namespace

Result<LinesWritten> write_go_lines(ByteSource program, int out) {
  auto opened = GoProgram::open(program);
  if (!opened) {
    return std::unexpected(opened.error());
  }
  const auto first = opened->table().function(0);
  return Pass(*opened, out, first ? first->begin : 0).run();
}

}  // namespace sonde
