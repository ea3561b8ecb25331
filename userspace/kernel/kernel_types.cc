// SPDX-License-Identifier: Apache-2.0
#include "userspace/kernel/kernel_types.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "userspace/base/fd.h"

namespace sonde {
namespace {

// A distribution's kernel has 3 to 10 MiB of them. An image with all its debug information is not
// what we want to have in memory.
constexpr off_t kMostBytes = off_t{64} << 20;

struct Free {
  void operator()(btf* types) const { btf__free(types); }
};
using Types = std::unique_ptr<btf, Free>;

KernelTypes& chosen() {
  static KernelTypes types;
  return types;
}

bool holds_types(const std::string& path) {
  constexpr uint16_t kMagic = 0xeb9f;
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  uint16_t magic = 0;
  return file.ok() && ::read(file.get(), &magic, sizeof(magic)) == sizeof(magic) && magic == kMagic;
}

Result<> check_types(const std::string& path) {
  const std::string what = fmt::format("--kernel-types {}", path);
  struct stat facts{};
  if (::stat(path.c_str(), &facts) != 0) {
    return fail_errno(what, errno);
  }
  if (!S_ISREG(facts.st_mode)) {
    return fail(what + ": it is no regular file");
  }
  if (facts.st_size > kMostBytes) {
    return fail(
        fmt::format("{}: it has {} MiB, more than {}: extract its types into a file of their "
                    "own (pahole --btf_encode_detached)",
                    what, facts.st_size >> 20, kMostBytes >> 20));
  }
  const Types types(btf__parse(path.c_str(), nullptr));
  if (!types) {
    return fail_errno(what + ": it holds no types (BTF)", errno);
  }
  if (btf__find_by_name_kind(types.get(), "task_struct", BTF_KIND_STRUCT) <= 0) {
    return fail(what + ": its types are not a kernel's: they have no task_struct");
  }
  return {};
}

}  // namespace

Result<KernelTypes> find_kernel_types(const std::string& file, const std::string& own_file) {
  if (holds_types(own_file)) {
    return KernelTypes{.file = own_file, .own = true};
  }
  if (file.empty()) {
    return fail(
        "this kernel offers no types (BTF) by which its fields could be found; give a file of them "
        "with --kernel-types FILE (docs/how-to/kernel-without-types.md tells where to get it)");
  }
  if (auto checked = check_types(file); !checked) {
    return std::unexpected(checked.error());
  }
  return KernelTypes{.file = file, .own = false};
}

Result<> use_kernel_types(const std::string& file) {
  if (file.empty() && !chosen().file.empty()) {
    return {};
  }
  auto types = find_kernel_types(file);
  if (!types) {
    return std::unexpected(types.error());
  }
  chosen() = std::move(*types);
  return {};
}

const KernelTypes& kernel_types() { return chosen(); }

bool has_tracepoint(const std::string& name) {
  if (chosen().own) {
    return libbpf_find_vmlinux_btf_id(name.c_str(), BPF_TRACE_RAW_TP) > 0;
  }
  const Types types(btf__parse(chosen().file.c_str(), nullptr));
  return types &&
         btf__find_by_name_kind(types.get(), ("btf_trace_" + name).c_str(), BTF_KIND_TYPEDEF) > 0;
}

bool has_function(const std::string& name) {
  if (!chosen().own) {
    return false;
  }
  const Types types(btf__load_vmlinux_btf());
  return types && btf__find_by_name_kind(types.get(), name.c_str(), BTF_KIND_FUNC) > 0;
}

}  // namespace sonde
