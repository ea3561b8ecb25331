// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/symbols/debug_link.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>

#include "symbolizer/symbols/elf_sections.h"
#include "userspace/base/bytes.h"

namespace sonde {
namespace {

constexpr size_t kMaxLink = 512;
constexpr uint64_t kMaxChecked = uint64_t{2}
                                 << 30;  // a larger file is not read through for a check

std::optional<uint32_t> check_of(ByteSource file) {
  constexpr size_t kChunk = size_t{256} * 1024;
  if (file.size() > kMaxChecked) {
    return std::nullopt;
  }
  uint32_t check = 0;
  std::vector<uint8_t> chunk(kChunk);
  for (uint64_t at = 0; at < file.size(); at += chunk.size()) {
    chunk.resize(std::min<uint64_t>(kChunk, file.size() - at));
    if (!file.read(at, std::span<uint8_t>(chunk))) {
      return std::nullopt;
    }
    check = static_cast<uint32_t>(::crc32(check, chunk.data(), static_cast<uInt>(chunk.size())));
  }
  return check;
}

}  // namespace

std::optional<DebugLink> parse_debug_link(std::span<const uint8_t> section) {
  constexpr size_t kAlign = 4;
  Bytes in(section);
  DebugLink link;
  const size_t length = in.text().find('\0');
  if (length == std::string_view::npos) {
    return std::nullopt;
  }
  link.name = in.text().substr(0, length);
  if (link.name.empty() || link.name == "." || link.name == ".." || link.name.contains('/') ||
      !in.skip((length + 1 + kAlign - 1) / kAlign * kAlign) || !in.read(link.check)) {
    return std::nullopt;
  }
  return link;
}

std::optional<DebugLink> read_debug_link(ByteSource file) {
  const ElfSections sections = ElfSections::read(file);
  const NamedSection* section = sections.by_name(".gnu_debuglink");
  return section != nullptr ? parse_debug_link(section_bytes(file, *section, kMaxLink))
                            : std::nullopt;
}

std::vector<std::string> debug_file_paths(std::string_view path, std::string_view build_id,
                                          const std::optional<DebugLink>& link) {
  constexpr std::string_view kDebug = "/usr/lib/debug";
  constexpr size_t kFolderDigits = 2;
  std::vector<std::string> out;
  if (build_id.size() > kFolderDigits) {
    out.push_back(fmt::format("{}/.build-id/{}/{}.debug", kDebug, build_id.substr(0, kFolderDigits),
                              build_id.substr(kFolderDigits)));
  }
  if (link && path.starts_with('/')) {
    const std::string_view folder = path.substr(0, path.rfind('/'));
    out.push_back(fmt::format("{}/{}", folder, link->name));
    out.push_back(fmt::format("{}/.debug/{}", folder, link->name));
    out.push_back(fmt::format("{}{}/{}", kDebug, folder, link->name));
  }
  return out;
}

bool is_debug_file_of(const ElfFile& file, const std::optional<DebugLink>& link, ByteSource debug) {
  const auto other = ElfFile::open(debug);
  if (!other || other->machine() != file.machine()) {
    return false;
  }
  if (!file.build_id().empty()) {
    return other->build_id() == file.build_id();
  }
  return link && check_of(debug) == link->check;
}

}  // namespace sonde
