// SPDX-License-Identifier: Apache-2.0
#include "userspace/kernel/unwind_maps.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

namespace sonde {
namespace {

size_t whole_pages(size_t bytes) {
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  return (bytes + page - 1) / page * page;
}

// Of all CPUs.
std::vector<sonde_known_rule> room_for_known_rules() {
  return std::vector<sonde_known_rule>(
      SONDE_KNOWN_RULES * static_cast<size_t>(std::max(libbpf_num_possible_cpus(), 0)));
}

// What was written before must be seen by who finds what is written behind this: the system call
// that publishes it is such a barrier on all machines, but the compiler does not know.
void publish() { std::atomic_thread_fence(std::memory_order_release); }

}  // namespace

void UnwindMaps::Unmap::operator()(void* memory) const { ::munmap(memory, size); }

Result<UnwindMaps::Memory> UnwindMaps::map(int fd, size_t size) {
  size = whole_pages(size);
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) {
    return fail_errno("map a BPF map for unwinding", errno);
  }
  return Memory(memory, Unmap{size});
}

Result<std::unique_ptr<UnwindMaps>> UnwindMaps::open(const MapPool& pool) {
  std::unique_ptr<UnwindMaps> out(new UnwindMaps);
  out->code_lists_ = pool.find("code_lists");
  out->row_pages_ = pool.find("row_pages");
  out->row_chunks_ = pool.find("row_chunks");
  out->known_rules_ = pool.find("known_rules");
  auto codes = map(pool.find("codes"), SONDE_MAX_CODES * sizeof(sonde_code));
  auto rules = map(pool.find("rules"), SONDE_MAX_RULES * sizeof(sonde_rule));
  if (!codes || !rules) {
    return std::unexpected(codes ? rules.error() : codes.error());
  }
  out->codes_ = *std::move(codes);
  out->rules_ = *std::move(rules);
  return out;
}

UnwindMaps::~UnwindMaps() = default;

bool UnwindMaps::set_process(uint32_t pid, uint64_t started_ns, uint64_t image,
                             std::span<const sonde_code> codes, bool settled) {
  codes = codes.first(std::min<size_t>(codes.size(), SONDE_MAX_CODES_OF_ONE));
  if (codes.empty()) {
    return false;
  }
  if (codes.size() > SONDE_MAX_CODES - codes_used_) {
    return refuse();
  }
  std::ranges::copy(codes, static_cast<sonde_code*>(codes_.get()) + codes_used_);
  publish();
  const sonde_code_list list{.started_ns = started_ns,
                             .image = image,
                             .first = static_cast<uint32_t>(codes_used_),
                             .count = static_cast<uint32_t>(codes.size()),
                             .settled = settled ? 1u : 0u,
                             .pad = 0};
  if (bpf_map_update_elem(code_lists_, &pid, &list, BPF_ANY) != 0) {
    return refuse();
  }
  codes_used_ += codes.size();
  processes_.insert(pid);
  return true;
}

bool UnwindMaps::add_rules(uint32_t first, std::span<const sonde_rule> rules) {
  if (first > SONDE_MAX_RULES || rules.size() > SONDE_MAX_RULES - first) {
    return refuse();
  }
  std::ranges::copy(rules, static_cast<sonde_rule*>(rules_.get()) + first);
  return true;
}

Result<> UnwindMaps::add_chunk() {
  bpf_map_create_opts options{};
  options.sz = sizeof(options);
  options.map_flags = BPF_F_MMAPABLE;
  Fd chunk(bpf_map_create(BPF_MAP_TYPE_ARRAY, "sonde_rows", sizeof(uint32_t), SONDE_CHUNK_SIZE, 1,
                          &options));
  const auto number = static_cast<uint32_t>(chunks_.size());
  const int fd = chunk.get();
  if (!chunk.ok() || bpf_map_update_elem(row_chunks_, &number, &fd, BPF_ANY) != 0) {
    return fail_errno("make a BPF map for unwinding", errno);
  }
  auto memory = map(fd, SONDE_CHUNK_SIZE);
  if (!memory) {
    return std::unexpected(memory.error());
  }
  chunks_.emplace_back(std::move(chunk), *std::move(memory));
  return {};
}

Result<> UnwindMaps::make_all_room(size_t bytes) {
  most_chunks_ = std::min<size_t>(bytes / SONDE_CHUNK_SIZE, SONDE_MAX_CHUNKS);
  while (chunks_.size() < most_chunks_) {
    if (auto added = add_chunk(); !added) {
      most_chunks_ = chunks_.size();
      return added;
    }
  }
  return {};
}

bool UnwindMaps::place(size_t rows) {
  if (filled_ + rows > SONDE_CHUNK_ROWS) {
    if (chunk_ + 1 >= most_chunks_) {
      return false;
    }
    chunk_++;
    filled_ = 0;
  }
  return chunk_ < chunks_.size() || (chunk_ < most_chunks_ && add_chunk());
}

bool UnwindMaps::set_page(sonde_page_key key, std::span<const sonde_row> rows) {
  sonde_page page{.chunk = SONDE_NO_CHUNK, .last = 0, .first = 0};
  if (rows.size() > SONDE_UNWIND_PAGE_SIZE || (!rows.empty() && !place(rows.size()))) {
    rows = {};
    refused_++;
  }
  if (!rows.empty()) {
    std::ranges::copy(rows, static_cast<sonde_row*>(chunks_[chunk_].second.get()) + filled_);
    page = {.chunk = static_cast<uint16_t>(chunk_),
            .last = static_cast<uint16_t>(rows.size() - 1),
            .first = static_cast<uint32_t>(filled_)};
    filled_ += rows.size();
  }
  publish();
  if (bpf_map_update_elem(row_pages_, &key, &page, BPF_ANY) != 0) {
    return refuse();
  }
  pages_.emplace(key.file, key.page);
  return true;
}

Result<> UnwindMaps::forget_known_rules() {
  const uint32_t zero = 0;
  const auto none = room_for_known_rules();
  if (bpf_map_update_elem(known_rules_, &zero, none.data(), BPF_ANY) != 0) {
    return fail_errno("write BPF map known_rules", errno);
  }
  return {};
}

size_t UnwindMaps::known_rules() const {
  const uint32_t zero = 0;
  auto known = room_for_known_rules();
  if (bpf_map_lookup_elem(known_rules_, &zero, known.data()) != 0) {
    return 0;
  }
  return static_cast<size_t>(
      std::ranges::count_if(known, [](const sonde_known_rule& each) { return each.at != 0; }));
}

Result<> UnwindMaps::forget_all() {
  for (const uint32_t pid : processes_) {
    (void)bpf_map_delete_elem(code_lists_, &pid);
  }
  for (const auto& [file, page] : pages_) {
    const sonde_page_key key{.file = file, .page = page};
    (void)bpf_map_delete_elem(row_pages_, &key);
  }
  processes_.clear();
  pages_.clear();
  codes_used_ = chunk_ = filled_ = 0;
  return forget_known_rules();
}

}  // namespace sonde
