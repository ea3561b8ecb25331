// SPDX-License-Identifier: Apache-2.0
#include "userspace/inventory/service_name.h"

#include <algorithm>
#include <array>
#include <optional>

#include "userspace/inventory/interpreters.h"
#include "userspace/inventory/printable.h"
#include "userspace/inventory/process.h"

namespace sonde {
namespace {

using interpreters::Interpreter;
using interpreters::kDirectoryStems;
using interpreters::kInterpreters;
using interpreters::kKnownClasses;
using interpreters::kModuleServers;
using interpreters::KnownClass;
using interpreters::kPlainModules;
using interpreters::kSuffixes;
using interpreters::kWrappers;
using interpreters::kWrapperWords;
using interpreters::Words;
using Arguments = std::span<const std::string_view>;

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

// The place of the word that says what the interpreter runs; nothing if none does (standard input,
// code in an option).
std::optional<size_t> program_word(const Interpreter& interpreter, Arguments arguments) {
  for (size_t i = 1; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    if (word == "--" && i + 1 < arguments.size()) {
      return i + 1;
    }
    if (!word.starts_with('-') && !word.starts_with('+') && !word.starts_with('@')) {
      if (contains(interpreter.subcommands, word)) {
        continue;
      }
      return word.empty() ? std::nullopt : std::optional(i);
    }
    std::array<char, 2> storage{};
    const std::string_view option = option_in(word, interpreter, storage);
    if (option == "-" || contains(interpreter.inline_code, option)) {
      return std::nullopt;
    }
    if (contains(interpreter.names_program, option) && i + 1 < arguments.size()) {
      return i + 1;
    }
    if (contains(interpreter.with_value, option)) {
      ++i;
    }
  }
  return std::nullopt;
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// MODULE:OBJECT or MODULE:factory(): the module, without what says nothing. Empty: it is none.
std::string_view module_in(std::string_view word) {
  const size_t colon = word.find(':');
  if (colon == std::string_view::npos || colon + 1 == word.size() || !is_letter(word[0]) ||
      !is_letter(word[colon + 1])) {
    return {};
  }
  std::string_view module = word.substr(0, colon);
  if (!std::ranges::all_of(module,
                           [](char c) { return is_letter(c) || is_digit(c) || c == '.'; })) {
    return {};
  }
  const size_t dot = module.rfind('.');
  return dot != std::string_view::npos && contains(kPlainModules, module.substr(dot + 1))
             ? module.substr(0, dot)
             : module;
}

std::string_view module_among(Arguments arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    constexpr std::string_view kApp = "--app";
    std::string_view word = arguments[i];
    if (word == kApp && i + 1 < arguments.size()) {
      word = arguments[i + 1];
      return module_in(word).empty() ? program_name(word) : module_in(word);
    }
    if (const std::string_view module = module_in(word); !module.empty()) {
      return module;
    }
  }
  return {};
}

// com.acme.Shop, shop/com.acme.Shop: Shop.
std::string_view class_name(std::string_view word) {
  word = word.substr(word.rfind('/') + 1);  // npos + 1 is 0
  for (const KnownClass& known : kKnownClasses) {
    if (word == known.name) {
      return known.means;
    }
  }
  return word.substr(word.rfind('.') + 1);
}

// shop-1.2.3-SNAPSHOT: shop. A release is no other service.
std::string_view without_version(std::string_view stem) {
  for (size_t i = 1; i < stem.size(); ++i) {
    if (stem[i] != '-' || i + 1 == stem.size() || !is_digit(stem[i + 1])) {
      continue;
    }
    const std::string_view version = stem.substr(i + 1);
    const size_t digits = std::min(version.find_first_not_of("0123456789"), version.size());
    if (digits + 1 < version.size() && version[digits] == '.' && is_digit(version[digits + 1])) {
      return stem.substr(0, i);
    }
  }
  return stem;
}

// What the word at `at` is called, looking through those who only run another.
std::string_view called(const Interpreter& interpreter, Arguments arguments, size_t at) {
  if (interpreter.name == "java") {
    const std::string_view word = arguments[at];
    return word.ends_with(".jar") || word.ends_with(".war") ? without_version(program_name(word))
                                                            : class_name(word);
  }
  std::string_view name = program_name(arguments[at]);
  for (size_t i = at + 1; i < arguments.size() && contains(kWrappers, name); ++i) {
    const std::string_view word = arguments[i];
    const bool number = word.find_first_not_of("0123456789.:") == std::string_view::npos;
    if (!word.starts_with('-') && !number && !contains(kWrapperWords, word)) {
      name = program_name(word);
      at = i;
    }
  }
  if (contains(kModuleServers, name)) {
    const std::string_view module = module_among(arguments.subspan(at + 1));
    return module.empty() ? name : module;
  }
  return name;
}

// A title names what it serves in brackets: "puma 6.4 (tcp://...) [shop]".
std::string_view titled(std::string_view title, std::string_view first) {
  const size_t open = first.rfind('[');
  const size_t close = first.rfind(']');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open + 2 ||
      (title != "puma" && !contains(kModuleServers, title))) {
    return title;
  }
  const std::string_view inside = first.substr(open + 1, close - open - 1);
  if (!is_letter(inside[0])) {
    return title;
  }
  const std::string_view module = module_in(inside);
  return module.empty() ? inside : module;
}

// Erlang's machine is called by its node: -sname rabbit@host.
std::string_view erlang_node(Arguments arguments) {
  for (size_t i = 0; i + 1 < arguments.size(); ++i) {
    if (arguments[i] == "-sname" || arguments[i] == "-name") {
      const std::string_view node = arguments[i + 1].substr(0, arguments[i + 1].find('@'));
      return node;
    }
  }
  return {};
}

bool is_applet_box(std::string_view file) { return file == "busybox" || file == "toybox"; }

}  // namespace

ProgramName read_program(std::string_view executable, std::span<const std::string_view> arguments,
                         std::string_view command) {
  arguments = arguments.first(std::min(arguments.size(), kMaxArguments));
  constexpr std::string_view kDeleted = " (deleted)";  // the kernel says so of a replaced file
  if (executable.ends_with(kDeleted)) {
    executable.remove_suffix(kDeleted.size());
  }
  std::string_view file = base_name(executable);
  if ((file.starts_with("ld-linux") || file.starts_with("ld-musl")) && arguments.size() > 1 &&
      !arguments[1].starts_with('-')) {
    arguments = arguments.subspan(1);  // the loader, run by hand
    file = base_name(arguments[0]);
  }
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
  bool interpreter_alone = false;
  if (const Interpreter* interpreter = interpreter_called(file)) {
    std::string_view program;
    if (const std::optional<std::string_view> title = title_of(arguments)) {
      program = titled(*title, arguments[0]);
    } else if (const std::optional<size_t> at = program_word(*interpreter, arguments)) {
      program = called(*interpreter, arguments, *at);
    }
    interpreter_alone = program.empty();
    name = interpreter_alone ? interpreter->name : program;
  } else if (file == "beam.smp" || file == "beam") {
    const std::string_view node = erlang_node(arguments);
    name = node.empty() ? file : node;
  }
  if (name.empty()) {
    name = command;
  }
  std::string shown = printable(name, kMaxServiceName);
  return {.name = shown.empty() ? "unknown" : std::move(shown), .interpreter = interpreter_alone};
}

bool is_shell(std::string_view executable) {
  constexpr std::string_view kShells[] = {"sh", "bash", "dash", "ash", "zsh", "ksh", "busybox"};
  return contains(kShells, base_name(executable));
}

}  // namespace sonde
