// SPDX-License-Identifier: Apache-2.0
// UnwindMaps: what the sampler's programs know of processes and their code, so that they can walk
// stacks. Written while they read: what was written stays as it is until all is forgotten. Bounded
// by the maps; what finds no room is not known there. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <tuple>
#include <vector>

#include "bpf/shared/unwind.h"
#include "userspace/base/fd.h"
#include "userspace/base/result.h"
#include "userspace/kernel/bpf_object.h"

namespace sonde {

class UnwindMaps {
 public:
  static Result<std::unique_ptr<UnwindMaps>> open(const MapPool& pool);
  ~UnwindMaps();
  UnwindMaps(const UnwindMaps&) = delete;
  UnwindMaps& operator=(const UnwindMaps&) = delete;

  // Makes room for so many bytes of rows now, and for no more later: for who will not be allowed to
  // make maps.
  Result<> make_all_room(size_t bytes);

  // Of a process from one exec to the next: its executable memory, by address. Settled: what is
  // elsewhere is no code. False: no room.
  bool set_process(uint32_t pid, uint64_t started_ns, uint64_t image,
                   std::span<const sonde_code> codes, bool settled = true);

  // The rules' numbers begin at first. False: no room.
  bool add_rules(uint32_t first, std::span<const sonde_rule> rules);

  // The rows of a page, whose rules are there already; none: there are none. False: no room.
  bool set_page(sonde_page_key key, std::span<const sonde_row> rows);
  bool has_page(sonde_page_key key) const { return pages_.contains({key.file, key.page}); }

  // Nothing is known any more. REQUIRES: no clock rings: who is walking could keep a rule that was.
  Result<> forget_all();

  uint64_t refused() const { return refused_; }  // for want of room, since open()
  size_t pages() const { return pages_.size(); }
  size_t known_rules() const;  // that the CPUs' programs have kept of these
  // Of memory that rows take; what is behind the last ones of a full chunk counts too.
  size_t row_bytes() const { return chunk_ * SONDE_CHUNK_SIZE + filled_ * sizeof(sonde_row); }

 private:
  struct Unmap {
    size_t size;
    void operator()(void* memory) const;
  };
  using Memory = std::unique_ptr<void, Unmap>;

  UnwindMaps() = default;
  static Result<Memory> map(int fd, size_t size);
  bool refuse() {
    refused_++;
    return false;
  }
  Result<> add_chunk();
  Result<> forget_known_rules();
  // Where so many rows find room: in the last chunk that is used.
  bool place(size_t rows);

  int code_lists_ = -1, row_pages_ = -1, row_chunks_ = -1, known_rules_ = -1;
  Memory codes_, rules_;
  std::vector<std::pair<Fd, Memory>> chunks_;
  size_t most_chunks_ = SONDE_MAX_CHUNKS;
  size_t chunk_ = 0;   // that is being filled
  size_t filled_ = 0;  // rows of it
  size_t codes_used_ = 0;
  std::set<uint32_t> processes_;
  std::set<std::pair<uint32_t, uint32_t>> pages_;
  uint64_t refused_ = 0;
};

}  // namespace sonde
