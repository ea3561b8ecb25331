// SPDX-License-Identifier: Apache-2.0
#include "userspace/kernel/tape_reader.h"

#include <fcntl.h>

#include <cerrno>
#include <cstring>

#include "userspace/base/crc32c.h"

namespace sonde {
namespace {

// Small enough to stay in a core's own cache between the kernel's copy and ours.
constexpr size_t kReadBytes = 256 * 1024;
// A whole frame and, behind it, room to read on.
constexpr size_t kBufferBytes = sizeof(TapeFrameHeader) + kTapeMaxPayload + kReadBytes;

template <size_t n>
std::string text_of(const std::array<char, n>& field) {
  return {field.data(), strnlen(field.data(), n)};
}

Result<> check_header(const TapeFileHeader& header) {
  if (header.magic != kTapeMagic) {
    return fail("this is no tape");
  }
  if (header.byte_order == __builtin_bswap32(kTapeByteOrder)) {
    return fail(
        "the tape was written on a machine of the other byte order: replay it on such a one");
  }
  // Versions before the check: another version may keep its check elsewhere.
  if (header.byte_order == kTapeByteOrder &&
      (header.version != kTapeVersion || header.record_version != SONDE_RECORD_VERSION)) {
    return fail("the tape has version " + std::to_string(header.version) + "." +
                std::to_string(header.record_version) + ", this program reads " +
                std::to_string(kTapeVersion) + "." + std::to_string(SONDE_RECORD_VERSION));
  }
  if (header.byte_order != kTapeByteOrder ||
      header.check !=
          crc32c({reinterpret_cast<const uint8_t*>(&header), offsetof(TapeFileHeader, check)})) {
    return fail("the tape's header is damaged");
  }
  return {};
}

bool known(TapeFrameKind kind) {
  return kind >= TapeFrameKind::kRecord && kind <= TapeFrameKind::kSample;
}

}  // namespace

Result<std::unique_ptr<TapeReader>> TapeReader::open(const std::string& path) {
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.ok()) {
    return fail_errno("open " + path, errno);
  }
  auto reader = read_from(std::move(file));
  if (!reader) {
    return with_context(path, reader.error());
  }
  return reader;
}

Result<std::unique_ptr<TapeReader>> TapeReader::read_from(Fd file) {
  std::unique_ptr<TapeReader> reader(new TapeReader(std::move(file)));
  if (Result<> header = reader->read_header(); !header) {
    return std::unexpected(header.error());
  }
  return reader;
}

TapeReader::TapeReader(Fd file) : file_(std::move(file)), buffer_(new uint8_t[kBufferBytes]) {}

Result<> TapeReader::read_header() {
  TapeFileHeader header{};
  if (!want(sizeof(header))) {
    return read_error_ != 0 ? fail_errno("read the tape", read_error_)
                            : fail("this is no tape: it is too short");
  }
  std::memcpy(&header, buffer_.get(), sizeof(header));
  begin_ = sizeof(header);
  if (Result<> sound = check_header(header); !sound) {
    return sound;
  }
  facts_ = {.monotonic_ns = header.monotonic_ns,
            .wall_ns = header.wall_ns,
            .kernel = text_of(header.kernel),
            .door = text_of(header.door),
            .raw = (header.flags & kTapeRaw) != 0};
  return {};
}

bool TapeReader::want(size_t n) {
  if (end_ - begin_ >= n) {
    return true;
  }
  std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  while (end_ < n) {
    const ssize_t got = ::read(file_.get(), buffer_.get() + end_, kReadBytes);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      read_error_ = got < 0 ? errno : 0;
      return false;
    }
    end_ += static_cast<size_t>(got);
    report_.bytes_read += static_cast<uint64_t>(got);
  }
  return true;
}

void TapeReader::cut_rest() {
  do {
    report_.bytes_cut += end_ - begin_;
    begin_ = end_;
  } while (want(1));
}

bool TapeReader::next(TapeFrame& out) {
  while (want(sizeof(TapeFrameHeader))) {
    TapeFrameHeader header;
    std::memcpy(&header, buffer_.get() + begin_, sizeof(header));
    const std::span<const uint8_t> checked(buffer_.get() + begin_,
                                           offsetof(TapeFrameHeader, header_check));
    if (header.header_check != crc32c(checked) || header.length > kTapeMaxPayload) {
      report_.frames_damaged++;
      break;
    }
    if (!want(sizeof(header) + tape_padded(header.length))) {
      break;
    }
    const std::span<const uint8_t> payload(buffer_.get() + begin_ + sizeof(header), header.length);
    begin_ += sizeof(header) + tape_padded(header.length);
    if (header.payload_check != crc32c(payload)) {
      report_.frames_damaged++;
      continue;
    }
    if (!known(header.kind)) {
      report_.frames_unknown++;
      continue;
    }
    report_.frames++;
    report_.ended = header.kind == TapeFrameKind::kEnd;
    out = {.kind = header.kind, .payload = payload};
    return true;
  }
  cut_rest();
  return false;
}

}  // namespace sonde
