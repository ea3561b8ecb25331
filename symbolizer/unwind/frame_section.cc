// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/unwind/frame_section.h"

#include <algorithm>

#include "symbolizer/unwind/encoded_pointer.h"

namespace sonde {
namespace {

constexpr uint32_t kWideLength = 0xffffffff;
// Real ones have some KiB at most.
constexpr uint64_t kLongestEntry = 1 << 20;
// Entries may name any offset, so the bytes of one CIE may be parsed as many: short, and few.
constexpr uint64_t kLongestCommon = 4096;
// Linked files have some per object file; beyond it entries are passed over.
constexpr size_t kMaxCommons = 65536;
constexpr uint8_t kPointerFormat = 0x0f;
constexpr uint8_t kPointerDirect = 0x7f;

std::optional<std::string_view> take_text(Bytes& at) {
  const size_t length = at.text().find('\0');
  const auto text = length == std::string_view::npos ? std::nullopt : at.take(length);
  return text && at.skip(1) ? text : std::nullopt;
}

std::span<const uint8_t> as_bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace

FrameSection::FrameSection(const ElfFile& file, const ElfSection& section, Kind kind)
    : bytes_(file.source(), section.offset, section.size),
      kind_(kind),
      address_(section.address),
      registers_(registers_of(file.machine())) {}

std::optional<FrameSection::Function> FrameSection::next() {
  while (const std::optional<Entry> entry = entry_at(at_)) {
    const uint64_t offset = at_;
    at_ = entry->end;
    const auto view = bytes_.view(entry->offset, std::min<uint64_t>(8, entry->end - entry->offset));
    Bytes body = view ? Bytes(*view) : Bytes();
    const std::optional<uint64_t> id = id_of(*entry, body);
    if (id && is_common(*entry, *id)) {
      continue;
    }
    if (const std::optional<Described> described = describe(offset, *entry)) {
      return described->function;
    }
    unsound_++;
  }
  return std::nullopt;
}

std::optional<FrameSection::Program> FrameSection::program(const Function& function) {
  const std::optional<Entry> entry = entry_at(function.entry);
  const std::optional<Described> described =
      entry ? describe(function.entry, *entry) : std::nullopt;
  if (!described) {
    return std::nullopt;
  }
  return Program{.common = *described->common,
                 .instructions = described->instructions,
                 .where = described->where};
}

std::optional<FrameSection::Entry> FrameSection::entry_at(uint64_t offset) {
  constexpr size_t kLengths = sizeof(uint32_t) + sizeof(uint64_t);
  Bytes head(bytes_.up_to(offset, kLengths));
  uint32_t narrow = 0;
  if (!head.read(narrow) || narrow == 0) {
    return std::nullopt;
  }
  Entry out{.offset = offset + sizeof(narrow), .end = 0, .wide = narrow == kWideLength};
  uint64_t length = narrow;
  if (out.wide) {
    if (!head.read(length)) {
      return std::nullopt;
    }
    out.offset += sizeof(length);
  }
  if (length == 0 || length > bytes_.size() - out.offset) {
    return std::nullopt;
  }
  out.end = out.offset + length;
  return out;
}

std::optional<uint64_t> FrameSection::id_of(const Entry& entry, Bytes& body) {
  uint64_t wide = 0;
  uint32_t narrow = 0;
  if (entry.wide && kind_ == Kind::kDebugFrame) {
    return body.read(wide) ? std::optional(wide) : std::nullopt;
  }
  return body.read(narrow) ? std::optional<uint64_t>(narrow) : std::nullopt;
}

bool FrameSection::is_common(const Entry& entry, uint64_t id) const {
  return kind_ == Kind::kEhFrame ? id == 0 : id == (entry.wide ? UINT64_MAX : UINT32_MAX);
}

std::optional<FrameSection::Described> FrameSection::describe(uint64_t offset, const Entry& entry) {
  const uint64_t size = entry.end - entry.offset;
  const auto head = bytes_.view(entry.offset, std::min<uint64_t>(size, sizeof(uint64_t)));
  Bytes start = head ? Bytes(*head) : Bytes();
  const std::optional<uint64_t> id = id_of(entry, start);
  if (size > kLongestEntry || !id || is_common(entry, *id)) {
    return std::nullopt;
  }
  // An offset that is back beyond the section's begin wraps around, and is not in it.
  const CfiCommon* common = common_at(kind_ == Kind::kEhFrame ? entry.offset - *id : *id);
  const auto view = common != nullptr ? bytes_.view(entry.offset, size) : std::nullopt;
  if (!view) {
    return std::nullopt;
  }
  Bytes body(*view);
  const uint64_t address = address_ + entry.offset;
  const auto here = [&] { return address + static_cast<uint64_t>(body.data() - view->data()); };
  id_of(entry, body);
  const auto begin = read_pointer(body, common->pointer_encoding, {.here = here()});
  const auto length = read_pointer(body, common->pointer_encoding & kPointerFormat, {});
  if (!begin || !length || *length == 0 || *begin > UINT64_MAX - *length) {
    return std::nullopt;
  }
  if (common->has_augmentation_data) {
    const std::optional<uint64_t> data = read_uleb(body);
    if (!data || !body.skip(*data)) {
      return std::nullopt;
    }
  }
  return Described{.function = {.begin = *begin, .end = *begin + *length, .entry = offset},
                   .common = common,
                   .instructions = body,
                   .where = here()};
}

// Null: it is unsound. Remembered, good or bad: what many entries name is parsed once.
const CfiCommon* FrameSection::common_at(uint64_t offset) {
  if (const auto known = commons_.find(offset); known != commons_.end()) {
    return known->second->sound ? known->second.get() : nullptr;
  }
  if (commons_.size() >= kMaxCommons || offset >= bytes_.size()) {
    return nullptr;
  }
  CfiCommon& out = *commons_.emplace(offset, std::make_unique<CfiCommon>()).first->second;
  const std::optional<Entry> entry = entry_at(offset);
  if (!entry || entry->end - entry->offset > kLongestCommon) {
    return nullptr;
  }
  const auto view = bytes_.view(entry->offset, entry->end - entry->offset);
  if (!view) {
    return nullptr;
  }
  Bytes body(*view);
  const std::optional<uint64_t> id = id_of(*entry, body);
  out.sound = id && is_common(*entry, *id) &&
              parse_common(body, view->data(), address_ + entry->offset, out);
  return out.sound ? &out : nullptr;
}

bool FrameSection::parse_common(Bytes body, const uint8_t* begin, uint64_t address,
                                CfiCommon& out) const {
  constexpr uint8_t kFirstVersion = 1;
  constexpr uint8_t kThirdVersion = 3;
  constexpr uint8_t kFourthVersion = 4;
  uint8_t version = 0;
  if (!body.read(version) ||
      (version != kFirstVersion && version != kThirdVersion && version != kFourthVersion)) {
    return false;
  }
  const std::optional<std::string_view> augmentation = take_text(body);
  uint8_t address_size = sizeof(uint64_t);
  uint8_t segment_size = 0;
  if (!augmentation ||
      (version == kFourthVersion && (!body.read(address_size) || !body.read(segment_size))) ||
      address_size != sizeof(uint64_t) || segment_size != 0) {
    return false;
  }
  const std::optional<uint64_t> code = read_uleb(body);
  const std::optional<int64_t> data = read_sleb(body);
  std::optional<uint64_t> reg;
  if (uint8_t narrow = 0; version == kFirstVersion) {
    reg = body.read(narrow) ? std::optional<uint64_t>(narrow) : std::nullopt;
  } else {
    reg = read_uleb(body);
  }
  if (!code || !data || !reg || *reg > UINT32_MAX) {
    return false;
  }
  out.code_alignment = *code;
  out.data_alignment = *data;
  out.return_register = static_cast<uint32_t>(*reg);
  if (augmentation->starts_with('z')) {
    const std::optional<uint64_t> size = read_uleb(body);
    const auto bytes = size ? body.take(*size) : std::nullopt;
    if (!bytes || !parse_augmentation(augmentation->substr(1), Bytes(as_bytes(*bytes)), begin,
                                      address, out)) {
      return false;
    }
    out.has_augmentation_data = true;
  } else if (!augmentation->empty()) {
    return false;
  }
  CfiCommon bare = out;
  CfiProgram initial(bare, registers_, body, address + static_cast<uint64_t>(body.data() - begin),
                     0);
  if (initial.next() != CfiProgram::Step::kEnd) {
    return false;
  }
  out.initial = initial.row().state;
  return true;
}

bool FrameSection::parse_augmentation(std::string_view letters, Bytes data, const uint8_t* begin,
                                      uint64_t address, CfiCommon& out) const {
  for (const char letter : letters) {
    uint8_t encoding = 0;
    switch (letter) {
      case 'S':
        out.signal_frame = true;
        break;
      case 'B':  // arm64: how return addresses are signed, and that memory is tagged
      case 'G':
        break;
      case 'R':
        if (!data.read(out.pointer_encoding)) {
          return false;
        }
        break;
      case 'L':
        if (!data.read(encoding)) {
          return false;
        }
        break;
      case 'P': {
        if (!data.read(encoding)) {
          return false;
        }
        const uint64_t here = address + static_cast<uint64_t>(data.data() - begin);
        // Only to get past it: what it points to does not matter.
        if (!read_pointer(data, encoding & kPointerDirect, {.here = here, .data = 0})) {
          return false;
        }
        break;
      }
      default:
        return false;
    }
  }
  return true;
}

}  // namespace sonde
