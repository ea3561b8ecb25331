// SPDX-License-Identifier: Apache-2.0
// TapeWriter: appends the ring's records to a file. One thread (the poller) owns it; there is no
// thread of its own: records gather in a buffer and go out in large write(2) calls, which can block
// that thread when the disk falls behind; the ring then fills, and the kernel side counts what it
// lost. A disk that is full or broken, or the size cap, ends the recording and nothing else: the
// error is kept, what comes later is counted.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "userspace/base/fd.h"
#include "userspace/base/result.h"
#include "userspace/kernel/record_filter.h"
#include "userspace/kernel/tape_format.h"

namespace sonde {

// What replay has to know without the host. No host name: a tape may travel.
struct TapeFacts {
  uint64_t monotonic_ns = 0;  // one moment on two clocks
  uint64_t wall_ns = 0;
  std::string kernel;  // release, e.g. "6.1.0-18-amd64"; 64 bytes are kept
  std::string door;    // e.g. "socktp"; 16 bytes are kept
  bool raw = false;    // set by the writer: no filter was given
};

struct TapeOptions {
  std::string path;
  bool overwrite = false;  // replace a file that is there
  uint64_t max_bytes = 0;  // the file never grows beyond this; 0: no cap
};

// X(name, help): records_offered = the sum of the other records_* at any time.
#define SONDE_TAPE_COUNTERS(X)                                                   \
  X(records_offered, "records given to the tape")                                \
  X(records_written, "records in the file")                                      \
  X(records_buffered, "records not yet written out")                             \
  X(records_filtered, "records that the filter did not want written")            \
  X(records_malformed, "records that were none")                                 \
  X(records_failed, "records whose write failed")                                \
  X(records_after_stop, "records that came after the recording had stopped")     \
  X(fields_written, "descriptions and counter snapshots taken")                  \
  X(fields_refused, "descriptions and counter snapshots too large, or too late") \
  X(bytes_written, "bytes in the file")

struct TapeCounters {
#define X(name, help) uint64_t name = 0;
  SONDE_TAPE_COUNTERS(X)
#undef X
};

class TapeWriter {
 public:
  // A new file, mode 0600; a file or link that is there is an error unless options say overwrite
  // (it is then unlinked, never written through). filter: null for a raw tape; else it must outlive
  // the writer.
  static Result<std::unique_ptr<TapeWriter>> create(const TapeOptions& options,
                                                    const TapeFacts& facts, RecordFilter* filter);
  // Onto an open descriptor, from its current offset.
  TapeWriter(Fd file, uint64_t max_bytes, const TapeFacts& facts, RecordFilter* filter);
  // Without finish() what is buffered is lost, and the tape has no end frame.
  ~TapeWriter();
  TapeWriter(const TapeWriter&) = delete;
  TapeWriter& operator=(const TapeWriter&) = delete;

  // A record as the ring gave it. Its padding is left out: it holds bytes of older records. False:
  // not taken (counted).
  bool record(std::span<const uint8_t> record);
  // A frame of fields (tape_fields.h): kProcess or kCounters. The filter does not see it: no
  // secrets in it, please.
  bool fields(TapeFrameKind kind, std::span<const uint8_t> fields);

  // Writes out what is buffered: now and then, so that a crash costs little.
  void flush();
  // Flushes, adds the end frame and closes. The error that stopped the recording, if one did (the
  // cap is one).
  Result<> finish();

  bool stopped() const { return stopped_; }
  const Error& why_stopped() const { return error_; }
  const TapeCounters& counters() const { return counters_; }

 private:
  // Room for one frame in the buffer, its header left open; null: the recording stopped.
  uint8_t* reserve(size_t payload);
  void commit(TapeFrameKind kind, size_t payload);
  void write_out();
  void stop(Error why);

  Fd file_;
  const uint64_t max_bytes_;
  RecordFilter* const filter_;
  std::unique_ptr<uint8_t[]> buffer_;
  size_t filled_ = 0;
  bool stopped_ = false;
  Error error_;
  TapeCounters counters_;
};

}  // namespace sonde
