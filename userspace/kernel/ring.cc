// SPDX-License-Identifier: Apache-2.0
#include "userspace/kernel/ring.h"

#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

namespace sonde {
namespace {

size_t page_bytes() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

}  // namespace

int Ring::on_sample(void* context, void* data, size_t size) {
  Ring& ring = *static_cast<Ring*>(context);
  ring.reader_->record({static_cast<const uint8_t*>(data), size});
  // An error stops libbpf behind this record, which then counts as read.
  return --ring.left_ > 0 ? 0 : -ECANCELED;
}

Result<std::unique_ptr<Ring>> Ring::open(const MapPool& pool, RecordReader& reader,
                                         std::string_view map) {
  std::unique_ptr<Ring> out(new Ring());
  out->reader_ = &reader;
  out->ring_ = ring_buffer__new(pool.find(map), on_sample, out.get(), nullptr);
  if (out->ring_ == nullptr) {
    return fail_errno("map the ring buffer", errno);
  }
  // libbpf maps them too, and tells them from 1.3 on only.
  void* positions = mmap(nullptr, 2 * page_bytes(), PROT_READ, MAP_SHARED, pool.find(map), 0);
  if (positions == MAP_FAILED) {
    return fail_errno("map the ring buffer's positions", errno);
  }
  out->positions_ = static_cast<const uint64_t*>(positions);
  return out;
}

Ring::~Ring() {
  if (positions_ != nullptr) {
    munmap(const_cast<uint64_t*>(positions_), 2 * page_bytes());
  }
  ring_buffer__free(ring_);
}

size_t Ring::drain(size_t most) {
  left_ = most;
  ring_buffer__consume(ring_);
  return most - left_;
}

uint64_t Ring::written() const {
  return __atomic_load_n(positions_ + page_bytes() / sizeof(uint64_t), __ATOMIC_ACQUIRE);
}

uint64_t Ring::read() const { return __atomic_load_n(positions_, __ATOMIC_ACQUIRE); }

int Ring::poll_fd() const { return ring_buffer__epoll_fd(ring_); }

}  // namespace sonde
