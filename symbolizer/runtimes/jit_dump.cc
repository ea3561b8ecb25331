// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/runtimes/jit_dump.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <tuple>

namespace sonde {
namespace {

constexpr uint32_t kMagic = 0x4A695444;
constexpr uint32_t kVersion = 1;
constexpr size_t kHeaderSize = 40;
constexpr size_t kMaxHeader = 4096;
constexpr size_t kRecordHeader = 16;
constexpr size_t kMaxFileName = 1024;

// Numbers that are written to files and never change.
enum RecordKind : uint32_t {
  kCodeLoad = 0,
  kCodeMove = 1,
  kCodeDebugInfo = 2,
  kCodeClose = 3,
  kUnwindingInfo = 4,
};

// Up to a zero byte, moved past it.
std::optional<std::string_view> take_name(Bytes& in) {
  const size_t end = in.text().find('\0');
  if (end == std::string_view::npos) {
    return std::nullopt;
  }
  const auto name = in.take(end);
  in.skip(1);
  return name;
}

}  // namespace

Result<size_t> JitRecords::read_header(Bytes in) {
  struct {
    uint32_t magic, version, total_size, machine, pad, pid;
    uint64_t timestamp, flags;
  } header{};
  static_assert(sizeof(header) == kHeaderSize);
  if (!in.read(header)) {
    return size_t{0};
  }
  if (header.magic != kMagic) {
    return fail(header.magic == __builtin_bswap32(kMagic) ? "a jitdump of the other byte order"
                                                          : "no jitdump");
  }
  if (header.version != kVersion || header.total_size < kHeaderSize ||
      header.total_size > kMaxHeader) {
    return fail("a jitdump of version " + std::to_string(header.version) +
                ", this program reads 1");
  }
  header_read_ = true;
  return size_t{header.total_size};
}

Result<uint64_t> JitRecords::read(std::string_view bytes) {
  uint64_t done = 0;
  if (!header_read_) {
    const auto header = read_header(Bytes(bytes));
    if (!header) {
      return std::unexpected(header.error());
    }
    done = *header;
  }
  while (header_read_ && done <= bytes.size()) {
    Bytes in(bytes.substr(done));
    uint32_t kind = 0;
    uint32_t size = 0;
    uint64_t timestamp = 0;
    if (!in.read(kind) || !in.read(size) || !in.read(timestamp)) {
      break;
    }
    if (size < kRecordHeader) {
      ++counts_.malformed;  // the next record could be anywhere
      return fail("a jitdump with a record of no size");
    }
    const size_t body = size - kRecordHeader;
    if (size > kMaxRecord) {
      ++counts_.refused;
    } else if (const auto text = in.take(body)) {
      read_record(kind, Bytes(*text));
    } else {
      break;
    }
    done += size;
  }
  return done;
}

void JitRecords::read_record(uint32_t kind, Bytes body) {
  bool good = true;
  switch (kind) {
    case kCodeLoad:
      good = load(body);
      break;
    case kCodeMove:
      good = move(body);
      break;
    case kCodeDebugInfo:
      good = lines(body);
      break;
    case kCodeClose:
      counts_.closed = true;
      break;
    case kUnwindingInfo:
      ++counts_.unwinding;
      break;
    default:
      ++counts_.unknown;
  }
  counts_.malformed += good ? 0 : 1;
}

bool JitRecords::load(Bytes body) {
  struct {
    uint32_t pid, tid;
    uint64_t vma, address, size, index;
  } record{};
  if (!body.read(record)) {
    return false;
  }
  const auto name = take_name(body);
  if (!name) {
    return false;
  }
  if (code_.define(record.address, record.size, *name)) {
    ++counts_.loaded;
  } else {
    ++counts_.refused;
  }
  return true;
}

bool JitRecords::move(Bytes body) {
  struct {
    uint32_t pid, tid;
    uint64_t vma, from, to, size, index;
  } record{};
  if (!body.read(record) || !code_.move(record.from, record.to)) {
    return false;
  }
  ++counts_.moved;
  if (auto moved = lines_.extract(record.from)) {
    for (Position& position : moved.mapped()) {
      position.address += record.to - record.from;
    }
    moved.key() = record.to;
    if (const auto old = lines_.find(record.to); old != lines_.end()) {
      line_count_ -= old->second.size();
      lines_.erase(old);
    }
    lines_.insert(std::move(moved));
  }
  return true;
}

std::optional<uint32_t> JitRecords::file_index(std::string_view name) {
  name = name.substr(0, kMaxFileName);
  if (const auto found = file_numbers_.find(name); found != file_numbers_.end()) {
    return found->second;
  }
  if (files_.size() >= kMaxFiles) {
    return std::nullopt;
  }
  const auto number = static_cast<uint32_t>(files_.size());
  const auto [at, inserted] = file_numbers_.emplace(name, number);
  files_.push_back(at->first);
  return number;
}

// They come before the load of the code that they are about.
bool JitRecords::lines(Bytes body) {
  constexpr std::string_view kSameFile = "\xff";
  uint64_t start = 0;
  uint64_t count = 0;
  if (!body.read(start) || !body.read(count)) {
    return false;
  }
  std::vector<Position> positions;
  std::optional<uint32_t> file;
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t address = 0;
    uint32_t line = 0;
    uint32_t discriminator = 0;
    if (!body.read(address) || !body.read(line) || !body.read(discriminator)) {
      return false;
    }
    const auto name = take_name(body);
    if (!name) {
      return false;
    }
    if (*name != kSameFile) {
      file = file_index(*name);
    }
    if (!file || line_count_ + positions.size() >= kMaxLines) {
      ++counts_.refused;
      return true;
    }
    positions.push_back({address, *file, line});
  }
  if (positions.empty()) {
    return true;
  }
  std::ranges::sort(positions, {},
                    [](const Position& p) { return std::tuple(p.address, p.line, p.file); });
  std::vector<Position>& place = lines_[start];
  line_count_ += positions.size();
  line_count_ -= place.size();
  place = std::move(positions);
  ++counts_.with_lines;
  return true;
}

std::optional<JitRecords::Line> JitRecords::line_at(uint64_t address) const {
  const auto code = code_.find(address);
  const auto of_code = code ? lines_.find(code->start) : lines_.end();
  if (of_code == lines_.end()) {
    return std::nullopt;
  }
  const auto after = std::ranges::upper_bound(of_code->second, address, {}, &Position::address);
  if (after == of_code->second.begin()) {
    return std::nullopt;
  }
  const Position& position = *std::prev(after);
  return Line{files_[position.file], position.line};
}

Result<JitDump> JitDump::open(int proc, std::string_view path) {
  const auto process = read_target_process(proc);
  if (!process) {
    return std::unexpected(process.error());
  }
  auto file = open_target_file(proc, *process, path);
  if (!file) {
    return std::unexpected(file.error());
  }
  JitDump dump(std::move(*file));
  if (auto read = dump.refresh(); !read) {
    return with_context(std::string(path), read.error());
  }
  return dump;
}

Result<> JitDump::refresh() {
  constexpr size_t kFirstBuffer = size_t{256} * 1024;
  std::string buffer(kFirstBuffer, '\0');
  for (uint64_t total = 0; total < kMaxRefresh;) {
    const ssize_t n =
        ::pread(file_.get(), buffer.data(), buffer.size(), static_cast<off_t>(position_));
    if (n <= 0) {
      return n == 0 ? Result<>{} : fail_errno("read", errno);
    }
    const auto done = records_.read({buffer.data(), static_cast<size_t>(n)});
    if (!done) {
      return std::unexpected(done.error());
    }
    if (*done == 0) {
      if (static_cast<size_t>(n) < buffer.size() || buffer.size() >= JitRecords::kMaxRecord) {
        return {};  // the rest of a record is not written yet
      }
      buffer.resize(JitRecords::kMaxRecord);
    }
    position_ += *done;
    total += *done;
  }
  return {};
}

}  // namespace sonde
