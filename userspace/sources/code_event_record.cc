// SPDX-License-Identifier: Apache-2.0
#include "userspace/sources/code_event_record.h"

#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

#include "userspace/base/bytes.h"

namespace sonde {
namespace {

constexpr size_t kMostBuildId = 20;

// What ends each record, as the events ask for it.
struct SampleId {
  uint32_t pid;
  uint32_t tid;
  uint64_t time_ns;
};

struct MapsFile {
  uint32_t major;
  uint32_t minor;
  uint64_t inode;
  uint64_t generation;
};

std::string_view until_zero(std::string_view text) { return text.substr(0, text.find('\0')); }

bool read_mapped(Bytes body, uint16_t misc, CodeEvent& out) {
  uint32_t pid = 0;
  uint32_t tid = 0;
  uint32_t protection = 0;
  uint32_t flags = 0;
  if (!body.read(pid) || !body.read(tid) || !body.read(out.address) || !body.read(out.size) ||
      !body.read(out.offset)) {
    return false;
  }
  const auto file = body.take(sizeof(MapsFile));
  if (!file || !body.read(protection) || !body.read(flags) || (protection & PROT_EXEC) == 0) {
    return false;
  }
  Bytes of_file(*file);
  if ((misc & PERF_RECORD_MISC_MMAP_BUILD_ID) != 0) {
    uint32_t size = 0;  // a byte, and three that are not used
    of_file.read(size);
    size &= 0xff;
    if (size > kMostBuildId) {
      return false;
    }
    out.build_id = {of_file.data(), size};
  } else {
    MapsFile is{};
    of_file.read(is);
    out.device = is.inode != 0 ? makedev(is.major, is.minor) : 0;
    out.inode = is.inode;
  }
  out.kind = CodeEventKind::kMapped;
  out.pid = Pid{pid};
  out.path = until_zero(body.text());
  return true;
}

bool read_comm(Bytes body, uint16_t misc, CodeEvent& out) {
  uint32_t pid = 0;
  if ((misc & PERF_RECORD_MISC_COMM_EXEC) == 0 || !body.read(pid)) {
    return false;
  }
  out.kind = CodeEventKind::kExec;
  out.pid = Pid{pid};
  return true;
}

// Of processes; threads share what is mapped.
bool read_task(Bytes body, bool forked, CodeEvent& out) {
  struct {
    uint32_t pid, parent, tid, parent_tid;
  } is{};
  if (!body.read(is) || (forked ? is.pid == is.parent : is.pid != is.tid)) {
    return false;
  }
  out.kind = forked ? CodeEventKind::kForked : CodeEventKind::kExited;
  out.pid = Pid{is.pid};
  out.parent = Pid{is.parent};
  return true;
}

bool read_lost(Bytes body, CodeEvent& out) {
  uint64_t id = 0;
  out.kind = CodeEventKind::kLost;
  return body.read(id) && body.read(out.lost);
}

}  // namespace

std::optional<CodeEvent> read_code_event(std::span<const uint8_t> record) {
  perf_event_header header{};
  SampleId id{};
  if (record.size() < sizeof(header) + sizeof(id)) {
    return std::nullopt;
  }
  Bytes(record).read(header);
  Bytes(record.last(sizeof(id))).read(id);
  const Bytes body(record.subspan(sizeof(header), record.size() - sizeof(header) - sizeof(id)));
  CodeEvent out;
  out.time_ns = id.time_ns;
  bool good = false;
  switch (header.type) {
    case PERF_RECORD_MMAP2:
      good = read_mapped(body, header.misc, out);
      break;
    case PERF_RECORD_COMM:
      good = read_comm(body, header.misc, out);
      break;
    case PERF_RECORD_FORK:
    case PERF_RECORD_EXIT:
      good = read_task(body, header.type == PERF_RECORD_FORK, out);
      break;
    case PERF_RECORD_LOST:
      good = read_lost(body, out);
      break;
    default:
      break;
  }
  return good ? std::optional(out) : std::nullopt;
}

}  // namespace sonde
