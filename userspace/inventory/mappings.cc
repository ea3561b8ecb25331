// SPDX-License-Identifier: Apache-2.0
#include "userspace/inventory/mappings.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include "userspace/base/fd.h"

namespace sonde {
namespace {

constexpr size_t kMaxLine = kMaxMappingPath * 4 + 256;  // every byte of a path may be escaped

// Takes a number off the text, and the one byte behind it.
template <typename Number>
bool take(std::string_view& text, Number& number, int base, char behind) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc() || end == text.data() + text.size() || *end != behind) {
    return false;
  }
  text.remove_prefix(static_cast<size_t>(end - text.data()) + 1);
  return true;
}

// The kernel writes a newline in a path as \012, and nothing else so.
std::string unescaped(std::string_view path) {
  constexpr std::string_view kNewline = "\\012";
  std::string out;
  while (!path.empty()) {
    const size_t at = path.find(kNewline);
    out += path.substr(0, at);
    if (at == std::string_view::npos) {
      break;
    }
    out += '\n';
    path.remove_prefix(at + kNewline.size());
  }
  return out;
}

std::string path_of(std::string_view text) {
  constexpr std::string_view kDeleted = " (deleted)";
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  if (text.ends_with(kDeleted)) {
    text.remove_suffix(kDeleted.size());
  }
  return unescaped(text.substr(0, kMaxMappingPath));
}

}  // namespace

// "55d0c8a00000-55d0c8a25000 r-xp 00002000 fe:01 1234    /usr/bin/cat"
std::optional<Mapping> parse_mapping(std::string_view line) {
  constexpr size_t kRights = 5;  // "r-xp "
  Mapping out;
  uint32_t major = 0;
  uint32_t minor = 0;
  if (!take(line, out.start, 16, '-') || !take(line, out.end, 16, ' ') || out.end <= out.start ||
      line.size() < kRights || line[2] != 'x' || line[kRights - 1] != ' ') {
    return std::nullopt;
  }
  line.remove_prefix(kRights);
  if (!take(line, out.offset, 16, ' ') || !take(line, major, 16, ':') ||
      !take(line, minor, 16, ' ')) {
    return std::nullopt;
  }
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), out.file.inode);
  if (error != std::errc()) {
    return std::nullopt;
  }
  line.remove_prefix(static_cast<size_t>(end - line.data()));
  out.file.device = makedev(major, minor);
  out.path = path_of(line);
  return out;
}

Mappings::Mappings(std::vector<Mapping> mappings) : mappings_(std::move(mappings)) {
  std::ranges::sort(mappings_, {},
                    [](const Mapping& each) { return std::pair(each.start, each.end); });
  uint64_t end = 0;
  std::erase_if(mappings_, [&](const Mapping& each) {
    const bool overlaps = each.start < end;
    end = overlaps ? end : each.end;
    return overlaps;
  });
}

const Mapping* Mappings::find(uint64_t address) const {
  const auto after = std::ranges::upper_bound(mappings_, address, {}, &Mapping::start);
  if (after == mappings_.begin()) {
    return nullptr;
  }
  const Mapping& found = *std::prev(after);
  return address < found.end ? &found : nullptr;
}

void MappingReader::line(std::string_view text) {
  if (mappings_.size() >= kMaxMappings) {
    return;
  }
  if (auto mapping = parse_mapping(text)) {
    mappings_.push_back(*std::move(mapping));
  }
}

void MappingReader::add(std::string_view piece) {
  while (!piece.empty()) {
    const size_t end = piece.find('\n');
    const std::string_view part = piece.substr(0, end);
    too_long_ = too_long_ || half_.size() + part.size() > kMaxLine;
    if (too_long_) {
      half_.clear();
    } else if (end == std::string_view::npos || !half_.empty()) {
      half_ += part;
    }
    if (end == std::string_view::npos) {
      return;
    }
    if (!too_long_) {
      line(half_.empty() ? part : std::string_view(half_));
    }
    half_.clear();
    too_long_ = false;
    piece.remove_prefix(end + 1);
  }
}

Mappings MappingReader::finish() {
  line(half_);
  half_.clear();
  return Mappings(std::move(mappings_));
}

Result<Mappings> read_mappings(Pid pid, const std::string& proc) {
  const std::string path = fmt::format("{}/{}/maps", proc, static_cast<uint32_t>(pid));
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.ok()) {
    return fail_errno(path, errno);
  }
  MappingReader reader;
  std::array<char, size_t{16} * 1024> room;
  for (size_t used = 0; used < kMaxMapsBytes;) {
    const ssize_t n = ::read(file.get(), room.data(), room.size());
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      return fail_errno(path, errno);
    }
    if (n == 0) {
      break;
    }
    reader.add({room.data(), static_cast<size_t>(n)});
    used += static_cast<size_t>(n);
  }
  return reader.finish();
}

}  // namespace sonde
