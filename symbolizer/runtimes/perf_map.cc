// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/runtimes/perf_map.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <vector>

namespace sonde {
namespace {

constexpr size_t kChunk = size_t{256} * 1024;
constexpr size_t kRemembered = 64;

// A hexadecimal number, with or without 0x, and the blank behind it.
bool take_number(std::string_view& line, uint64_t& value) {
  if (line.starts_with("0x") || line.starts_with("0X")) {
    line.remove_prefix(2);
  }
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value, 16);
  if (error != std::errc() || end == line.data() + line.size() || *end != ' ') {
    return false;
  }
  line.remove_prefix(static_cast<size_t>(end - line.data()) + 1);
  return true;
}

}  // namespace

size_t read_perf_map(std::string_view text, CodeMap& code, uint64_t& malformed) {
  size_t done = 0;
  while (true) {
    const size_t end = text.find('\n', done);
    if (end == std::string_view::npos) {
      return done;
    }
    std::string_view line = text.substr(done, end - done);
    done = end + 1;
    if (line.ends_with('\r')) {
      line.remove_suffix(1);
    }
    uint64_t start = 0;
    uint64_t size = 0;
    if (line.size() > PerfMap::kMaxLine || !take_number(line, start) || !take_number(line, size) ||
        line.empty()) {
      ++malformed;
      continue;
    }
    code.define(start, size, line);
  }
}

Result<PerfMap> PerfMap::open(int proc) {
  const auto process = read_target_process(proc);
  if (!process) {
    return std::unexpected(process.error());
  }
  PerfMap map(Fd(::fcntl(proc, F_DUPFD_CLOEXEC, 0)),
              fmt::format("/tmp/perf-{}.map", process->own_pid));
  if (!map.proc_.ok()) {
    return fail_errno("dup", errno);
  }
  if (auto read = map.refresh(); !read) {
    return std::unexpected(read.error());
  }
  return map;
}

bool PerfMap::goes_on(int file, uint64_t inode, uint64_t size) const {
  if (inode != inode_ || size < position_) {
    return false;
  }
  std::string before(last_read_.size(), '\0');
  const auto at = static_cast<off_t>(position_ - last_read_.size());
  return ::pread(file, before.data(), before.size(), at) == static_cast<ssize_t>(before.size()) &&
         before == last_read_;
}

Result<> PerfMap::refresh() {
  const auto process = read_target_process(proc_.get());
  if (!process) {
    return std::unexpected(process.error());
  }
  const auto file = open_target_file(proc_.get(), *process, path_);
  if (!file) {
    return std::unexpected(file.error());
  }
  struct stat facts{};
  if (::fstat(file->get(), &facts) != 0) {
    return fail_errno(path_, errno);
  }
  if (!goes_on(file->get(), facts.st_ino, static_cast<uint64_t>(facts.st_size))) {
    code_.clear();
    inode_ = facts.st_ino;
    position_ = 0;
    last_read_.clear();
  }
  std::vector<char> buffer(kChunk);
  for (size_t total = 0; total < kMaxRefresh;) {
    const ssize_t n =
        ::pread(file->get(), buffer.data(), buffer.size(), static_cast<off_t>(position_));
    if (n < 0) {
      return fail_errno(path_, errno);
    }
    const std::string_view text(buffer.data(), static_cast<size_t>(n));
    size_t done = read_perf_map(text, code_, malformed_);
    if (done == 0 && text.size() == buffer.size()) {
      done = text.size();  // a line without an end: what follows it is no name
      ++malformed_;
    }
    if (done == 0) {
      break;
    }
    position_ += done;
    total += done;
    last_read_ = text.substr(done - std::min(done, kRemembered), std::min(done, kRemembered));
  }
  return {};
}

}  // namespace sonde
