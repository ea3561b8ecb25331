// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <optional>
#include <string>

#include "userspace/base/log.h"
#include "userspace/cli/address_names.h"
#include "userspace/cli/command.h"
#include "userspace/cli/extraction.h"
#include "userspace/config/value.h"

namespace sonde::cli {
namespace {

constexpr size_t kMaxLine = size_t{64} * 1024;
constexpr size_t kMaxAnswers = size_t{64} * 1024;  // that wait to be written, but for one

struct Wish {
  AddressScope scope;
  std::string words;  // empty: they are read from standard input
  Config config;      // of symbols alone
};

// What follows a flag: behind it ("-p12", "--pid=12") or as the next word.
std::optional<std::string_view> value_of(std::span<const std::string_view>& words,
                                         std::string_view letter, std::string_view flag) {
  const std::string_view word = words[0];
  const std::string with_value = std::string(flag) + "=";
  if (word.starts_with(with_value)) {
    return word.substr(with_value.size());
  }
  if (word == letter || word == flag) {
    if (words.size() < 2) {
      return std::string_view();
    }
    words = words.subspan(1);
    return words[0];
  }
  return std::nullopt;
}

// Whether it is a flag of the option table, of those that symbols have. Wrong: its value.
Result<bool> read_option(std::span<const std::string_view>& words, Config& config) {
  for (const Option& option : options()) {
    if (option.group != OptionGroup::kSymbols) {
      continue;
    }
    const std::string flag = "--" + std::string(option.flag);
    if (const auto value = value_of(words, flag, flag)) {
      const auto wrong = set_value(option, *value, config);
      return wrong ? fail(flag + ": " + *wrong) : Result<bool>(true);
    }
  }
  return false;
}

// Wrong: what a person should know.
Result<Wish> read_wish(std::span<const std::string_view> words) {
  Wish out;
  bool flags = true;
  for (; !words.empty(); words = words.subspan(1)) {
    const std::string_view word = words[0];
    if (!flags || !word.starts_with('-')) {
      out.words.append(out.words.empty() ? "" : " ").append(word);
    } else if (word == "--") {
      flags = false;
    } else if (word == "-k" || word == "--kernel") {
      out.scope.kernel = true;
    } else if (word == "-l" || word == "--lines") {
      out.scope.lines = true;
    } else if (word == "--no-demangle") {
      out.scope.form = NameForm::kLinked;
    } else if (const auto file = value_of(words, "-e", "--file")) {
      if (file->empty()) {
        return fail("-e needs a file");
      }
      out.scope.file = *file;
    } else if (const auto pid = value_of(words, "-p", "--pid")) {
      const auto [end, error] =
          std::from_chars(pid->data(), pid->data() + pid->size(), out.scope.pid);
      if (error != std::errc() || end != pid->data() + pid->size() || out.scope.pid == 0) {
        return fail("-p needs the number of a process");
      }
    } else if (const auto known = read_option(words, out.config); !known || !*known) {
      return known ? fail("unknown flag " + std::string(word)) : std::unexpected(known.error());
    }
  }
  const AddressScope& scope = out.scope;
  if ((scope.file.empty() ? 0 : 1) + (scope.pid != 0 ? 1 : 0) + (scope.kernel ? 1 : 0) > 1) {
    return fail("-e, -p and --kernel are three places: choose one");
  }
  return out;
}

Result<> print(std::string& answers) {
  std::string_view left = answers;
  while (!left.empty()) {
    const ssize_t n = ::write(STDOUT_FILENO, left.data(), left.size());
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      return fail_errno("write to standard output", errno);
    }
    left.remove_prefix(static_cast<size_t>(n));
  }
  answers.clear();
  return {};
}

// Line by line; what was read at once is answered before more is waited for.
Result<> answer_input(AddressNames& names) {
  std::string text;
  std::string answers;
  while (true) {
    const size_t had = text.size();
    int failed = 0;
    text.resize_and_overwrite(had + kMaxLine, [&](char* bytes, size_t /*size*/) {
      ssize_t n = 0;
      do {
        n = ::read(STDIN_FILENO, bytes + had, kMaxLine);
      } while (n < 0 && errno == EINTR);
      failed = n < 0 ? errno : 0;
      return had + static_cast<size_t>(std::max<ssize_t>(n, 0));
    });
    if (failed != 0) {
      return fail_errno("read standard input", failed);
    }
    const bool over = text.size() == had;
    if (over && !text.empty()) {
      text += '\n';  // the last line has no end
    }
    size_t done = 0;
    for (size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', done)) {
      names.answer(std::string_view(text).substr(done, end - done), answers);
      done = end + 1;
      if (answers.size() < kMaxAnswers) {
        continue;
      }
      if (auto printed = print(answers); !printed) {
        return printed;
      }
    }
    text.erase(0, done);
    if (auto printed = print(answers); !printed || over) {
      return printed;
    }
    if (text.size() > kMaxLine) {
      return fail("a line of input that does not end");
    }
  }
}

int run(const Config& /*config*/, const Arguments& arguments) {
  const auto wish = read_wish(arguments.words);
  if (!wish) {
    fmt::print(stderr, "sonde symbolize: {}; `sonde symbolize --help` tells more\n",
               wish.error().what);
    return kWrongUse;
  }
  auto extractor = start_extractor(wish->config.symbols);
  AddressNames names(extractor ? &*extractor : nullptr, wish->scope);
  std::string answers;
  if (!wish->words.empty()) {
    names.answer(wish->words, answers);
  }
  const auto done = wish->words.empty() ? answer_input(names) : print(answers);
  if (!done) {
    log::error("{}", done.error().what);
    return kFailure;
  }
  if (extractor) {
    tell_fetched(extractor->counts());
  }
  return names.failures() == 0 ? kOk : kFailure;
}

}  // namespace

const Command symbolize_command = {
    .name = "symbolize",
    .summary = "name the functions at addresses of files, processes and the kernel",
    .usage = "[-e FILE | -p PID | --kernel] [[FILE] ADDRESS...]",
    .text =
        R"(Prints the name of the function that stands at each address, one a line. Without addresses on the
command line it reads lines from standard input and answers each at once, so that it can stand in
a pipe. What has no name is printed as FILE+0xOFFSET, or as it was asked for: nothing is lost, and
there are as many answers as addresses. Addresses are hexadecimal, with or without 0x:

  FILE ADDRESS...     as nm and objdump show them; FILE is a program or a library
  ADDRESS             of the file, the process or the kernel that a flag names
  FILE+0xOFFSET       an offset in the file, as profiles tell it; FILE has a slash in it
  BUILDID+0xOFFSET    the same, of a build that `sonde profile` or this command saw before, or
                      that is the file of -e; the id's first 8 digits will do, and so does
                      NAME:BUILDID+0xOFFSET, as texts of profiles have it

  -e, --file FILE     addresses are of this file
  -p, --pid PID       addresses are of this process, as its memory is now: libraries, [vdso], and
                      code made at run time, if its runtime writes a perf map
  -k, --kernel        addresses are of the kernel and its modules
  -l, --lines         inlined functions, files and lines too, by DWARF or a Go program's own table:
                      for each address a line "NAME at FILE:LINE" for each function, the innermost
                      first, and an empty line behind them
      --no-demangle   names as linkers know them: _ZN4shop4sellEv
      --debuginfod URLS
                      ask these servers for the symbols of files that have none here, by their
                      build-ids; "env": those of DEBUGINFOD_URLS. Without this flag nobody is asked.
                      --debuginfod-time 90s and --debuginfod-size 512MiB bound each file

Names come from the file's own symbols, from its separate debug file (/usr/lib/debug, by build-id or
.gnu_debuglink; of a process in its own root first), from symbols packed within it (.gnu_debugdata),
and from the relocations of its PLT. C++ and Rust names are shown as they were written. Files
are read by a process of their own that may do nothing else; its tables are kept in
/var/cache/sonde (for others than root: ~/.cache/sonde), to be removed at any time.

Privileges: none for files that you may read; CAP_SYS_PTRACE for processes of other users;
CAP_SYSLOG for the kernel, where its addresses are hidden.

Examples:
  sonde symbolize /usr/bin/python3.11 0x53f2a0 0x51e7c1
  sonde symbolize --lines -e ./shop < addresses.txt
  sudo sonde symbolize -p 1234 7f3c1a2b4d10
  sudo sonde symbolize --kernel ffffffff81a01234
  sonde symbolize 93ac61ec5a8eb1396f9fbd350e3169a558528a40+0x8e5c4
)",
    .groups = {},
    .operands = {},
    .run = run,
};

}  // namespace sonde::cli
