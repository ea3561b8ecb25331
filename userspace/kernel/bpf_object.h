// SPDX-License-Identifier: Apache-2.0
// BpfObject: one compiled BPF file, opened, loaded and attached; everything of it ends with it.
// Maps of the same name are one map for all objects that are loaded with the same MapPool.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/base/fd.h"
#include "userspace/base/result.h"

struct bpf_object;
struct bpf_link;
struct bpf_program;

namespace sonde {

// The maps that loaded objects have in common, by name.
class MapPool {
 public:
  // The map's descriptor, or -1. Borrowed; it lives as long as the pool.
  int find(std::string_view name) const;
  void add(std::string name, Fd fd);
  const std::map<std::string, Fd, std::less<>>& all() const { return maps_; }

 private:
  std::map<std::string, Fd, std::less<>> maps_;
};

// What the kernel says of a loaded program.
struct ProgramFacts {
  std::string name;
  std::string section;        // where it is attached, as libbpf names it
  uint32_t instructions = 0;  // after the verifier
  uint32_t verified = 0;      // instructions the verifier walked
  uint64_t run_ns = 0;        // 0 unless kernel.bpf_stats_enabled
  uint64_t runs = 0;
  uint64_t missed =
      0;  // runs skipped because the same program was running on that CPU (since 5.12)
};

class BpfObject {
 public:
  // elf: what bpftool made a skeleton of; it must outlive the object. Fields are found by
  // kernel_types(). Of the programs at functions those whose section begins with '?' are left out
  // if this kernel has no such function.
  static Result<std::unique_ptr<BpfObject>> open(const std::string& name, const void* elf,
                                                 size_t size);
  ~BpfObject();
  BpfObject(const BpfObject&) = delete;
  BpfObject& operator=(const BpfObject&) = delete;

  // Before load: how many entries (bytes, for a ring) a map has; do not create a map that is not
  // used.
  Result<> set_entries(std::string_view map, uint32_t entries);
  Result<> leave_out_map(std::string_view map);
  Result<> leave_out_program(std::string_view program);

  // Takes what the pool has, adds what it lacks. On refusal the error ends with the verifier's last
  // lines.
  Result<> load(MapPool& pool);
  // Attaches every loaded program but iterators. All or nothing.
  Result<> attach();
  void detach();

  // Runs an iterator program once and returns what it wrote. map_fd: the map it walks, -1 for
  // others.
  Result<std::vector<uint8_t>> iterate(std::string_view program, int map_fd);
  // Runs a program of a raw tracepoint once, without any.
  Result<> run(std::string_view program);

  int map_fd(std::string_view map) const;
  // For who attaches it himself. -1: it is not loaded.
  int program_fd(std::string_view program) const;
  std::vector<ProgramFacts> programs() const;

 private:
  BpfObject(std::string name, bpf_object* object) : name_(std::move(name)), object_(object) {}
  bpf_program* program(std::string_view name) const;
  void take_optional_programs();
  bool has_programs_at_functions() const;
  Result<> keep_cpu_if_need_be();
  // What the kernel told of its refusal, said so that it helps.
  std::unexpected<Error> refusal(int error, std::string_view log) const;
  // A constant of the programs, to be set before they are loaded; empty: there is none of this
  // name.
  std::span<uint8_t> constant(std::string_view name) const;

  std::string name_;
  bpf_object* object_;
  std::vector<bpf_link*> links_;
};

// Sends libbpf's own messages to our log (debug level). Call once, before anything else here.
void adopt_libbpf_log();

}  // namespace sonde
