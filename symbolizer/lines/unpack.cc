// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/lines/unpack.h"

#include <elf.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <vector>

#include "symbolizer/lines/write_all.h"

namespace sonde {
namespace {

constexpr uint32_t kZlib = 1;  // ELFCOMPRESS_ZLIB; glibc's elf.h has no name for the other one
constexpr uint32_t kZstd = 2;
constexpr size_t kRead = 64u << 10;
constexpr size_t kWritten = 256u << 10;

// What is left to read, what is left of the piece in hand, where the next bytes go.
class Transfer {
 public:
  Transfer(ByteSource source, uint64_t from, uint64_t size, int fd, uint64_t to, uint64_t whole)
      : source_(source),
        from_(from),
        left_(size),
        fd_(fd),
        to_(to),
        whole_(whole),
        in_(kRead),
        out_(kWritten) {}

  // Nothing: the end, or a file that was cut.
  std::span<uint8_t> next_piece() {
    const std::span<uint8_t> piece(in_.data(), std::min<uint64_t>(kRead, left_));
    if (!source_.read(from_, piece)) {
      return {};
    }
    from_ += piece.size();
    left_ -= piece.size();
    return piece;
  }

  std::vector<uint8_t>& room() { return out_; }

  // False: more than was said, or no space.
  bool put(size_t size) {
    if (size > whole_ - done_) {
      return false;
    }
    const std::string_view made(reinterpret_cast<const char*>(out_.data()), size);
    if (write_all(fd_, made, to_ + done_) != 0) {
      return false;
    }
    done_ += size;
    return true;
  }

  bool is_whole() const { return done_ == whole_; }

 private:
  const ByteSource source_;
  uint64_t from_;
  uint64_t left_;
  const int fd_;
  const uint64_t to_;
  const uint64_t whole_;
  uint64_t done_ = 0;
  std::vector<uint8_t> in_;
  std::vector<uint8_t> out_;
};

bool unpack_zlib(Transfer& transfer) {
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) {
    return false;
  }
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, inflateEnd);
  std::vector<uint8_t>& room = transfer.room();
  while (!transfer.is_whole()) {
    if (stream.avail_in == 0) {
      const std::span<uint8_t> piece = transfer.next_piece();
      stream.next_in = piece.data();
      stream.avail_in = static_cast<uInt>(piece.size());
    }
    stream.next_out = room.data();
    stream.avail_out = static_cast<uInt>(room.size());
    const int status = inflate(&stream, Z_NO_FLUSH);
    const size_t made = room.size() - stream.avail_out;
    if ((status != Z_OK && status != Z_STREAM_END) || !transfer.put(made)) {
      return false;
    }
    if (status == Z_STREAM_END) {
      break;
    }
  }
  return transfer.is_whole();
}

bool unpack_zstd(Transfer& transfer) {
  const std::unique_ptr<ZSTD_DStream, size_t (*)(ZSTD_DStream*)> stream(ZSTD_createDStream(),
                                                                        ZSTD_freeDStream);
  std::vector<uint8_t>& room = transfer.room();
  ZSTD_inBuffer in{};
  while (stream != nullptr && !transfer.is_whole()) {
    if (in.pos == in.size) {
      const std::span<uint8_t> piece = transfer.next_piece();
      in = {.src = piece.data(), .size = piece.size(), .pos = 0};
    }
    const bool no_more = in.size == 0;
    ZSTD_outBuffer out{.dst = room.data(), .size = room.size(), .pos = 0};
    if (ZSTD_isError(ZSTD_decompressStream(stream.get(), &out, &in)) != 0 ||
        (no_more && out.pos == 0) || !transfer.put(out.pos)) {
      return false;
    }
  }
  return transfer.is_whole();
}

}  // namespace

Result<uint64_t> unpack_section(ByteSource source, uint64_t offset, uint64_t size, int fd,
                                uint64_t at, uint64_t most) {
  Elf64_Chdr head{};
  if (size < sizeof(head) || !source.read(offset, head)) {
    return fail("a compressed section without a head");
  }
  if (head.ch_size > most) {
    return fail("a compressed section that is too large");
  }
  Transfer transfer(source, offset + sizeof(head), size - sizeof(head), fd, at, head.ch_size);
  const bool done = head.ch_type == kZlib   ? unpack_zlib(transfer)
                    : head.ch_type == kZstd ? unpack_zstd(transfer)
                                            : false;
  if (!done) {
    return fail("a section that cannot be unpacked");
  }
  return head.ch_size;
}

}  // namespace sonde
