// SPDX-License-Identifier: Apache-2.0
#include "tests/bpf/io_uring.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "tests/bpf/wire.h"

namespace sonde {
namespace {

constexpr unsigned kEntries = 4;

int setup(io_uring_params& params) {
  return static_cast<int>(syscall(SYS_io_uring_setup, kEntries, &params));
}

uint32_t load(const uint8_t* rings, uint32_t offset) {
  return __atomic_load_n(reinterpret_cast<const uint32_t*>(rings + offset), __ATOMIC_ACQUIRE);
}
void store(uint8_t* rings, uint32_t offset, uint32_t value) {
  __atomic_store_n(reinterpret_cast<uint32_t*>(rings + offset), value, __ATOMIC_RELEASE);
}

}  // namespace

bool Uring::available(unsigned flags) {
  io_uring_params params{};
  params.flags = flags;
  const int fd = setup(params);
  if (fd >= 0) {
    close(fd);
  }
  return fd >= 0 && (params.features & IORING_FEAT_SINGLE_MMAP) != 0;
}

Uring::Uring(unsigned flags) {
  params_.flags = flags;
  fd_ = setup(params_);
  MUST(fd_ >= 0);
  const size_t size =
      std::max<size_t>(params_.sq_off.array + params_.sq_entries * sizeof(uint32_t),
                       params_.cq_off.cqes + params_.cq_entries * sizeof(io_uring_cqe));
  void* rings = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd_,
                     IORING_OFF_SQ_RING);
  void* entries = mmap(nullptr, params_.sq_entries * sizeof(io_uring_sqe), PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_POPULATE, fd_, IORING_OFF_SQES);
  MUST(rings != MAP_FAILED && entries != MAP_FAILED);
  rings_ = static_cast<uint8_t*>(rings);
  entries_ = static_cast<io_uring_sqe*>(entries);
}

void Uring::register_files(std::initializer_list<int> files) const {
  MUST(syscall(SYS_io_uring_register, fd_, IORING_REGISTER_FILES, files.begin(), files.size()) ==
       0);
}

void Uring::register_buffer(void* buffer, size_t bytes) const {
  const iovec iov{buffer, bytes};
  MUST(syscall(SYS_io_uring_register, fd_, IORING_REGISTER_BUFFERS, &iov, 1) == 0);
}

void Uring::submit(uint8_t operation, int fd, void* buffer, unsigned bytes, uint8_t sqe_flags,
                   unsigned wait) {
  const uint32_t tail = load(rings_, params_.sq_off.tail);
  const uint32_t slot = tail & load(rings_, params_.sq_off.ring_mask);
  io_uring_sqe& entry = entries_[slot];
  std::memset(&entry, 0, sizeof(entry));
  entry.opcode = operation;
  entry.flags = sqe_flags;
  entry.fd = fd;
  entry.addr = reinterpret_cast<uint64_t>(buffer);
  entry.len = bytes;
  store(rings_, params_.sq_off.array + slot * static_cast<uint32_t>(sizeof(uint32_t)), slot);
  store(rings_, params_.sq_off.tail, tail + 1);
  unsigned how = wait != 0 ? IORING_ENTER_GETEVENTS : 0;
  how |= (params_.flags & IORING_SETUP_SQPOLL) != 0 ? IORING_ENTER_SQ_WAKEUP : 0;
  MUST(syscall(SYS_io_uring_enter, fd_, 1, wait, how, nullptr, 0) == 1);
}

unsigned Uring::ready() const {
  return load(rings_, params_.cq_off.tail) - load(rings_, params_.cq_off.head);
}

int Uring::take() {
  MUST(ready() > 0);
  const uint32_t head = load(rings_, params_.cq_off.head);
  const auto* completions = reinterpret_cast<const io_uring_cqe*>(rings_ + params_.cq_off.cqes);
  const int result = completions[head & load(rings_, params_.cq_off.ring_mask)].res;
  store(rings_, params_.cq_off.head, head + 1);
  return result;
}

}  // namespace sonde
