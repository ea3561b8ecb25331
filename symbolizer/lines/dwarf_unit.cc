// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/lines/dwarf_unit.h"

#include <dwarf.h>

#include <algorithm>
#include <optional>
#include <queue>
#include <string>

#include "symbolizer/symbols/demangle.h"

namespace sonde {
namespace {

constexpr uint32_t kNone = LineTableWriter::kNone;

const char* text_of(Dwarf_Die& die, unsigned attribute) {
  Dwarf_Attribute value;
  return dwarf_formstring(dwarf_attr_integrate(&die, attribute, &value));
}

// Nothing below these has code, and there are very many of them.
bool never_holds_code(int tag) {
  return tag == DW_TAG_call_site || tag == DW_TAG_GNU_call_site || tag == DW_TAG_enumeration_type ||
         tag == DW_TAG_array_type || tag == DW_TAG_subroutine_type;
}

bool is_function(int tag) { return tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine; }

}  // namespace

// What the linkage name is of that very entry: the compiler's copies have names of their own
// ("f.part.0").
uint32_t FunctionNames::of(Dwarf_Die& die) {
  Dwarf_Attribute value;
  if (dwarf_attr(&die, DW_AT_linkage_name, &value) != nullptr) {
    const char* const name = dwarf_formstring(&value);
    return name == nullptr ? 0 : writer_.name(demangle(name));
  }
  Dwarf_Die origin = die;
  if (dwarf_attr(&die, DW_AT_abstract_origin, &value) != nullptr &&
      dwarf_formref_die(&value, &origin) == nullptr) {
    return 0;
  }
  Known& known = known_[MixedHash{}(origin.addr) % kKnown];
  if (known.entry != origin.addr) {
    known = {.entry = origin.addr, .name = name_of(origin)};
  }
  return known.name;
}

// libdw follows abstract_origin and specification itself, and not without end.
uint32_t FunctionNames::name_of(Dwarf_Die& origin) {
  for (const unsigned attribute : {DW_AT_linkage_name, DW_AT_MIPS_linkage_name, DW_AT_name}) {
    if (const char* const name = text_of(origin, attribute); name != nullptr) {
      return writer_.name(demangle(name));
    }
  }
  return 0;
}

void DwarfUnit::read() {
  read_ranges(unit_, unit_code_);
  const bool tells = !unit_code_.empty();
  unit_code_ =
      tells ? claimed_.claim(std::move(unit_code_)) : std::vector(code_.begin(), code_.end());
  if (unit_code_.empty()) {
    return;
  }
  if (dwarf_getsrcfiles(&unit_, &files_, &file_count_) != 0) {
    files_ = nullptr;
  }
  read_functions();
  paint_functions();
  read_lines();
  write_rows();
}

// What the linker threw away still stands there, at address 0 or another where nothing is.
bool DwarfUnit::is_code(uint64_t begin, uint64_t end) const {
  const auto behind = std::ranges::upper_bound(code_, begin, {}, &CodeRange::begin);
  return behind != code_.begin() && begin < end && end <= std::prev(behind)->end;
}

bool DwarfUnit::is_ours(const CodeRange& range) const {
  const auto at = std::ranges::upper_bound(unit_code_, range.begin, {}, &CodeRange::end);
  return at != unit_code_.end() && at->begin < range.end;
}

void DwarfUnit::read_ranges(Dwarf_Die& die, std::vector<CodeRange>& out) {
  out.clear();
  Dwarf_Addr base = 0;
  Dwarf_Addr begin = 0;
  Dwarf_Addr end = 0;
  ptrdiff_t next = 0;
  while ((next = dwarf_ranges(&die, next, &base, &begin, &end)) > 0) {
    if (out.size() == kMaxRanges) {
      ++left_out_;
      return;
    }
    if (is_code(begin, end)) {
      out.push_back({begin, end});
    }
  }
}

uint32_t DwarfUnit::called_at(Dwarf_Die& die) {
  Dwarf_Attribute value;
  Dwarf_Word file = 0;
  Dwarf_Word line = 0;
  if (files_ == nullptr || dwarf_formudata(dwarf_attr(&die, DW_AT_call_file, &value), &file) != 0 ||
      file >= file_count_) {
    return kNone;
  }
  (void)dwarf_formudata(dwarf_attr(&die, DW_AT_call_line, &value), &line);
  const uint32_t name = file_name(dwarf_filesrc(files_, file, nullptr, nullptr));
  return writer_.place(name, static_cast<uint32_t>(line));
}

// The node for what is below it: a new one for a function with code here, else its parent's.
// Nothing: all that is below has been described by another unit.
std::optional<uint32_t> DwarfUnit::enter(Dwarf_Die& die, uint32_t parent) {
  const int tag = dwarf_tag(&die);
  if (!is_function(tag)) {
    return parent;
  }
  const bool inlined = tag == DW_TAG_inlined_subroutine && parent != kNone;
  read_ranges(die, die_code_);
  if (die_code_.empty() && !inlined) {
    return kNone;
  }
  const auto ours = [this](const CodeRange& range) { return is_ours(range); };
  if (!die_code_.empty() && std::ranges::none_of(die_code_, ours)) {
    return std::nullopt;
  }
  const uint32_t node = inlined ? writer_.node(names_.of(die), parent, called_at(die))
                                : writer_.node(names_.of(die), kNone, kNone);
  for (const CodeRange& range : die_code_) {
    if (ranges_.size() == kMaxRanges) {
      ++left_out_;
      break;
    }
    ranges_.push_back({range.begin, range.end, static_cast<uint32_t>(ranges_.size()), node});
  }
  return node;
}

// A walk in the tree's own order with a stack of ours.
void DwarfUnit::read_functions() {
  std::vector<Level> above;
  Level here{.die = {}, .node = kNone};
  if (dwarf_child(&unit_, &here.die) != 0) {
    return;
  }
  uint32_t parent = kNone;
  while (true) {
    const int tag = dwarf_tag(&here.die);
    const bool has_below = !never_holds_code(tag) && dwarf_haschildren(&here.die) > 0;
    const auto node = has_below || is_function(tag) ? enter(here.die, parent) : std::nullopt;
    if (has_below && node) {
      here.node = *node;
      Level child{.die = {}, .node = kNone};
      if (above.size() == kMaxDepth) {
        ++left_out_;
      } else if (dwarf_child(&here.die, &child.die) == 0) {
        above.push_back(here);
        parent = here.node;
        here = child;
        continue;
      }
    }
    while (dwarf_siblingof(&here.die, &here.die) != 0) {
      if (above.empty()) {
        return;
      }
      here = above.back();
      above.pop_back();
      parent = above.empty() ? kNone : above.back().node;
    }
  }
}

// Which range holds from where on: of those that are open the one that came last in the tree.
void DwarfUnit::paint_functions() {
  const auto earlier = [](const FunctionRange& a, const FunctionRange& b) {
    return a.turn < b.turn;
  };
  std::priority_queue<FunctionRange, std::vector<FunctionRange>, decltype(earlier)> open(earlier);
  const auto holds_from = [this, &open](uint64_t address) {
    const uint32_t node = open.empty() ? kNone : open.top().node;
    if (!functions_.empty() && functions_.back().address == address) {
      functions_.back().value = node;
    } else {
      functions_.push_back({address, node});
    }
  };
  const auto close_until = [&](uint64_t address) {
    while (!open.empty() && open.top().end <= address) {
      const uint64_t end = open.top().end;
      while (!open.empty() && open.top().end <= end) {
        open.pop();
      }
      holds_from(end);
    }
  };
  std::ranges::sort(ranges_, {},
                    [](const FunctionRange& range) { return std::pair(range.begin, range.turn); });
  for (const FunctionRange& range : ranges_) {
    close_until(range.begin);
    open.push(range);
    holds_from(range.begin);
  }
  close_until(UINT64_MAX);
  ranges_ = {};
}

uint32_t DwarfUnit::file_name(const char* path) {
  if (path == nullptr) {
    return 0;
  }
  const auto known = file_names_.find(path);
  if (known != file_names_.end()) {
    return known->second;
  }
  const uint32_t name = writer_.name(path[0] == '/' ? path : whole_path(path));
  return file_names_.emplace(path, name).first->second;
}

// What libdw leaves relative is meant below the folder that the compiler ran in.
std::string DwarfUnit::whole_path(std::string_view path) {
  const char* const folder = text_of(unit_, DW_AT_comp_dir);
  const std::string prefix = folder == nullptr ? "" : std::string(folder) + "/";
  if (prefix.empty() || (prefix[0] != '/' && path.starts_with(prefix))) {
    return std::string(path);  // a folder that is relative itself has been put in front
  }
  while (path.starts_with("./")) {
    path.remove_prefix(2);
  }
  return prefix + std::string(path);
}

void DwarfUnit::read_lines() {
  Dwarf_Lines* lines = nullptr;
  if (dwarf_getsrclines(&unit_, &lines, &lines_read_) != 0) {
    return;
  }
  for (size_t i = 0; i < lines_read_; ++i) {
    Dwarf_Line* const line = dwarf_onesrcline(lines, i);
    Dwarf_Addr address = 0;
    int number = 0;
    bool ends = false;
    if (dwarf_lineaddr(line, &address) != 0 || dwarf_lineno(line, &number) != 0 ||
        dwarf_lineendsequence(line, &ends) != 0) {
      continue;
    }
    const uint32_t place = ends ? kNone
                                : writer_.place(file_name(dwarf_linesrc(line, nullptr, nullptr)),
                                                static_cast<uint32_t>(number));
    if (!lines_.empty() && lines_.back().address == address) {
      lines_.back().value = place;
    } else if (lines_.empty() || lines_.back().address < address) {
      lines_.push_back({address, place});
    }
  }
}

// Lines and functions from each address on where either changes, within the unit's own code.
void DwarfUnit::write_rows() {
  size_t line = 0;
  size_t function = 0;
  for (const CodeRange& range : unit_code_) {
    uint32_t node = kNone;
    uint32_t place = kNone;
    uint64_t at = range.begin;
    while (at < range.end) {
      while (line < lines_.size() && lines_[line].address <= at) {
        ++line;
      }
      while (function < functions_.size() && functions_[function].address <= at) {
        ++function;
      }
      const uint32_t node_here = function == 0 ? kNone : functions_[function - 1].value;
      const uint32_t place_here = line == 0 ? kNone : lines_[line - 1].value;
      if (node_here != node || place_here != place) {
        node = node_here;
        place = place_here;
        writer_.row(at, node, place);
      }
      at = std::min({range.end, line < lines_.size() ? lines_[line].address : UINT64_MAX,
                     function < functions_.size() ? functions_[function].address : UINT64_MAX});
    }
    writer_.row(range.end, kNone, kNone);
  }
}

}  // namespace sonde
