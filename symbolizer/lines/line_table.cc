// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/lines/line_table.h"

#include <cstring>

#include "userspace/base/bytes.h"
#include "userspace/base/crc32c.h"

namespace sonde {
namespace {

using line_format::Header;
using line_format::kChecked;
using line_format::kMaxNameBytes;
using line_format::kMaxNodes;
using line_format::kMaxPlaces;
using line_format::kMaxRows;
using line_format::kNone;
using line_format::Node;
using line_format::Place;

template <typename T>
T at(std::string_view column, size_t i) {
  T value{};
  std::memcpy(&value, column.data() + i * sizeof(value), sizeof(value));
  return value;
}

uint32_t number_at(std::string_view column, size_t i) { return at<uint32_t>(column, i); }

std::span<const uint8_t> octets(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

bool is_below_or_none(uint32_t index, size_t count) { return index == kNone || index < count; }

std::unexpected<Error> damaged() { return fail("a damaged table of lines"); }

}  // namespace

Result<LineTable> LineTable::over(std::string_view bytes) {
  Bytes in(bytes);
  Header header{};
  if (!in.read(header) || header.magic != line_format::kMagic) {
    return fail("no table of lines");
  }
  if (header.version != line_format::kVersion) {
    return fail("a table of lines of another version");
  }
  const size_t nodes = size_t{header.nodes} * sizeof(Node);
  const size_t column = size_t{header.rows} * sizeof(uint32_t);
  const size_t places = size_t{header.places} * sizeof(Place);
  const std::string_view rest = bytes.substr(kChecked, sizeof(Header) - kChecked);
  if (header.nodes > kMaxNodes || header.rows > kMaxRows || header.places > kMaxPlaces ||
      header.names_size > kMaxNameBytes ||
      in.left() != nodes + 3 * column + places + header.names_size ||
      crc32c(octets(rest), crc32c(octets(in.text()))) != header.checksum) {
    return damaged();
  }
  std::string_view body = in.text();
  const auto take = [&body](size_t size) {
    const std::string_view out = body.substr(0, size);
    body.remove_prefix(size);
    return out;
  };
  LineTable table;
  table.base_ = header.base;
  table.rows_ = header.rows;
  table.nodes_ = take(nodes);
  table.starts_ = take(column);
  table.row_nodes_ = take(column);
  table.row_places_ = take(column);
  table.places_ = take(places);
  table.names_ = body;
  if (const auto checked = table.check(); !checked) {
    return std::unexpected(checked.error());
  }
  return table;
}

// The checksum is no secret: what find() relies on is looked at.
Result<> LineTable::check() const {
  const size_t node_count = nodes();
  const size_t place_count = places_.size() / sizeof(Place);
  if (!names_.empty() && names_.back() != '\0') {
    return damaged();
  }
  for (size_t i = 0; i < node_count; ++i) {
    const auto node = at<Node>(nodes_, i);
    if (node.function >= names_.size() || !is_below_or_none(node.parent, i) ||
        !is_below_or_none(node.called, place_count)) {
      return damaged();
    }
  }
  for (size_t i = 0; i < rows_; ++i) {
    const bool rises = i == 0 || number_at(starts_, i - 1) < number_at(starts_, i);
    if (!rises || !is_below_or_none(number_at(row_nodes_, i), node_count) ||
        !is_below_or_none(number_at(row_places_, i), place_count)) {
      return damaged();
    }
  }
  for (size_t i = 0; i < place_count; ++i) {
    if (at<Place>(places_, i).file >= names_.size()) {
      return damaged();
    }
  }
  return {};
}

std::string_view LineTable::name(uint32_t at) const {
  const char* const text = names_.data() + at;
  return {text, std::strlen(text)};  // the last byte is zero
}

// The last row that starts at or before it; kNone: there is none.
uint32_t LineTable::row_at(uint64_t address) const {
  if (address < base_ || address - base_ > UINT32_MAX) {
    return kNone;
  }
  const auto wanted = static_cast<uint32_t>(address - base_);
  size_t low = 0;
  size_t left = rows_;
  while (left != 0) {  // the first that starts behind it; the compiler makes moves of the choice
    const size_t half = left / 2;
    const bool behind = number_at(starts_, low + half) > wanted;
    low = behind ? low : low + half + 1;
    left = behind ? half : left - half - 1;
  }
  return low == 0 ? kNone : static_cast<uint32_t>(low - 1);
}

void LineTable::find(uint64_t address, std::vector<LineFrame>& out) const {
  out.clear();
  const uint32_t row = row_at(address);
  if (row == kNone) {
    return;
  }
  uint32_t place = number_at(row_places_, row);
  uint32_t node = number_at(row_nodes_, row);
  if (place == kNone && node == kNone) {
    return;
  }
  do {
    LineFrame& frame = out.emplace_back();
    if (place != kNone) {
      const auto here = at<Place>(places_, place);
      frame.file = name(here.file);
      frame.line = here.line;
    }
    if (node == kNone) {
      return;
    }
    const auto function = at<Node>(nodes_, node);
    frame.function = name(function.function);
    node = function.parent;
    place = function.called;
  } while (node != kNone && out.size() < kMaxFrames);
}

}  // namespace sonde
