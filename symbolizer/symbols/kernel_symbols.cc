// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/symbols/kernel_symbols.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <iterator>
#include <tuple>

#include "userspace/base/fd.h"

namespace sonde {
namespace {

constexpr const char* kPath = "/proc/kallsyms";
constexpr size_t kChunk = size_t{64} * 1024;
constexpr size_t kMaxFile = 256u << 20;
constexpr std::string_view kFunctionKinds = "TtWw";

// Global before weak before local; 3: no function.
uint8_t rank_of(char kind) {
  return kind == 'T' ? 0 : kind == 'W' || kind == 'w' ? 1 : kind == 't' ? 2 : 3;
}

}  // namespace

// "ffffffff81000000 T name", and "\t[module]" behind the name of a module's.
bool KernelSymbols::add(std::string_view line) {
  uint64_t start = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), start, 16);
  line.remove_prefix(static_cast<size_t>(end - line.data()));
  if (error != std::errc() || line.size() < 4 || line[0] != ' ' || line[2] != ' ') {
    return false;
  }
  const char kind = line[1];
  line.remove_prefix(3);
  const std::string_view name = line.substr(0, line.find('\t')).substr(0, kMaxName);
  std::string_view module;
  if (const size_t open = line.find("\t["); open != std::string_view::npos) {
    module = line.substr(open + 2, line.find(']', open) - open - 2);
  }
  if (name.empty() || symbols_.size() >= kMaxSymbols ||
      names_.size() + name.size() > kMaxNameBytes) {
    return false;
  }
  hidden_ = hidden_ && start == 0;
  Symbol symbol{.start = start, .name = 0, .name_size = 0, .module = 0, .rank = rank_of(kind)};
  if (kFunctionKinds.contains(kind)) {
    symbol.name = static_cast<uint32_t>(names_.size());
    symbol.name_size = static_cast<uint16_t>(name.size());
    symbol.module = module_number(module);
    names_ += name;
  }
  symbols_.push_back(symbol);
  return true;
}

// A module's symbols stand together.
uint16_t KernelSymbols::module_number(std::string_view name) {
  if (name.empty()) {
    return 0;
  }
  if (modules_.back() != name && modules_.size() < kMaxModules) {
    modules_.emplace_back(name.substr(0, kMaxName));
  }
  return static_cast<uint16_t>(modules_.size() - 1);
}

Result<> KernelSymbols::finish() {
  if (symbols_.empty()) {
    return fail("/proc/kallsyms is empty");
  }
  if (hidden_) {
    return fail("the kernel hides its addresses: kernel.kptr_restrict, or CAP_SYSLOG is missing",
                EPERM);
  }
  std::ranges::sort(symbols_, {},
                    [](const Symbol& s) { return std::tuple(s.start, s.rank, s.name); });
  const auto others = std::ranges::unique(symbols_, {}, &Symbol::start);
  symbols_.erase(others.begin(), others.end());
  symbols_.shrink_to_fit();
  return {};
}

void KernelSymbols::add_lines(std::string_view text) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    refused_ += add(text.substr(0, end)) ? 0 : 1;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

Result<KernelSymbols> KernelSymbols::parse(std::string_view text) {
  KernelSymbols symbols;
  symbols.add_lines(text);
  if (auto finished = symbols.finish(); !finished) {
    return std::unexpected(finished.error());
  }
  return symbols;
}

Result<KernelSymbols> KernelSymbols::read() {
  const Fd file(::open(kPath, O_RDONLY | O_CLOEXEC));
  return file.ok() ? read(file.get()) : fail_errno(kPath, errno);
}

Result<KernelSymbols> KernelSymbols::read(int kallsyms) {
  if (::lseek(kallsyms, 0, SEEK_SET) != 0) {
    return fail_errno(kPath, errno);
  }
  KernelSymbols symbols;
  std::string buffer(kChunk, '\0');
  size_t had = 0;  // of a line whose end did not come yet
  for (size_t all = 0; all < kMaxFile;) {
    const ssize_t n = ::read(kallsyms, buffer.data() + had, buffer.size() - had);
    if (n < 0) {
      return fail_errno(kPath, errno);
    }
    if (n == 0) {
      break;
    }
    all += static_cast<size_t>(n);
    had += static_cast<size_t>(n);
    // A line that fills all of it is none of the kernel's.
    const size_t line_end = std::string_view(buffer).substr(0, had).rfind('\n');
    const size_t whole = line_end != std::string_view::npos ? line_end + 1
                         : had == buffer.size()             ? had
                                                            : 0;
    symbols.add_lines(std::string_view(buffer).substr(0, whole));
    had -= whole;
    std::copy_n(buffer.begin() + static_cast<ptrdiff_t>(whole), had, buffer.begin());
  }
  symbols.add_lines(std::string_view(buffer).substr(0, had));
  if (auto finished = symbols.finish(); !finished) {
    return std::unexpected(finished.error());
  }
  return symbols;
}

std::optional<KernelSymbols::Found> KernelSymbols::find(uint64_t address) const {
  const auto after = std::ranges::upper_bound(symbols_, address, {}, &Symbol::start);
  if (after == symbols_.begin()) {
    return std::nullopt;
  }
  const Symbol& symbol = *std::prev(after);
  const uint64_t offset = address - symbol.start;
  if (symbol.name_size == 0 || offset >= kMaxFunction) {
    return std::nullopt;
  }
  return Found{std::string_view(names_).substr(symbol.name, symbol.name_size),
               modules_[symbol.module], offset};
}

}  // namespace sonde
