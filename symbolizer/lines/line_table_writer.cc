// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/lines/line_table_writer.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <tuple>

#include "symbolizer/lines/mixed_hash.h"
#include "symbolizer/lines/write_all.h"
#include "userspace/base/crc32c.h"

namespace sonde {
namespace {

using line_format::Header;
using line_format::kChecked;
using line_format::kMaxName;
using line_format::kMaxNameBytes;
using line_format::kMaxNodes;
using line_format::kMaxPlaces;
using line_format::kMaxRows;
using line_format::Node;
using line_format::Place;

constexpr size_t kFlushed = 256u << 10;

template <typename T>
std::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

std::span<const uint8_t> octets(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace

size_t LineTableWriter::NameHash::operator()(std::string_view name) const {
  return std::hash<std::string_view>{}(name);
}

size_t LineTableWriter::NameHash::operator()(uint32_t at) const {
  return operator()(std::string_view(pool->data() + at));
}

bool LineTableWriter::NameEqual::operator()(uint32_t at, std::string_view name) const {
  return std::string_view(pool->data() + at) == name;
}

size_t LineTableWriter::PlaceHash::operator()(const Place& place) const {
  return MixedHash{}(uint64_t{place.file} << 32 | place.line);
}

bool LineTableWriter::PlaceEqual::operator()(uint32_t number, const Place& place) const {
  return (*places)[number].file == place.file && (*places)[number].line == place.line;
}

LineTableWriter::LineTableWriter(int fd, uint64_t base, size_t expected_rows)
    : fd_(fd),
      base_(base),
      known_names_(0, NameHash{&names_}, NameEqual{&names_}),
      known_places_(0, PlaceHash{&places_}, PlaceEqual{&places_}) {
  names_.push_back('\0');
  rows_.reserve(std::min(expected_rows, kMaxRows));
}

uint32_t LineTableWriter::name(std::string_view text) {
  text = text.substr(0, kMaxName);
  text = text.substr(0, text.find('\0'));
  if (text.empty()) {
    return 0;
  }
  if (const auto known = known_names_.find(text); known != known_names_.end()) {
    return *known;
  }
  if (names_.size() + text.size() + 1 > kMaxNameBytes) {
    ++written_.left_out;
    return 0;
  }
  const auto at = static_cast<uint32_t>(names_.size());
  names_.append(text).push_back('\0');
  known_names_.insert(at);
  return at;
}

uint32_t LineTableWriter::place(uint32_t file, uint32_t line) {
  const Place place{.file = file, .line = line};
  if (const auto known = known_places_.find(place); known != known_places_.end()) {
    return *known;
  }
  if (places_.size() == kMaxPlaces) {
    ++written_.left_out;
    return kNone;
  }
  const auto number = static_cast<uint32_t>(places_.size());
  places_.push_back(place);
  known_places_.insert(number);
  return number;
}

uint32_t LineTableWriter::node(uint32_t function, uint32_t parent, uint32_t called) {
  if (written_.nodes == kMaxNodes) {
    ++written_.left_out;
    return kNone;
  }
  put(bytes_of(Node{.function = function, .parent = parent, .called = called}));
  return static_cast<uint32_t>(written_.nodes++);
}

void LineTableWriter::row(uint64_t address, uint32_t node, uint32_t place) {
  if (address < base_ || address - base_ > UINT32_MAX || rows_.size() == kMaxRows) {
    ++written_.left_out;
    return;
  }
  rows_.push_back({static_cast<uint32_t>(address - base_), node, place});
}

// In order, one at each start, and none that says the same as the one before it.
void LineTableWriter::settle_rows() {
  std::ranges::sort(rows_, {}, [](const Row& row) {
    const bool says = row.node != kNone || row.place != kNone;
    return std::tuple(row.start, says, row.node + 1, row.place);  // kNone + 1 is 0
  });
  size_t kept = 0;
  for (size_t i = 0; i < rows_.size(); ++i) {
    const Row& row = rows_[i];
    const bool last_there = i + 1 == rows_.size() || rows_[i + 1].start != row.start;
    const bool as_before =
        kept == 0 ? row.node == kNone && row.place == kNone
                  : rows_[kept - 1].node == row.node && rows_[kept - 1].place == row.place;
    if (last_there && !as_before) {
      rows_[kept++] = row;
    }
  }
  rows_.resize(kept);
  written_.rows = kept;
}

void LineTableWriter::put(std::string_view bytes) {
  pending_ += bytes;
  if (pending_.size() >= kFlushed) {
    flush();
  }
}

void LineTableWriter::flush() {
  checksum_ = crc32c(octets(pending_), checksum_);
  if (write_error_ == 0) {
    write_error_ = write_all(fd_, pending_, at_);
  }
  at_ += pending_.size();
  pending_.clear();
}

void LineTableWriter::put_column(uint32_t Row::* column) {
  for (const Row& row : rows_) {
    put(bytes_of(row.*column));
  }
}

Result<LinesWritten> LineTableWriter::finish() {
  settle_rows();
  put_column(&Row::start);
  put_column(&Row::node);
  put_column(&Row::place);
  for (const Place& place : places_) {
    put(bytes_of(place));
  }
  put(names_);
  flush();
  Header header{.magic = line_format::kMagic,
                .version = line_format::kVersion,
                .checksum = 0,
                .base = base_,
                .nodes = static_cast<uint32_t>(written_.nodes),
                .rows = static_cast<uint32_t>(rows_.size()),
                .places = static_cast<uint32_t>(places_.size()),
                .names_size = static_cast<uint32_t>(names_.size())};
  header.checksum = crc32c(octets(bytes_of(header).substr(kChecked)), checksum_);
  if (write_error_ == 0) {
    write_error_ = write_all(fd_, bytes_of(header), 0);
  }
  if (write_error_ == 0 && ::ftruncate(fd_, static_cast<off_t>(at_)) != 0) {
    write_error_ = errno;
  }
  if (write_error_ != 0) {
    return fail_errno("writing a table of lines", write_error_);
  }
  written_.bytes = at_;
  return written_;
}

}  // namespace sonde
