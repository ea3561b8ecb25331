// SPDX-License-Identifier: Apache-2.0
// TapeReader: the frames of a tape, one by one, in a bounded buffer. A tape is hostile input and
// may be cut anywhere: a frame whose payload is damaged is passed over and counted; a damaged frame
// header ends the tape, since the length in it cannot be trusted; what is not read is counted in
// bytes. Reads by read(2) (a mapped file that shrinks would kill us; a pipe works too). One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "userspace/base/fd.h"
#include "userspace/base/result.h"
#include "userspace/kernel/tape_format.h"
#include "userspace/kernel/tape_writer.h"

namespace sonde {

struct TapeFrame {
  TapeFrameKind kind = TapeFrameKind::kRecord;
  std::span<const uint8_t>
      payload;  // begins at a multiple of 8; lives until the next call of next()
};

// What became of the file's bytes, complete once next() has said no.
struct TapeReport {
  uint64_t frames = 0;          // handed out
  uint64_t frames_damaged = 0;  // passed over: their check was wrong
  uint64_t frames_unknown = 0;  // passed over: of a kind that this version does not know
  uint64_t bytes_read = 0;      // of the file, header included
  uint64_t bytes_cut = 0;  // of them, at the end: no whole frame, or behind a damaged frame header
  bool ended = false;      // the end frame was there: nothing is missing at the end
};

class TapeReader {
 public:
  // Fails on what is no tape, or one of another version or byte order, in words that say so.
  static Result<std::unique_ptr<TapeReader>> open(const std::string& path);
  static Result<std::unique_ptr<TapeReader>> read_from(Fd file);

  const TapeFacts& facts() const { return facts_; }
  // The next sound frame; false at the end.
  bool next(TapeFrame& out);
  const TapeReport& report() const { return report_; }
  // The error of a read that failed, which ended the tape; code 0: none did.
  int read_error() const { return read_error_; }

 private:
  explicit TapeReader(Fd file);
  Result<> read_header();
  // Makes n bytes stand at begin_; false if the file has no more.
  bool want(size_t n);
  // Counts all that is left as cut.
  void cut_rest();

  Fd file_;
  TapeFacts facts_;
  TapeReport report_;
  int read_error_ = 0;
  std::unique_ptr<uint8_t[]> buffer_;
  size_t begin_ = 0;  // of what is not handed out yet; a multiple of 8
  size_t end_ = 0;
};

}  // namespace sonde
