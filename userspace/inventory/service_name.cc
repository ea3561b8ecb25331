// SPDX-License-Identifier: Apache-2.0
#include "userspace/inventory/service_name.h"

#include <algorithm>
#include <array>
#include <optional>

#include "userspace/inventory/printable.h"
#include "userspace/inventory/process.h"

namespace sonde {
namespace {

using Arguments = std::span<const std::string_view>;
using Words = std::span<const std::string_view>;

// How an interpreter's command line is read. Short options may carry their value in the same word
// (-Wonce).
struct Interpreter {
  std::string_view name;   // a version may follow: python3.11
  Words with_value;        // options whose value is the next word
  Words names_program;     // options whose value is the program: python -m MODULE, java -jar FILE
  Words inline_code;       // options that bring the code: there is no script
  Words subcommands = {};  // words before the script: deno run FILE
  bool last_option_wins =
      false;  // clustered short options count by their last letter: python -um MODULE
};

constexpr std::string_view kPythonValue[] = {"-W", "-X", "--check-hash-based-pycs"};
constexpr std::string_view kPythonProgram[] = {"-m"};
constexpr std::string_view kInlineC[] = {"-c"};
constexpr std::string_view kNodeValue[] = {
    "-r", "--require",    "--import",   "--loader", "--experimental-loader",
    "-C", "--conditions", "--env-file", "--title",  "--input-type"};
constexpr std::string_view kNodeInline[] = {"-e", "--eval", "-p", "--print", "-i", "--interactive"};
constexpr std::string_view kRun[] = {"run"};
constexpr std::string_view kJavaValue[] = {"-cp",
                                           "-classpath",
                                           "--class-path",
                                           "-p",
                                           "--module-path",
                                           "--upgrade-module-path",
                                           "--add-modules",
                                           "--add-reads",
                                           "--add-exports",
                                           "--add-opens",
                                           "--limit-modules",
                                           "--patch-module",
                                           "--source"};
constexpr std::string_view kJavaProgram[] = {"-jar", "-m", "--module"};
constexpr std::string_view kDotnetValue[] = {
    "--runtimeconfig",   "--depsfile",   "--additionalprobingpath",
    "--additional-deps", "--fx-version", "--roll-forward"};
constexpr std::string_view kExec[] = {"exec"};
constexpr std::string_view kPerlValue[] = {"-I", "-M"};
constexpr std::string_view kPerlInline[] = {"-e", "-E"};
constexpr std::string_view kRubyValue[] = {"-I", "-r", "-C", "-E"};
constexpr std::string_view kRubyInline[] = {"-e"};
constexpr std::string_view kPhpValue[] = {"-c", "-d", "-z", "-S", "-t"};
constexpr std::string_view kPhpProgram[] = {"-f", "--file", "-F"};
constexpr std::string_view kPhpInline[] = {"-r", "--run", "-R"};
constexpr std::string_view kShellValue[] = {"-o", "-O", "+o", "--rcfile", "--init-file"};
constexpr std::string_view kLuaValue[] = {"-l"};

constexpr Interpreter kInterpreters[] = {
    {"python", kPythonValue, kPythonProgram, kInlineC, {}, true},
    {"pypy", kPythonValue, kPythonProgram, kInlineC, {}, true},
    {"node", kNodeValue, {}, kNodeInline},
    {"nodejs", kNodeValue, {}, kNodeInline},
    {"deno", {}, {}, {}, kRun},
    {"bun", {}, {}, {}, kRun},
    {"java", kJavaValue, kJavaProgram, {}},
    {"dotnet", kDotnetValue, {}, {}, kExec},
    {"perl", kPerlValue, {}, kPerlInline, {}, true},
    {"ruby", kRubyValue, {}, kRubyInline},
    {"php", kPhpValue, kPhpProgram, kPhpInline},
    {"lua", kLuaValue, {}, kRubyInline},
    {"sh", kShellValue, {}, kInlineC, {}, true},
    {"bash", kShellValue, {}, kInlineC, {}, true},
    {"dash", kShellValue, {}, kInlineC, {}, true},
    {"ash", kShellValue, {}, kInlineC, {}, true},
    {"zsh", kShellValue, {}, kInlineC, {}, true},
    {"ksh", kShellValue, {}, kInlineC, {}, true},
};

// Their suffixes are how a file is run, not what it is called.
constexpr std::string_view kSuffixes[] = {".py",  ".pyc", ".pyz", ".js",   ".mjs", ".cjs",  ".ts",
                                          ".jar", ".war", ".dll", ".exe",  ".sh",  ".bash", ".pl",
                                          ".rb",  ".ru",  ".php", ".phar", ".lua"};

// Stems that say "the directory is the program".
constexpr std::string_view kDirectoryStems[] = {"__main__", "index"};

bool contains(Words words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

std::string_view base_name(std::string_view path) {
  while (path.size() > 1 && path.back() == '/') {
    path.remove_suffix(1);
  }
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

std::string_view without_suffix(std::string_view file) {
  for (const std::string_view suffix : kSuffixes) {
    if (file.size() > suffix.size() && file.ends_with(suffix)) {
      return file.substr(0, file.size() - suffix.size());
    }
  }
  return file;
}

std::string_view program_name(std::string_view path) {
  const std::string_view stem = without_suffix(base_name(path));
  const size_t slash = path.rfind('/');
  if (contains(kDirectoryStems, stem) && slash != std::string_view::npos && slash > 0) {
    const std::string_view directory = base_name(path.substr(0, slash));
    if (!directory.empty() && directory != "." && directory != "..") {
      return directory;
    }
  }
  return stem;
}

const Interpreter* interpreter_called(std::string_view file) {
  for (const Interpreter& interpreter : kInterpreters) {
    if (file.starts_with(interpreter.name) &&
        file.find_first_not_of("0123456789.", interpreter.name.size()) == std::string_view::npos) {
      return &interpreter;
    }
  }
  return nullptr;
}

// Programs that rewrite their title leave prose in the first word ("puma 6.4 (tcp://...) [shop]",
// "gunicorn: master [app]") or one word of their own and nothing else.
std::optional<std::string_view> title_of(Arguments arguments) {
  const std::string_view first = arguments.empty() ? std::string_view() : arguments[0];
  if (first.empty() || first.starts_with('/')) {
    return std::nullopt;
  }
  const size_t end = first.find_first_of(": ");
  if (end != std::string_view::npos) {
    return end == 0 ? std::nullopt : std::optional(first.substr(0, end));
  }
  const bool alone =
      std::ranges::all_of(arguments.subspan(1), [](std::string_view word) { return word.empty(); });
  const std::string_view file =
      base_name(first.substr(first.starts_with('-') ? 1 : 0));  // -bash: a login shell
  return alone && interpreter_called(file) == nullptr ? std::optional(file) : std::nullopt;
}

// The option as the tables know it: of a cluster (-um) the last letter decides.
std::string_view option_in(std::string_view word, const Interpreter& interpreter,
                           std::array<char, 2>& storage) {
  if (interpreter.last_option_wins && word.size() > 2 && word[0] == '-' && word[1] != '-' &&
      std::ranges::all_of(word.substr(1), [](char c) { return c >= 'a' && c <= 'z'; })) {
    storage = {'-', word.back()};
    return {storage.data(), storage.size()};
  }
  return word;
}

// What the interpreter runs; nothing if that is not in its words (standard input, code in an
// option).
std::optional<std::string_view> program_of(const Interpreter& interpreter, Arguments arguments) {
  for (size_t i = 1; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    if (word == "--" && i + 1 < arguments.size()) {
      return program_name(arguments[i + 1]);
    }
    if (!word.starts_with('-') && !word.starts_with('+')) {
      if (contains(interpreter.subcommands, word)) {
        continue;
      }
      // A class (java com.acme.Shop) is no path.
      return word.empty() ? std::nullopt : std::optional(program_name(word));
    }
    std::array<char, 2> storage{};
    const std::string_view option = option_in(word, interpreter, storage);
    if (option == "-" || contains(interpreter.inline_code, option)) {
      return std::nullopt;
    }
    if (contains(interpreter.names_program, option) && i + 1 < arguments.size()) {
      return program_name(arguments[i + 1]);
    }
    if (contains(interpreter.with_value, option)) {
      ++i;
    }
  }
  return std::nullopt;
}

bool is_applet_box(std::string_view file) { return file == "busybox" || file == "toybox"; }

}  // namespace

std::string service_name(std::string_view executable, std::span<const std::string_view> arguments,
                         std::string_view command) {
  arguments = arguments.first(std::min(arguments.size(), kMaxArguments));
  constexpr std::string_view kDeleted = " (deleted)";  // the kernel says so of a replaced file
  if (executable.ends_with(kDeleted)) {
    executable.remove_suffix(kDeleted.size());
  }
  std::string_view file = base_name(executable);
  if (file.empty() && !arguments.empty()) {
    file = base_name(arguments[0].substr(0, arguments[0].find_first_of(": ")));
  }
  if (is_applet_box(file) && !arguments.empty()) {
    if (is_applet_box(base_name(arguments[0])) && arguments.size() > 1) {
      arguments = arguments.subspan(1);
    }
    file = base_name(arguments[0]);
    if (file.starts_with('-')) {
      file.remove_prefix(1);  // a login shell
    }
  }
  std::string_view name = file;
  if (const Interpreter* interpreter = interpreter_called(file)) {
    const std::optional<std::string_view> title = title_of(arguments);
    const std::optional<std::string_view> program =
        title ? title : program_of(*interpreter, arguments);
    name = program && !program->empty() ? *program : interpreter->name;
  }
  if (name.empty()) {
    name = command;
  }
  std::string shown = printable(name, kMaxServiceName);
  return shown.empty() ? "unknown" : shown;
}

}  // namespace sonde
