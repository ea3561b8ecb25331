// SPDX-License-Identifier: Apache-2.0
#include "userspace/kernel/bpf_object.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstring>

#include "userspace/base/log.h"
#include "userspace/kernel/kernel_types.h"
#include "userspace/kernel/preemption.h"
#include "userspace/kernel/refusal.h"

namespace sonde {
namespace {

// Kernels before 6.4 keep the beginning of a log that has no room, and the reason is at its end. Of
// this only what is written becomes memory.
constexpr size_t kLogBytes = size_t{16} * 1024 * 1024;
constexpr size_t kMaxIteratorBytes = size_t{64} * 1024 * 1024;

// The verifier explains itself at the end of its log.
std::string last_lines(std::string_view text, int lines) {
  while (!text.empty() && text.back() == '\n') {
    text.remove_suffix(1);
  }
  size_t from = text.size();
  while (lines-- > 0 && from != std::string_view::npos && from > 0) {
    from = text.rfind('\n', from - 1);
  }
  return std::string(from == std::string_view::npos || from == 0 ? text : text.substr(from + 1));
}

// Of programs at functions.
constexpr std::string_view kInterrupted =
    "this kernel may interrupt programs at its functions, and has no way yet to let ours prevent "
    "it; "
    "booted with preempt=voluntary it does not";

// The helper that the verifier does not let these programs call; empty: it was something else.
std::string missing_helper(std::string_view log) {
  constexpr std::string_view kSays = "unknown func ";
  const size_t at = log.rfind(kSays);
  if (at == std::string_view::npos) {
    return {};
  }
  const std::string_view rest = log.substr(at + kSays.size());
  return std::string(rest.substr(0, rest.find_first_of("#\n")));
}

int print(libbpf_print_level, const char* format, va_list arguments) {
  if (log::level() > log::Level::kDebug) {
    return 0;
  }
  char line[1024];
  const int length = vsnprintf(line, sizeof(line), format, arguments);
  const size_t size =
      std::clamp<size_t>(static_cast<size_t>(std::max(length, 0)), 0, sizeof(line) - 1);
  std::string_view text(line, size);
  while (!text.empty() && text.back() == '\n') {
    text.remove_suffix(1);
  }
  log::write(log::Level::kDebug, text);
  return length;
}

}  // namespace

int MapPool::find(std::string_view name) const {
  const auto found = maps_.find(name);
  return found == maps_.end() ? -1 : found->second.get();
}

void MapPool::add(std::string name, Fd fd) {
  maps_.insert_or_assign(std::move(name), std::move(fd));
}

Result<std::unique_ptr<BpfObject>> BpfObject::open(const std::string& name, const void* elf,
                                                   size_t size) {
  bpf_object_open_opts options{};
  options.sz = sizeof(options);
  options.object_name = name.c_str();
  if (!kernel_types().own) {
    options.btf_custom_path = kernel_types().file.c_str();
  }
  bpf_object* object = bpf_object__open_mem(elf, size, &options);
  if (object == nullptr) {
    return fail_errno(fmt::format("open BPF object {}", name), errno);
  }
  std::unique_ptr<BpfObject> out(new BpfObject(name, object));
  out->take_optional_programs();
  return out;
}

BpfObject::~BpfObject() {
  detach();
  bpf_object__close(object_);
}

bpf_program* BpfObject::program(std::string_view name) const {
  bpf_program* found = nullptr;
  bpf_object__for_each_program(found, object_) {
    if (name == bpf_program__name(found)) {
      return found;
    }
  }
  return nullptr;
}

Result<> BpfObject::set_entries(std::string_view map, uint32_t entries) {
  bpf_map* found = bpf_object__find_map_by_name(object_, std::string(map).c_str());
  if (found == nullptr || bpf_map__set_max_entries(found, entries) != 0) {
    return fail(fmt::format("size of BPF map {}", map));
  }
  return {};
}

Result<> BpfObject::leave_out_map(std::string_view map) {
  bpf_map* found = bpf_object__find_map_by_name(object_, std::string(map).c_str());
  if (found == nullptr || bpf_map__set_autocreate(found, false) != 0) {
    return fail(fmt::format("leave out BPF map {}", map));
  }
  return {};
}

Result<> BpfObject::leave_out_program(std::string_view name) {
  bpf_program* found = program(name);
  if (found == nullptr || bpf_program__set_autoload(found, false) != 0) {
    return fail(fmt::format("leave out BPF program {}", name));
  }
  return {};
}

std::span<uint8_t> BpfObject::constant(std::string_view name) const {
  const btf* types = bpf_object__btf(object_);
  const int section = btf__find_by_name_kind(types, ".rodata", BTF_KIND_DATASEC);
  if (section < 0) {
    return {};
  }
  std::span<uint8_t> constants;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object_) {
    if (std::string_view(bpf_map__name(map)).ends_with(".rodata")) {
      size_t size = 0;
      auto* bytes = static_cast<uint8_t*>(bpf_map__initial_value(map, &size));
      constants = {bytes, size};
    }
  }
  const btf_type* variables = btf__type_by_id(types, static_cast<uint32_t>(section));
  const btf_var_secinfo* each = btf_var_secinfos(variables);
  for (int i = 0; i < btf_vlen(variables); i++, each++) {
    const btf_type* variable = btf__type_by_id(types, each->type);
    if (name == btf__name_by_offset(types, variable->name_off) &&
        size_t{each->offset} + each->size <= constants.size()) {
      return constants.subspan(each->offset, each->size);
    }
  }
  return {};
}

// Why it was not loaded: the cause if it is known, else what the verifier said.
std::unexpected<Error> BpfObject::refusal(int error, std::string_view log) const {
  const std::string what = fmt::format("load BPF object {}", name_);
  const std::string cause = error == ESRCH && !kernel_types().own
                                ? std::string(kNeedsOwnTypes)
                                : cause_of_refusal(error, has_programs_at_functions());
  if (!cause.empty()) {
    return fail(fmt::format("{}: {}", what, cause), error);
  }
  if (const std::string helper = missing_helper(log); error == EINVAL && !helper.empty()) {
    return fail(fmt::format("{}: this kernel has no {}() for its programs", what, helper), error);
  }
  // Before a program that keeps its CPU might call a global function.
  if (error == EINVAL && log.contains("not allowed with preemption disabled")) {
    return fail(fmt::format("{}: {}", what, kInterrupted), error);
  }
  // A log may also be that of a program that passed, before something else failed. ENOSPC: even
  // this log had not room enough.
  const bool verified = error == EACCES || error == EINVAL || error == E2BIG || error == ENOSPC;
  const std::string why = verified ? last_lines(log, 6) : "";
  return fail_errno(why.empty() ? what : fmt::format("{}: {}", what, why), error);
}

bool BpfObject::has_programs_at_functions() const {
  bpf_program* each = nullptr;
  bpf_object__for_each_program(each, object_) {
    const bpf_attach_type where = bpf_program__expected_attach_type(each);
    if (bpf_program__autoload(each) && (where == BPF_TRACE_FENTRY || where == BPF_TRACE_FEXIT)) {
      return true;
    }
  }
  return false;
}

void BpfObject::take_optional_programs() {
  bpf_program* each = nullptr;
  bpf_object__for_each_program(each, object_) {
    const std::string_view section = bpf_program__section_name(each);
    if (!bpf_program__autoload(each) &&
        has_function(std::string(section.substr(section.find('/') + 1)))) {
      (void)bpf_program__set_autoload(each, true);
    }
  }
}

Result<> BpfObject::keep_cpu_if_need_be() {
  const auto flag = constant("programs_are_interruptible");
  if (flag.size() != 1) {
    return {};
  }
  const bool at_functions = has_programs_at_functions();
  const bool interruptible =
      at_functions ? programs_at_functions_are_interruptible() : programs_are_interruptible();
  if (at_functions && interruptible && !programs_can_keep_their_cpu()) {
    return fail(fmt::format("load BPF object {}: {}", name_, kInterrupted));
  }
  flag[0] = interruptible ? 1 : 0;
  return {};
}

Result<> BpfObject::load(MapPool& pool) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object_) {
    const int shared = pool.find(bpf_map__name(map));
    if (shared >= 0 && bpf_map__reuse_fd(map, shared) != 0) {
      return fail_errno(fmt::format("share BPF map {}", bpf_map__name(map)), errno);
    }
  }
  if (auto kept = keep_cpu_if_need_be(); !kept) {
    return kept;
  }
  const auto log = std::make_unique_for_overwrite<char[]>(kLogBytes);
  log[0] = '\0';
  bpf_program* each = nullptr;
  bpf_object__for_each_program(each, object_) {
    // The log is asked for only when the kernel refuses: level 0 makes libbpf try again with one.
    bpf_program__set_log_buf(each, log.get(), kLogBytes);
  }
  const int error = bpf_object__load(object_);
  bpf_object__for_each_program(each, object_) { bpf_program__set_log_buf(each, nullptr, 0); }
  if (error != 0) {
    return refusal(-error, {log.get(), strnlen(log.get(), kLogBytes)});
  }
  bpf_object__for_each_map(map, object_) {
    if (bpf_map__autocreate(map) && !bpf_map__is_internal(map) &&
        pool.find(bpf_map__name(map)) < 0) {
      pool.add(bpf_map__name(map), Fd(fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 0)));
    }
  }
  return {};
}

Result<> BpfObject::attach() {
  bpf_program* each = nullptr;
  bpf_object__for_each_program(each, object_) {
    if (!bpf_program__autoload(each) || bpf_program__expected_attach_type(each) == BPF_TRACE_ITER) {
      continue;
    }
    bpf_link* link = bpf_program__attach(each);
    if (link == nullptr) {
      const int error = errno;
      detach();
      const std::string what = fmt::format("attach BPF program {} ({})", bpf_program__name(each),
                                           bpf_program__section_name(each));
      const std::string cause = cause_of_no_attachment(error);
      return cause.empty() ? fail_errno(what, error)
                           : fail(fmt::format("{}: {}", what, cause), error);
    }
    links_.push_back(link);
  }
  return {};
}

void BpfObject::detach() {
  for (bpf_link* link : links_) {
    bpf_link__destroy(link);
  }
  links_.clear();
}

Result<std::vector<uint8_t>> BpfObject::iterate(std::string_view name, int map_fd) {
  bpf_program* found = program(name);
  if (found == nullptr) {
    return fail(fmt::format("no BPF iterator {}", name));
  }
  bpf_iter_link_info info{};
  info.map.map_fd = static_cast<uint32_t>(map_fd);
  bpf_iter_attach_opts options{};
  options.sz = sizeof(options);
  if (map_fd >= 0) {
    options.link_info = &info;
    options.link_info_len = sizeof(info);
  }
  bpf_link* link = bpf_program__attach_iter(found, &options);
  if (link == nullptr) {
    return fail_errno(fmt::format("attach BPF iterator {}", name), errno);
  }
  const Fd file(bpf_iter_create(bpf_link__fd(link)));
  const int error = errno;
  bpf_link__destroy(link);
  if (!file.ok()) {
    return fail_errno(fmt::format("run BPF iterator {}", name), error);
  }
  std::vector<uint8_t> out;
  constexpr size_t kBlock = size_t{64} * 1024;
  while (out.size() < kMaxIteratorBytes) {
    const size_t had = out.size();
    out.resize(had + kBlock);
    const ssize_t got = ::read(file.get(), out.data() + had, kBlock);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
      out.resize(had);
      continue;
    }
    if (got < 0) {
      return fail_errno(fmt::format("read BPF iterator {}", name), errno);
    }
    out.resize(had + static_cast<size_t>(got));
    if (got == 0) {
      break;
    }
  }
  return out;
}

Result<> BpfObject::run(std::string_view name) {
  bpf_program* found = program(name);
  if (found == nullptr) {
    return fail(fmt::format("no BPF program {}", name));
  }
  bpf_test_run_opts options{};
  options.sz = sizeof(options);
  if (bpf_prog_test_run_opts(bpf_program__fd(found), &options) != 0) {
    return fail_errno(fmt::format("run BPF program {}", name), errno);
  }
  return {};
}

int BpfObject::map_fd(std::string_view map) const {
  return bpf_object__find_map_fd_by_name(object_, std::string(map).c_str());
}

int BpfObject::program_fd(std::string_view name) const {
  const bpf_program* found = program(name);
  return found != nullptr ? bpf_program__fd(found) : -1;
}

std::vector<ProgramFacts> BpfObject::programs() const {
  std::vector<ProgramFacts> out;
  bpf_program* each = nullptr;
  bpf_object__for_each_program(each, object_) {
    bpf_prog_info info{};
    uint32_t size = sizeof(info);
    const int fd = bpf_program__fd(each);
    if (fd < 0 || bpf_prog_get_info_by_fd(fd, &info, &size) != 0) {
      continue;
    }
    out.push_back({bpf_program__name(each), bpf_program__section_name(each),
                   info.xlated_prog_len / static_cast<uint32_t>(sizeof(bpf_insn)),
                   info.verified_insns, info.run_time_ns, info.run_cnt, info.recursion_misses});
  }
  return out;
}

void adopt_libbpf_log() { libbpf_set_print(print); }

}  // namespace sonde
