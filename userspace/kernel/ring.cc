// SPDX-License-Identifier: Apache-2.0
#include "userspace/kernel/ring.h"

#include <bpf/libbpf.h>

#include <cerrno>

namespace sonde {

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
  return out;
}

Ring::~Ring() { ring_buffer__free(ring_); }

size_t Ring::drain(size_t most) {
  left_ = most;
  ring_buffer__consume(ring_);
  return most - left_;
}

int Ring::poll_fd() const { return ring_buffer__epoll_fd(ring_); }

}  // namespace sonde
