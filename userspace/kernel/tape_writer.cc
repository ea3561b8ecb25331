// SPDX-License-Identifier: Apache-2.0
#include "userspace/kernel/tape_writer.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "userspace/base/crc32c.h"
#include "userspace/kernel/tape_fields.h"

namespace sonde {
namespace {

constexpr size_t kBufferBytes = size_t{1024} * 1024;
static_assert(kBufferBytes >= sizeof(TapeFrameHeader) + kTapeMaxPayload);
// Of the size cap, so much is kept for the end frame.
constexpr uint64_t kEndReserve = 1024;

template <size_t kSize>
void put_text(std::array<char, kSize>& field, std::string_view text) {
  std::ranges::copy(text.substr(0, kSize), field.begin());
}

// The length of a record without its padding; 0: it is none.
size_t true_length(std::span<const uint8_t> record) {
  sonde_record_header header;
  if (record.size() < sizeof(header)) {
    return 0;
  }
  std::memcpy(&header, record.data(), sizeof(header));
  if (header.size < sizeof(header) || header.size > record.size()) {
    return 0;
  }
  const auto with = [&](size_t fixed, uint64_t bytes) {
    return bytes <= header.size - fixed ? fixed + bytes : 0;
  };
  if (header.kind == SONDE_RECORD_DATA && header.size >= sizeof(sonde_data_record)) {
    sonde_data_record data;
    std::memcpy(&data, record.data(), sizeof(data));
    return with(sizeof(data), data.captured);
  }
  if (header.kind == SONDE_RECORD_OPEN && header.size >= sizeof(sonde_open_record)) {
    sonde_open_record open;
    std::memcpy(&open, record.data(), sizeof(open));
    return with(sizeof(open), open.name_bytes);
  }
  const bool whole = header.kind != SONDE_RECORD_DATA && header.kind != SONDE_RECORD_OPEN;
  return whole ? header.size : 0;
}

Result<Fd> open_new(const TapeOptions& options) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  Fd file(::open(options.path.c_str(), kFlags, S_IRUSR | S_IWUSR));
  if (!file.ok() && errno == EEXIST && options.overwrite) {
    // A new file rather than the old one emptied: neither its mode nor who holds it open is ours to
    // trust.
    if (::unlink(options.path.c_str()) != 0) {
      return fail_errno("replace " + options.path, errno);
    }
    file.reset(::open(options.path.c_str(), kFlags, S_IRUSR | S_IWUSR));
  }
  if (!file.ok()) {
    const int code = errno;
    return fail_errno((code == EEXIST ? "not overwritten: " : "create ") + options.path, code);
  }
  return file;
}

}  // namespace

Result<std::unique_ptr<TapeWriter>> TapeWriter::create(const TapeOptions& options,
                                                       const TapeFacts& facts,
                                                       RecordFilter* filter) {
  if (options.max_bytes != 0 && options.max_bytes < sizeof(TapeFileHeader) + kEndReserve) {
    return fail("a tape of at most " + std::to_string(options.max_bytes) + " bytes holds nothing");
  }
  Result<Fd> file = open_new(options);
  if (!file) {
    return std::unexpected(file.error());
  }
  auto writer = std::make_unique<TapeWriter>(std::move(*file), options.max_bytes, facts, filter);
  // A disk without room for the header is told now, not by the first record.
  writer->flush();
  if (writer->stopped()) {
    return with_context(options.path, writer->why_stopped());
  }
  return writer;
}

TapeWriter::TapeWriter(Fd file, uint64_t max_bytes, const TapeFacts& facts, RecordFilter* filter)
    : file_(std::move(file)),
      max_bytes_(max_bytes),
      filter_(filter),
      buffer_(new uint8_t[kBufferBytes]) {
  TapeFileHeader header{};
  header.magic = kTapeMagic;
  header.byte_order = kTapeByteOrder;
  header.version = kTapeVersion;
  header.record_version = SONDE_RECORD_VERSION;
  header.flags = filter == nullptr ? kTapeRaw : 0;
  header.monotonic_ns = facts.monotonic_ns;
  header.wall_ns = facts.wall_ns;
  put_text(header.kernel, facts.kernel);
  put_text(header.door, facts.door);
  header.check =
      crc32c({reinterpret_cast<const uint8_t*>(&header), offsetof(TapeFileHeader, check)});
  std::memcpy(buffer_.get(), &header, sizeof(header));
  filled_ = sizeof(header);
}

TapeWriter::~TapeWriter() = default;

bool TapeWriter::record(std::span<const uint8_t> record) {
  counters_.records_offered++;
  const size_t length = true_length(record);
  if (length == 0 || length > kTapeMaxPayload) {
    counters_.records_malformed++;
    return false;
  }
  uint8_t* const at = reserve(length);
  if (at == nullptr) {
    counters_.records_after_stop++;
    return false;
  }
  std::memcpy(at, record.data(), length);
  const auto size = static_cast<uint32_t>(length);
  std::memcpy(at + offsetof(sonde_record_header, size), &size, sizeof(size));
  if (filter_ != nullptr && !filter_->keep({at, length})) {
    // The clear text stands in the buffer beyond what is filled; it must not stay there.
    std::memset(at, 0, length);
    counters_.records_filtered++;
    return false;
  }
  commit(TapeFrameKind::kRecord, length);
  counters_.records_buffered++;
  return true;
}

bool TapeWriter::fields(TapeFrameKind kind, std::span<const uint8_t> fields) {
  uint8_t* const at = fields.size() > kTapeMaxPayload ? nullptr : reserve(fields.size());
  if (at == nullptr) {
    counters_.fields_refused++;
    return false;
  }
  std::ranges::copy(fields, at);
  commit(kind, fields.size());
  counters_.fields_written++;
  return true;
}

uint8_t* TapeWriter::reserve(size_t payload) {
  if (stopped_) {
    return nullptr;
  }
  const size_t frame = sizeof(TapeFrameHeader) + tape_padded(payload);
  if (max_bytes_ != 0 && counters_.bytes_written + filled_ + frame + kEndReserve > max_bytes_) {
    write_out();
    stop({.what = "the tape has reached its size cap", .code = 0});
    return nullptr;
  }
  if (filled_ + frame > kBufferBytes) {
    write_out();
    if (stopped_) {
      return nullptr;
    }
  }
  return buffer_.get() + filled_ + sizeof(TapeFrameHeader);
}

void TapeWriter::commit(TapeFrameKind kind, size_t payload) {
  uint8_t* const at = buffer_.get() + filled_;
  TapeFrameHeader header{};
  header.length = static_cast<uint32_t>(payload);
  header.kind = kind;
  header.payload_check = crc32c({at + sizeof(header), payload});
  header.header_check =
      crc32c({reinterpret_cast<const uint8_t*>(&header), offsetof(TapeFrameHeader, header_check)});
  std::memcpy(at, &header, sizeof(header));
  std::memset(at + sizeof(header) + payload, 0, tape_padded(payload) - payload);
  filled_ += sizeof(header) + tape_padded(payload);
}

void TapeWriter::write_out() {
  size_t done = 0;
  while (done < filled_) {
    const ssize_t n = ::write(file_.get(), buffer_.get() + done, filled_ - done);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n <= 0) {
      const int code = n < 0 ? errno : ENOSPC;
      // Back to the last whole frame: the file then holds what the counters say, and the end frame
      // may find room.
      const auto whole = static_cast<off_t>(counters_.bytes_written);
      if (::ftruncate(file_.get(), whole) == 0) {
        ::lseek(file_.get(), whole, SEEK_SET);
      }
      counters_.records_failed += std::exchange(counters_.records_buffered, 0);
      filled_ = 0;
      stop(fail_errno("write the tape", code).error());
      return;
    }
    done += static_cast<size_t>(n);
  }
  counters_.bytes_written += filled_;
  counters_.records_written += std::exchange(counters_.records_buffered, 0);
  filled_ = 0;
}

void TapeWriter::stop(Error why) {
  if (!std::exchange(stopped_, true)) {
    error_ = std::move(why);
  }
}

void TapeWriter::flush() {
  if (!stopped_) {
    write_out();
  }
}

Result<> TapeWriter::finish() {
  flush();
  // Also after a failure: freeing the torn frame may have made room enough, and a reader is glad to
  // know why it ends.
  if (counters_.bytes_written >= sizeof(TapeFileHeader)) {
    std::vector<uint8_t> end;
#define X(name, help) append_field(end, #name, counters_.name);
    SONDE_TAPE_COUNTERS(X)
#undef X
    append_field(end, "stopped_by", std::string_view(error_.what).substr(0, 128));
    std::ranges::copy(end, buffer_.get() + sizeof(TapeFrameHeader));
    commit(TapeFrameKind::kEnd, end.size());
    write_out();
  }
  file_.reset();
  const bool stopped = std::exchange(stopped_, true);
  return stopped || !error_.what.empty() ? Result<>(std::unexpected(error_)) : Result<>();
}

}  // namespace sonde
