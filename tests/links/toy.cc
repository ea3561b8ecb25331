// SPDX-License-Identifier: Apache-2.0
// Uses every library that the binary links or will link, and what static linking is known to break:
// exceptions through library frames, threads, fork, iostreams, symbol reading. Prints one line.
// scripts/prove-links builds it and runs it on each distribution; docs/decisions/0001-linking.md
// has the figures.
#include <bpf/libbpf.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gelf.h>
#include <sys/wait.h>
#include <tsl/robin_map.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>
#include <zlib.h>
#include <zstd.h>

#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

void expect(bool good, const char* what) {
  if (!good) {
    std::fprintf(stderr, "toy: %s\n", what);
    std::_Exit(1);
  }
}

void yaml_throws_and_we_catch() {
  int line = -1;
  try {
    YAML::Load("a: [1, 2\nb: }");
  } catch (const YAML::ParserException& error) {
    line = error.mark.line;
  }
  expect(line == 1, "exception through yaml-cpp");
}

void threads_throw_and_join() {
  int caught = 0;
  std::vector<std::jthread> threads;
  std::mutex mutex;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      try {
        throw std::runtime_error("thread");
      } catch (const std::exception&) {
        const std::lock_guard lock(mutex);
        ++caught;
      }
    });
  }
  threads.clear();
  expect(caught == 4, "exceptions in threads");
}

void compress() {
  const std::string text(10000, 'x');
  std::vector<Bytef> packed(compressBound(text.size()));
  uLongf size = packed.size();
  expect(::compress(packed.data(), &size, reinterpret_cast<const Bytef*>(text.data()),
                    text.size()) == Z_OK,
         "zlib");
  std::vector<char> squeezed(ZSTD_compressBound(text.size()));
  expect(
      !ZSTD_isError(ZSTD_compress(squeezed.data(), squeezed.size(), text.data(), text.size(), 1)),
      "zstd");
}

std::string own_symbol() {
  static char* debuginfo_path = nullptr;
  static const Dwfl_Callbacks callbacks = {.find_elf = dwfl_linux_proc_find_elf,
                                           .find_debuginfo = dwfl_standard_find_debuginfo,
                                           .section_address = nullptr,
                                           .debuginfo_path = &debuginfo_path};
  Dwfl* dwfl = dwfl_begin(&callbacks);
  expect(dwfl != nullptr && dwfl_linux_proc_report(dwfl, getpid()) == 0, "libdw reads /proc");
  dwfl_report_end(dwfl, nullptr, nullptr);
  const auto address = reinterpret_cast<Dwarf_Addr>(&yaml_throws_and_we_catch);
  Dwfl_Module* module = dwfl_addrmodule(dwfl, address);
  const char* name = module ? dwfl_module_addrname(module, address) : nullptr;
  std::string result = name ? name : "?";
  dwfl_end(dwfl);
  return result;
}

void elf_reads_itself() {
  elf_version(EV_CURRENT);
  const int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  Elf* elf = elf_begin(fd, ELF_C_READ, nullptr);
  GElf_Ehdr header;
  expect(elf && gelf_getehdr(elf, &header) && header.e_type == ET_DYN,
         "libelf: position independent");
  elf_end(elf);
  close(fd);
}

}  // namespace

// libdw asks for a library by dlopen when DEBUGINFOD_URLS is set: the binary loads no code at run
// time.
extern "C" void* __wrap_dlopen(const char* /*file*/, int /*mode*/) { return nullptr; }

int main() {
  yaml_throws_and_we_catch();
  threads_throw_and_join();
  compress();
  elf_reads_itself();
  const pid_t child = fork();
  if (child == 0) {
    threads_throw_and_join();
    std::_Exit(0);
  }
  int status = 1;
  waitpid(child, &status, 0);
  expect(status == 0, "threads after fork");
  tsl::robin_map<std::string, int> map{{"a", 1}};
  std::ostringstream stream;
  stream << map["a"];
  libbpf_set_print(nullptr);
  expect(bpf_object__open_mem("x", 1, nullptr) == nullptr, "libbpf refuses rubbish");
  fmt::print("ok: {} libbpf {} symbol {}\n", stream.str(), libbpf_version_string(), own_symbol());
}
