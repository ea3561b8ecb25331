// SPDX-License-Identifier: Apache-2.0
// Ring: the reading end of a ring buffer: that of the records, or of the samples. One thread reads.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "userspace/base/result.h"
#include "userspace/kernel/bpf_object.h"

struct ring_buffer;

namespace sonde {

class RecordReader {
 public:
  virtual ~RecordReader() = default;
  // One record as the kernel side wrote it; valid during the call, 8-byte aligned.
  virtual void record(std::span<const uint8_t> bytes) = 0;
};

class Ring {
 public:
  // The pool and the reader must outlive the ring.
  static Result<std::unique_ptr<Ring>> open(const MapPool& pool, RecordReader& reader,
                                            std::string_view map = "events");
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // Hands over the records there are now, at most so many; returns how many.
  size_t drain(size_t most = 65536);
  // Positions, in bytes since the beginning: up to where there are records, finished or not, and up
  // to where they were handed over. One that the kernel side still writes holds up all behind it.
  uint64_t written() const;
  uint64_t read() const;
  // Readable when the kernel side woke us.
  int poll_fd() const;

 private:
  Ring() = default;
  static int on_sample(void* context, void* data, size_t size);

  ring_buffer* ring_ = nullptr;
  RecordReader* reader_ = nullptr;
  size_t left_ = 0;
  const uint64_t* positions_ = nullptr;  // two pages: what is read and what is written
};

}  // namespace sonde
