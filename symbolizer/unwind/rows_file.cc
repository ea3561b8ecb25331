// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/unwind/rows_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>

#include "userspace/base/crc32c.h"
#include "userspace/base/fd.h"

namespace sonde {
namespace {

template <typename T>
std::span<const uint8_t> bytes_of(std::span<const T> values) {
  return {reinterpret_cast<const uint8_t*>(values.data()), values.size_bytes()};
}

// A file that is not there yet: it gets its name last, or never.
class Draft {
 public:
  explicit Draft(const std::string& path) : path_(path), draft_(path + ".XXXXXX") {
    file_.reset(::mkostemp(draft_.data(), O_CLOEXEC));
  }
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;
  ~Draft() {
    if (file_.ok()) {
      ::unlink(draft_.c_str());
    }
  }

  bool ok() const { return file_.ok(); }

  bool write(uint64_t offset, std::span<const uint8_t> bytes) {
    while (!bytes.empty()) {
      const ssize_t done =
          ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (done < 0 && errno == EINTR) {
        continue;
      }
      if (done <= 0) {
        return false;
      }
      bytes = bytes.subspan(static_cast<size_t>(done));
      offset += static_cast<size_t>(done);
    }
    return true;
  }

  bool publish() {
    if (::rename(draft_.c_str(), path_.c_str()) != 0) {
      return false;
    }
    file_.reset();
    return true;
  }

 private:
  std::string path_;
  std::string draft_;
  Fd file_;
};

// Where a rows file comes to be; false: it could not be written.
using WriteAt = std::function<bool(uint64_t offset, std::span<const uint8_t> bytes)>;

// What stands behind the header, in order, and its check.
class Content {
 public:
  explicit Content(const WriteAt& write) : write_(write) {}

  bool append(std::span<const uint8_t> bytes) {
    check_ = crc32c(bytes, check_);
    const bool written = write_(at_, bytes);
    at_ += bytes.size();
    return written;
  }

  uint32_t check() const { return check_; }

 private:
  const WriteAt& write_;
  uint64_t at_ = sizeof(RowsFileHeader);
  uint32_t check_ = 0;
};

RowsFileHeader header_of(const PageRows& rows, std::string_view identity, uint32_t content_check) {
  RowsFileHeader header{.magic = kRowsMagic,
                        .byte_order = kRowsByteOrder,
                        .version = kRowsVersion,
                        .identity = {},
                        .rows = rows.rows(),
                        .pages = static_cast<uint32_t>(rows.pages().size()),
                        .rules = static_cast<uint32_t>(rows.rules().rules().size()),
                        .content_check = content_check,
                        .reserved = 0,
                        .check = 0};
  std::ranges::copy(identity, header.identity.begin());
  header.check = crc32c(
      bytes_of(std::span<const RowsFileHeader>(&header, 1)).first(offsetof(RowsFileHeader, check)));
  return header;
}

using MakeRows = std::function<UnwindCounts(const RowSink&)>;

Result<RowsWritten> write_rows(std::string_view identity, const MakeRows& make_rows,
                               const WriteAt& write) {
  if (identity.size() > kMaxIdentity) {
    return fail("too long an identity for unwinding rows");
  }
  Content content(write);
  PageRows rows([&](std::span<const sonde_row> some) { return content.append(bytes_of(some)); });
  RowsWritten out;
  out.counts =
      make_rows([&](uint64_t address, const sonde_rule& rule) { rows.add(address, rule); });
  if (!rows.finish() || !content.append(bytes_of(std::span<const RowPage>(rows.pages()))) ||
      !content.append(bytes_of(rows.rules().rules()))) {
    return fail_errno("unwinding rows", errno);
  }
  const RowsFileHeader header = header_of(rows, identity, content.check());
  if (!write(0, bytes_of(std::span<const RowsFileHeader>(&header, 1)))) {
    return fail_errno("unwinding rows", errno);
  }
  out.rules_refused = rows.rules().refused();
  out.cut = rows.cut();
  return out;
}

}  // namespace

std::string rows_identity(const ElfFile& file, const struct stat& status) {
  // Anybody can write any build-id into a file, but not into one of another user.
  constexpr size_t kBesides = 32;
  if (const std::string& id = file.build_id(); !id.empty() && id.size() + kBesides < kMaxIdentity) {
    return fmt::format("{}-{:x}-{:x}", id, status.st_uid, status.st_size);
  }
  return fmt::format("f-{:x}-{:x}-{:x}-{:x}-{:x}", status.st_dev, status.st_ino, status.st_size,
                     status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
}

Result<RowsWritten> RowsFile::write(const ElfFile& file, std::string_view identity,
                                    const std::string& path, RowMaker make_rows) {
  Draft draft(path);
  if (!draft.ok()) {
    return fail_errno("create " + path, errno);
  }
  const auto written = write_rows(
      identity, [&](const RowSink& sink) { return make_rows(file, sink); },
      [&](uint64_t offset, auto bytes) { return draft.write(offset, bytes); });
  if (!written) {
    return with_context("write " + path, written.error());
  }
  return draft.publish() ? written : fail_errno("write " + path, errno);
}

Result<RowsFile> RowsFile::make(const ElfFile& file, std::string_view identity, size_t most,
                                RowMaker make_rows) {
  return make(identity, most, [&](const RowSink& sink) { return make_rows(file, sink); });
}

Result<RowsFile> RowsFile::make(std::string_view identity, size_t most, const MakeRows& make_rows) {
  std::vector<uint8_t> bytes;
  const auto written = write_rows(identity, make_rows, [&](uint64_t offset, auto some) {
    if (offset > most || some.size() > most - offset) {
      errno = ENOMEM;
      return false;
    }
    bytes.resize(std::max<size_t>(bytes.size(), offset + some.size()));
    std::ranges::copy(some, bytes.begin() + static_cast<ptrdiff_t>(offset));
    return true;
  });
  if (!written) {
    return std::unexpected(written.error());
  }
  const auto view = RowsView::open(bytes, identity);
  if (!view) {
    return std::unexpected(view.error());
  }
  RowsFile out(std::unique_ptr<void, Unmap>(nullptr, Unmap{.size = 0}), *view);
  out.own_ = std::move(bytes);  // stays where it is
  return out;
}

Result<RowsFile> RowsFile::open(const std::string& path, std::string_view identity) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat status{};
  if (!file.ok() || ::fstat(file.get(), &status) != 0) {
    return fail_errno("open " + path, errno);
  }
  const auto size = static_cast<uint64_t>(status.st_size);
  if (!S_ISREG(status.st_mode) || size < sizeof(RowsFileHeader) ||
      size > rows_file_size(kMaxPagedRows, kMaxPages, kMaxFileRules)) {
    return fail(path + ": no unwinding rows");
  }
  void* memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (memory == MAP_FAILED) {
    return fail_errno("map " + path, errno);
  }
  std::unique_ptr<void, Unmap> owned(memory, Unmap{.size = size});
  const auto view = RowsView::open({static_cast<const uint8_t*>(memory), size}, identity);
  if (!view) {
    return with_context(path, view.error());
  }
  return RowsFile(std::move(owned), *view);
}

void RowsFile::Unmap::operator()(void* memory) const { ::munmap(memory, size); }

}  // namespace sonde
