// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/symbols/go_table.h"

#include <algorithm>
#include <cstring>

namespace sonde {
namespace {

constexpr size_t kWord = 8;  // the size of a pointer
constexpr uint32_t kNoOffset = UINT32_MAX;

// Numbers of what the compiler attaches to each function.
constexpr uint64_t kCallByAddress = 2;  // of its tables of values
constexpr uint64_t kCallTree = 3;       // of its data

// A number in the encoding of protocol buffers.
std::optional<uint32_t> take_number(std::span<const uint8_t> bytes, uint64_t& at) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 35; shift += 7) {
    if (at >= bytes.size()) {
      return std::nullopt;
    }
    const uint8_t byte = bytes[at++];
    value |= uint64_t{byte & 0x7fu} << shift;
    if ((byte & 0x80) == 0) {
      return static_cast<uint32_t>(value);
    }
  }
  return std::nullopt;
}

std::optional<uint64_t> wide(std::optional<uint32_t> number) {
  return number ? std::optional<uint64_t>(*number) : std::nullopt;
}

}  // namespace

// Where in a function's record what stands: numbers of 4 bytes, but for the count of data.
struct GoTable::Fields {
  uint64_t name;
  uint64_t depths;
  uint64_t files;
  uint64_t lines;
  uint64_t value_tables;  // how many more
  uint64_t unit;          // 0: files are numbered for the whole program
  uint64_t data;          // how many; 0: not read
  uint64_t size;          // places of these tables of values follow, then those of data
};

const GoTable::Fields& GoTable::fields() const {
  static constexpr Fields kFields[] = {
      {8, 20, 24, 28, 32, 0, 0, 40},
      {8, 20, 24, 28, 32, 36, 0, 44},
      {4, 16, 20, 24, 28, 32, 39, 40},
      {4, 16, 20, 24, 28, 32, 43, 44},
  };
  return kFields[static_cast<size_t>(layout_)];
}

std::optional<GoTable::Layout> GoTable::layout_of(std::span<const uint8_t, kHead> head) {
  uint32_t magic = 0;
  std::memcpy(&magic, head.data(), sizeof(magic));
  const uint8_t quantum = head[6];
  if (head[4] != 0 || head[5] != 0 || (quantum != 1 && quantum != 4) || head[7] != kWord) {
    return std::nullopt;
  }
  switch (magic) {
    case 0xfffffffb:
      return Layout::k2;
    case 0xfffffffa:
      return Layout::k16;
    case 0xfffffff0:
      return Layout::k18;
    case 0xfffffff1:
      return Layout::k20;
    default:
      return std::nullopt;
  }
}

bool GoTable::is_head(std::span<const uint8_t, kHead> bytes) {
  return layout_of(bytes).has_value();
}

template <typename T>
std::optional<T> GoTable::at(uint64_t offset) const {
  T value{};
  if (offset > bytes_.size() || sizeof(T) > bytes_.size() - offset) {
    return std::nullopt;
  }
  std::memcpy(&value, bytes_.data() + offset, sizeof(T));
  return value;
}

Result<GoTable> GoTable::over(std::span<const uint8_t> bytes, uint64_t text) {
  const auto layout = bytes.size() < kHead ? std::nullopt : layout_of(bytes.first<kHead>());
  if (!layout) {
    return fail("no table of Go's that is known");
  }
  GoTable table(bytes);
  table.layout_ = *layout;
  table.quantum_ = bytes[6];
  const auto word = [&table](uint64_t number) {
    return table.at<uint64_t>(kHead + number * kWord).value_or(UINT64_MAX);
  };
  table.count_ = word(0);
  if (table.count_ == 0 || table.count_ > kMaxFunctions) {
    return fail("a table of Go's without functions, or with too many");
  }
  if (*layout == Layout::k2) {
    table.functions_ = kHead + kWord;
    const uint64_t end = table.functions_ + (2 * table.count_ + 1) * kWord;
    table.paths_ = table.at<uint32_t>(end).value_or(0);
  } else {
    const uint64_t first = *layout == Layout::k16 ? 2 : 3;
    table.names_ = word(first);
    table.units_ = word(first + 1);
    table.paths_ = word(first + 2);
    table.values_ = word(first + 3);
    table.functions_ = word(first + 4);
    const uint64_t said = first == 3 ? word(2) : 0;
    table.text_ = first == 3 ? (said != 0 ? said : text) : 0;
  }
  const auto begins_within = [&](uint64_t part) { return part < bytes.size(); };
  if (!begins_within(table.names_) || !begins_within(table.units_) ||
      !begins_within(table.paths_) || !begins_within(table.values_) ||
      !begins_within(table.functions_) || !table.begin_of(table.count_)) {
    return fail("a damaged table of Go's");
  }
  return table;
}

// Where it stands; the one behind the last has the address where all end.
uint64_t GoTable::entry(size_t number) const {
  return functions_ + number * (layout_ >= Layout::k18 ? 2 * sizeof(uint32_t) : 2 * kWord);
}

std::optional<uint64_t> GoTable::begin_of(size_t number) const {
  if (layout_ < Layout::k18) {
    return at<uint64_t>(entry(number));
  }
  const auto offset = at<uint32_t>(entry(number));
  return offset ? std::optional(text_ + *offset) : std::nullopt;
}

std::optional<GoTable::Function> GoTable::function(size_t number) const {
  if (number >= count_) {
    return std::nullopt;
  }
  const auto begin = begin_of(number);
  const auto end = begin_of(number + 1);
  const uint64_t place = entry(number);
  const auto record = layout_ < Layout::k18 ? at<uint64_t>(place + kWord)
                                            : wide(at<uint32_t>(place + sizeof(uint32_t)));
  // Records are counted from the first function, in the oldest layout from the table's begin.
  const uint64_t base = layout_ == Layout::k2 ? 0 : functions_;
  if (!begin || !end || *begin >= *end || !record || *record >= bytes_.size() - base) {
    return std::nullopt;
  }
  Function out{.begin = *begin, .end = *end, .name = {}, .record = base + *record};
  if (const auto name = at<uint32_t>(out.record + fields().name); name) {
    out.name = text_at(names_, *name);
  }
  return out;
}

std::string_view GoTable::text_at(uint64_t base, uint64_t offset) const {
  if (base >= bytes_.size() || offset >= bytes_.size() - base) {
    return {};
  }
  const auto rest = bytes_.subspan(base + offset);
  const std::string_view text(reinterpret_cast<const char*>(rest.data()),
                              std::min(rest.size(), kMaxName));
  return text.substr(0, text.find('\0'));
}

void GoTable::lines(const Function& function, std::vector<Value>& out) {
  values(function, at<uint32_t>(function.record + fields().lines), out);
}

void GoTable::files(const Function& function, std::vector<Value>& out) {
  values(function, at<uint32_t>(function.record + fields().files), out);
}

void GoTable::depths(const Function& function, std::vector<Value>& out) {
  values(function, at<uint32_t>(function.record + fields().depths), out);
}

void GoTable::calls(const Function& function, std::vector<Value>& out) {
  const auto count = at<uint32_t>(function.record + fields().value_tables);
  const uint64_t place = function.record + fields().size + kCallByAddress * sizeof(uint32_t);
  const bool known = fields().data != 0 && count && *count > kCallByAddress;
  values(function, known ? at<uint32_t>(place) : std::nullopt, out);
}

// Pairs of differences: of the value, and of the address up to which it holds.
void GoTable::values(const Function& function, std::optional<uint32_t> table,
                     std::vector<Value>& out) {
  out.clear();
  if (!table || *table == 0) {
    return;
  }
  uint64_t place = values_ + *table;
  uint64_t address = function.begin;
  uint32_t value = UINT32_MAX;
  while (address < function.end && steps_ < kMaxSteps) {
    ++steps_;
    const auto change = take_number(bytes_, place);
    if (!change || (*change == 0 && address != function.begin)) {
      return;
    }
    const auto length = take_number(bytes_, place);
    if (!length || *length == 0) {
      return;
    }
    value += (*change & 1) != 0 ? ~(*change >> 1) : *change >> 1;
    out.push_back({address, static_cast<int32_t>(value)});
    address += uint64_t{*length} * quantum_;
  }
}

std::string_view GoTable::file(const Function& function, int32_t number) const {
  if (number < 0) {
    return {};
  }
  const auto file = static_cast<uint64_t>(number);
  if (layout_ == Layout::k2) {
    const auto place = at<uint32_t>(paths_ + file * sizeof(uint32_t));
    return place && file != 0 ? text_at(0, *place) : std::string_view();
  }
  const auto unit = at<uint32_t>(function.record + fields().unit);
  const auto place = unit ? at<uint32_t>(units_ + (*unit + file) * sizeof(uint32_t)) : std::nullopt;
  return place && *place != kNoOffset ? text_at(paths_, *place) : std::string_view();
}

std::optional<uint32_t> GoTable::call_tree(const Function& function) const {
  const auto tables = at<uint32_t>(function.record + fields().value_tables);
  const auto data = at<uint8_t>(function.record + fields().data);
  if (fields().data == 0 || !tables || !data || *data <= kCallTree) {
    return std::nullopt;
  }
  const auto tree = at<uint32_t>(function.record + fields().size +
                                 (uint64_t{*tables} + kCallTree) * sizeof(uint32_t));
  return tree && *tree != kNoOffset ? tree : std::nullopt;
}

std::optional<GoTable::Call> GoTable::call(std::span<const uint8_t> bytes) const {
  if (bytes.size() < call_size()) {
    return std::nullopt;
  }
  const size_t name_field = layout_ == Layout::k18 ? 12 : 4;
  uint32_t name = 0;
  Call out{};
  std::memcpy(&name, bytes.data() + name_field, sizeof(name));
  std::memcpy(&out.at, bytes.data() + name_field + sizeof(name), sizeof(out.at));
  out.function = text_at(names_, name);
  return out.function.empty() || out.at < 0 ? std::nullopt : std::optional(out);
}

}  // namespace sonde
