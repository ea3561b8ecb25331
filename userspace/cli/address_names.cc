// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/address_names.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdlib>

#include "symbolizer/store/store.h"
#include "symbolizer/symbols/demangle.h"
#include "userspace/base/log.h"
#include "userspace/inventory/build_id.h"
#include "userspace/pipeline/module_tables.h"

namespace sonde::cli {
namespace {

constexpr std::string_view kBlanks = " \t\r";

// Hexadecimal, with or without 0x, and nothing behind it.
std::optional<uint64_t> number(std::string_view word) {
  if (word.starts_with("0x") || word.starts_with("0X")) {
    word.remove_prefix(2);
  }
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, 16);
  if (error != std::errc() || end != word.data() + word.size()) {
    return std::nullopt;
  }
  return value;
}

bool is_build_id(std::string_view text) {
  constexpr size_t kLeast = 8;
  return text.size() >= kLeast &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string_view next_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  const std::string_view word = text.substr(0, text.find_first_of(kBlanks));
  text.remove_prefix(word.size());
  return word;
}

}  // namespace

void AddressNames::answer(std::string_view words, std::string& out) {
  std::string_view file = scope_.file;
  std::string_view unused;  // a file without an address so far
  bool answered = false;
  for (std::string_view word = next_word(words); !word.empty(); word = next_word(words)) {
    const size_t plus = word.rfind('+');
    const auto offset =
        plus != std::string_view::npos && plus > 0 && word.substr(plus + 1).starts_with("0x")
            ? number(word.substr(plus + 1))
            : std::nullopt;
    if (offset) {
      add(at_offset(word, word.substr(0, plus), *offset), out);
      answered = true;
    } else if (const auto address = number(word)) {
      add(at_address(word, file, *address), out);
      answered = true;
      unused = {};
    } else {
      if (!unused.empty()) {
        add(unused, out);
      }
      file = unused = word;
    }
  }
  if (!unused.empty() || !answered) {
    add(unused, out);
  }
}

void AddressNames::add(std::string_view answer, std::string& out) const {
  out += answer;
  if (scope_.lines && !answer.ends_with('\n')) {
    out += '\n';
  }
  out += '\n';
}

std::string AddressNames::at_address(std::string_view word, std::string_view file,
                                     uint64_t address) {
  if (!file.empty()) {
    return in_file(word, file, address);
  }
  if (scope_.pid != 0) {
    return in_process(word, address);
  }
  return scope_.kernel ? at_offset(word, kernel_.path, address) : std::string(word);
}

// An address as the file's own headers count it, like nm and objdump show it.
std::string AddressNames::in_file(std::string_view word, std::string_view path, uint64_t address) {
  const OpenFile* file = open(path);
  if (file == nullptr) {
    return std::string(word);
  }
  for (const ElfSegment& segment : file->segments) {
    if (address >= segment.address && address - segment.address < segment.size) {
      return named(file->module, segment.offset + (address - segment.address));
    }
  }
  return std::string(word);
}

// A place as profiles tell it.
std::string AddressNames::at_offset(std::string_view word, std::string_view where,
                                    uint64_t offset) {
  if (where == kernel_.path) {
    std::string name = names_.name(kernel_, offset);
    return name.empty() ? std::string(word) : name;
  }
  // Behind a file's name, if there is one, as texts of profiles have it.
  const bool of_path = where.contains('/');
  if (const std::string_view id = where.substr(where.rfind(':') + 1); !of_path && is_build_id(id)) {
    return of_build(word, std::string(id), offset);
  }
  const OpenFile* file = of_path ? open(where) : nullptr;
  return file != nullptr ? named(file->module, offset) : std::string(word);
}

// By the file that was named, if it is that build, else by the largest table that is kept of it.
// build_id: its beginning will do.
std::string AddressNames::of_build(std::string_view word, const std::string& build_id,
                                   uint64_t offset) {
  if (!scope_.file.empty()) {
    const OpenFile* file = open(scope_.file);
    if (file != nullptr && file->module.build_id.starts_with(build_id)) {
      return named(file->module, offset);
    }
  }
  const FileSymbols* table = table_of(build_id);
  const auto found = table != nullptr ? (*table)->find(offset) : std::nullopt;
  if (!found) {
    return std::string(word);
  }
  return scope_.form == NameForm::kWritten ? demangle(found->name) : std::string(found->name);
}

// Null: none is kept, or of more than one build that begins so.
const FileSymbols* AddressNames::table_of(const std::string& build_id) {
  auto at = builds_.find(build_id);
  if (at == builds_.end()) {
    if (builds_.size() >= kMaxBuilds) {
      builds_.clear();
    }
    at = builds_.emplace(build_id, std::nullopt).first;
    const auto store = Store::open(Store::default_path());
    const std::vector<std::string> names =
        store ? store->names(build_id) : std::vector<std::string>();
    const auto whole = [](const std::string& name) { return name.substr(0, name.find('-')); };
    const bool one = std::ranges::all_of(
        names, [&](const std::string& name) { return whole(name) == whole(names.front()); });
    for (const std::string& each : names) {
      auto read =
          one && each.ends_with(".sym") ? FileSymbols::in(store->find(each)) : fail("no table");
      if (read) {
        at->second.emplace(*std::move(read));
        break;
      }
    }
  }
  return at->second ? &*at->second : nullptr;
}

std::string AddressNames::in_process(std::string_view word, uint64_t address) {
  if (!process_read_) {
    process_read_ = true;
    if (auto read = read_mappings(Pid{scope_.pid})) {
      process_ = std::make_unique<Process>(*std::move(read), ModuleTable());
    } else {
      tell(read.error());
    }
  }
  const Mapping* mapping = process_ != nullptr ? process_->mappings.find(address) : nullptr;
  if (mapping == nullptr) {
    return std::string(word);
  }
  const Module& module = process_->modules.all()[process_->modules.of(Pid{scope_.pid}, *mapping)];
  const bool of_file = module.kind == ModuleKind::kFile || module.kind == ModuleKind::kSpecial;
  return named(module, of_file ? address - mapping->start + mapping->offset : address);
}

std::string AddressNames::named(const Module& module, uint64_t offset) {
  std::string name = names_.name(module, offset);
  if (name.empty()) {
    name = place_name(module, offset);
  }
  if (!scope_.lines) {
    return name;
  }
  frames_.clear();
  if (const auto& lines = lines_in(module)) {
    lines->find(offset, frames_);
  }
  std::string out = frames_.empty() ? name : "";
  for (const LineFrame& frame : frames_) {
    out += frame.function.empty() ? name : frame.function;
    out += frame.file.empty() ? "\n" : fmt::format(" at {}:{}\n", frame.file, frame.line);
  }
  return out;
}

const std::optional<ModuleLines>& AddressNames::lines_in(const Module& module) {
  auto at = lines_.find(&module);
  if (at == lines_.end()) {
    if (lines_.size() >= kMaxLines) {
      lines_.clear();
    }
    at = lines_.try_emplace(&module).first;
    auto lines = extractor_ != nullptr ? ModuleLines::of(module, *extractor_) : fail("no file");
    if (lines) {
      at->second.emplace(*std::move(lines));
    }
  }
  return at->second;
}

const AddressNames::OpenFile* AddressNames::open(std::string_view wanted) {
  if (wanted == last_path_ && last_file_ != nullptr) {
    return last_file_;
  }
  last_file_ = nullptr;
  const std::string path(wanted);
  last_path_ = path;
  if (const auto found = files_.find(path); found != files_.end()) {
    return last_file_ = found->second.get();
  }
  if (files_.size() >= kMaxFiles) {
    names_.forget();
    lines_.clear();
    files_.clear();
  }
  std::unique_ptr<OpenFile>& out = files_[path];
  Fd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  struct stat facts{};
  if (!file.ok() || ::fstat(file.get(), &facts) != 0) {
    tell(fail_errno(path, errno).error());
    return nullptr;
  }
  const auto size = static_cast<uint64_t>(std::max<off_t>(facts.st_size, 0));
  const auto elf = ElfFile::open(ByteSource::of_file(file.get(), size));
  if (!elf) {
    tell({.what = path + ": " + elf.error().what});
    return nullptr;
  }
  std::array<char, PATH_MAX> whole{};
  const bool resolved = ::realpath(path.c_str(), whole.data()) != nullptr;
  std::string build_id = read_build_id(file.get());
  out = std::make_unique<OpenFile>(
      OpenFile{.module = {.kind = ModuleKind::kFile,
                          .path = resolved ? std::string(whole.data()) : path,
                          .build_id = std::move(build_id),
                          .file = std::move(file),
                          .pid = Pid{static_cast<uint32_t>(::getpid())}},
               .segments = elf->segments()});
  return last_file_ = out.get();
}

void AddressNames::tell(const Error& error) {
  failures_++;
  log::error("{}", error.what);
}

}  // namespace sonde::cli
