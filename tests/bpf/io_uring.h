// SPDX-License-Identifier: Apache-2.0
// Uring: as much of io_uring as a scenario needs, by raw system calls. For one thread.
#pragma once

#include <linux/io_uring.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace sonde {

class Uring {
 public:
  // False if this kernel or its settings do not allow one of this kind.
  static bool available(unsigned flags = 0);

  explicit Uring(unsigned flags);
  // From then on operations can name these by their place (IOSQE_FIXED_FILE).
  void register_files(std::initializer_list<int> files) const;
  // For operations on registered buffers: all of theirs lie in this one.
  void register_buffer(void* buffer, size_t bytes) const;
  // Queues an operation on the socket and enters the kernel, waiting for so many completions.
  void submit(uint8_t operation, int fd, void* buffer, unsigned bytes, uint8_t sqe_flags,
              unsigned wait);
  // Completions so far that were not taken; looks at shared memory only.
  unsigned ready() const;
  // Takes one: the operation's result.
  int take();

 private:
  int fd_ = -1;
  uint8_t* rings_ = nullptr;
  io_uring_sqe* entries_ = nullptr;
  io_uring_params params_{};
};

}  // namespace sonde
