// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/symbols/symbol_table.h"

#include <algorithm>
#include <cstring>
#include <tuple>

#include "userspace/base/bytes.h"
#include "userspace/base/crc32c.h"

namespace sonde {
namespace {

constexpr uint64_t kMagic = 0x6d797365646e6f73;  // "sondesym"
constexpr uint32_t kVersion = 3;                 // also moves when other names are chosen

struct Header {
  uint64_t magic;
  uint32_t version;
  uint32_t checksum;  // of what follows the header
  uint32_t count;
  uint32_t names_size;
};
static_assert(sizeof(Header) == 24);

template <typename T>
void append(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

uint32_t number_at(std::string_view numbers, size_t i) {
  uint32_t value = 0;
  std::memcpy(&value, numbers.data() + i * sizeof(value), sizeof(value));
  return value;
}

uint32_t checksum_of(std::string_view bytes) {
  return crc32c({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
}

// Names that libraries keep for themselves begin with more of them: malloc is __libc_malloc, too.
size_t underscores(std::string_view name) {
  return std::min(name.find_first_not_of('_'), name.size());
}

}  // namespace

std::string SymbolTable::encode(std::vector<FunctionSymbol> symbols) {
  std::erase_if(symbols, [](const FunctionSymbol& s) {
    return s.start >= UINT32_MAX || s.name.empty() || s.name.contains('\0');
  });
  std::ranges::sort(symbols, {}, [](const FunctionSymbol& s) {
    return std::tuple(s.start, s.rank, underscores(s.name), std::string_view(s.name));
  });
  const auto others = std::ranges::unique(symbols, {}, &FunctionSymbol::start);
  symbols.erase(others.begin(), others.end());
  symbols.resize(std::min(symbols.size(), kMaxSymbols));

  std::string starts;
  std::string ends;
  std::string places;
  std::string names;
  for (size_t i = 0; i < symbols.size(); ++i) {
    const FunctionSymbol& symbol = symbols[i];
    const std::string_view name = std::string_view(symbol.name).substr(0, kMaxName);
    if (names.size() + name.size() + 1 > kMaxNameBytes) {
      break;
    }
    uint64_t end = i + 1 < symbols.size() ? symbols[i + 1].start : UINT32_MAX;
    if (symbol.size != 0) {
      end = std::min(end, symbol.start + std::min<uint64_t>(symbol.size, UINT32_MAX));
    }
    append(starts, static_cast<uint32_t>(symbol.start));
    append(ends, static_cast<uint32_t>(end));
    append(places, static_cast<uint32_t>(names.size()));
    names.append(name).push_back('\0');
  }
  const std::string body = starts + ends + places + names;
  std::string out;
  append(out, Header{.magic = kMagic,
                     .version = kVersion,
                     .checksum = checksum_of(body),
                     .count = static_cast<uint32_t>(starts.size() / sizeof(uint32_t)),
                     .names_size = static_cast<uint32_t>(names.size())});
  return out + body;
}

Result<SymbolTable> SymbolTable::over(std::string_view bytes) {
  Bytes in(bytes);
  Header header{};
  if (!in.read(header) || header.magic != kMagic) {
    return fail("no table of symbols");
  }
  if (header.version != kVersion) {
    return fail("a table of symbols of another version");
  }
  const std::string_view body = in.text();
  const size_t column = size_t{header.count} * sizeof(uint32_t);
  if (header.count > kMaxSymbols || header.names_size > kMaxNameBytes ||
      body.size() != 3 * column + header.names_size || checksum_of(body) != header.checksum) {
    return fail("a damaged table of symbols");
  }
  SymbolTable table;
  table.starts_ = body.substr(0, column);
  table.ends_ = body.substr(column, column);
  table.places_ = body.substr(2 * column, column);
  table.names_ = body.substr(3 * column);
  // The checksum is no secret: what find() relies on is looked at.
  if (!table.names_.empty() && table.names_.back() != '\0') {
    return fail("a damaged table of symbols");
  }
  for (size_t i = 0; i < header.count; ++i) {
    const bool rises = i == 0 || table.start(i - 1) < table.start(i);
    if (!rises || number_at(table.places_, i) >= header.names_size) {
      return fail("a damaged table of symbols");
    }
  }
  return table;
}

uint32_t SymbolTable::start(size_t i) const { return number_at(starts_, i); }

std::optional<SymbolTable::Found> SymbolTable::find(uint64_t file_offset) const {
  size_t low = 0;
  size_t high = size();
  while (low < high) {  // the first that starts behind it
    const size_t middle = low + (high - low) / 2;
    if (start(middle) <= file_offset) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0 || file_offset >= number_at(ends_, low - 1)) {
    return std::nullopt;
  }
  const std::string_view name = names_.substr(number_at(places_, low - 1));
  return Found{name.substr(0, name.find('\0')), file_offset - start(low - 1)};
}

}  // namespace sonde
