// SPDX-License-Identifier: Apache-2.0
// Completion for three shells, written from the list of commands and the table of options, so that
// it knows what this very binary takes.
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "userspace/cli/command.h"
#include "userspace/config/value.h"

namespace sonde::cli {
namespace {

constexpr std::string_view kActions[] = {"bash", "zsh", "fish"};

bool takes(const Command& command, const Option& option) {
  return std::ranges::find(command.groups, option.group) != command.groups.end();
}

// What may follow the flag: words, a file, or what nobody can guess.
std::string words_of(const Option& option) {
  const auto* choice = std::get_if<ChoiceOption>(&option.kind);
  return choice != nullptr ? fmt::format("{}", fmt::join(choice->names, " ")) : "";
}

bool is_file(const Option& option) { return option.placeholder == "FILE"; }

std::string names_of_commands() {
  std::string out;
  for (const Command* command : commands()) {
    out += fmt::format("{}{}", out.empty() ? "" : " ", command->name);
  }
  return out;
}

// The flags and actions of a command, or for help its topics.
std::string words_of(const Command& command) {
  std::string out = fmt::format("{}", fmt::join(command.actions, " "));
  for (const Option& option : options()) {
    if (takes(command, option)) {
      out += fmt::format(" --{}{}", option.flag,
                         is_flag(option) ? fmt::format(" --no-{}", option.flag) : "");
    }
  }
  if (&command == &help_command) {
    out += names_of_commands() + " configuration commands";
  }
  return out + " --help";
}

std::string bash_script() {
  std::string out =
      R"(# Completion of sonde for bash. Put it where bash looks, or try it: source <(sonde completion bash)
_sonde() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=run words i
  COMPREPLY=()
  if ((COMP_CWORD == 1)) && [[ $word != -* ]]; then
)";
  out += fmt::format("    mapfile -t COMPREPLY < <(compgen -W '{}' -- \"$word\")\n",
                     names_of_commands());
  out += R"(    return
  fi
  [[ ${COMP_WORDS[1]} == -* ]] || command=${COMP_WORDS[1]}
  case $before in
)";
  for (const Option& option : options()) {
    if (is_file(option)) {
      out += fmt::format("    --{}) compopt -o default; return ;;\n", option.flag);
    } else if (const std::string words = words_of(option); !words.empty()) {
      out += fmt::format(
          "    --{}) mapfile -t COMPREPLY < <(compgen -W '{}' -- \"$word\"); return ;;\n",
          option.flag, words);
    }
  }
  out += "  esac\n  case $command in\n";
  for (const Command* command : commands()) {
    out += fmt::format("    {}) words='{}' ;;\n", command->name, words_of(*command));
  }
  out += R"(    *) return ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
  ((${#COMPREPLY[@]})) || compopt -o default
}
complete -F _sonde sonde
)";
  return out;
}

// Text inside single quotes; a single quote itself ends them, stands escaped, and begins them anew.
std::string shell_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return out + "'";
}

// In zsh's specifications brackets and colons mean something.
std::string zsh_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':') {
      out += '\\';
    }
    out += c;
  }
  return out;
}

std::string zsh_script() {
  std::string out =
      "#compdef sonde\n"
      "# Completion of sonde for zsh. Put it as _sonde into a folder of $fpath, or try it:\n"
      "#   source <(sonde completion zsh)\n"
      "_sonde() {\n"
      "  local -a names=(\n";
  for (const Command* command : commands()) {
    out += fmt::format(
        "    {}\n", shell_quoted(fmt::format("{}:{}", command->name, zsh_text(command->summary))));
  }
  out +=
      "  )\n"
      "  if ((CURRENT == 2)) && [[ $words[2] != -* ]]; then\n"
      "    _describe command names\n"
      "    return\n"
      "  fi\n"
      "  local command=run\n"
      "  [[ $words[2] == -* ]] || command=$words[2]\n"
      "  local -a flags=('--help[tell about it]')\n"
      "  case $command in\n";
  for (const Command* command : commands()) {
    out += fmt::format("    {})\n      flags+=(\n", command->name);
    for (const Option& option : options()) {
      if (!takes(*command, option)) {
        continue;
      }
      const std::string words = words_of(option);
      const std::string value = is_flag(option) ? ""
                                : is_file(option)
                                    ? fmt::format(":{}:_files", option.placeholder)
                                    : fmt::format(":{}:({})", zsh_text(option.placeholder), words);
      out += fmt::format("        {}\n", shell_quoted(fmt::format("*--{}[{}]{}", option.flag,
                                                                  zsh_text(option.help), value)));
    }
    if (!command->actions.empty()) {
      out += fmt::format("        '2:action:({})'\n", fmt::join(command->actions, " "));
    }
    if (command == &help_command) {
      out += fmt::format("        '2:topic:({} configuration commands)'\n", names_of_commands());
    }
    out += fmt::format("        '*:{}:_files'\n      ) ;;\n", "file");
  }
  out +=
      "  esac\n"
      "  _arguments $flags\n"
      "}\n"
      "if [[ $funcstack[1] == _sonde ]]; then _sonde \"$@\"; else compdef _sonde sonde; fi\n";
  return out;
}

std::string fish_script() {
  std::string out =
      "# Completion of sonde for fish. Put it into ~/.config/fish/completions/sonde.fish, or try "
      "it:\n"
      "#   sonde completion fish | source\n";
  for (const Command* command : commands()) {
    out += fmt::format("complete -c sonde -f -n __fish_use_subcommand -a {} -d {}\n", command->name,
                       shell_quoted(command->summary));
  }
  for (const Command* command : commands()) {
    const bool by_default = command == commands().front();
    const std::string seen =
        fmt::format("'{}__fish_seen_subcommand_from {}'",
                    by_default ? "__fish_use_subcommand; or " : "", command->name);
    for (const std::string_view action : command->actions) {
      out += fmt::format("complete -c sonde -f -n {} -a {}\n", seen, action);
    }
    if (command == &help_command) {
      out += fmt::format("complete -c sonde -f -n {} -a '{} configuration commands'\n", seen,
                         names_of_commands());
    }
    for (const Option& option : options()) {
      if (!takes(*command, option)) {
        continue;
      }
      const std::string words = words_of(option);
      out += fmt::format("complete -c sonde -n {} -l {} -d {}{}\n", seen, option.flag,
                         shell_quoted(option.help),
                         is_flag(option)   ? ""
                         : is_file(option) ? " -r -F"
                         : words.empty()   ? " -x"
                                           : fmt::format(" -x -a '{}'", words));
    }
  }
  return out;
}

int run(const Config& /*config*/, const Arguments& arguments) {
  fmt::print("{}", arguments.action == "bash"  ? bash_script()
                   : arguments.action == "zsh" ? zsh_script()
                                               : fish_script());
  return kOk;
}

}  // namespace

const Command completion_command = {
    .name = "completion",
    .summary = "print what a shell needs to complete commands and flags",
    .usage = "bash|zsh|fish",
    .text =
        R"(Prints a script for the shell that is named. It is made of the same tables as the help, so it
knows every command and flag of this binary.

Privileges: none.

Examples:
  source <(sonde completion bash)                                       in this shell
  sonde completion bash > /etc/bash_completion.d/sonde                  for everybody
  sonde completion zsh > "${fpath[1]}/_sonde"
  sonde completion fish > ~/.config/fish/completions/sonde.fish
)",
    .groups = {},
    .operands = {},
    .actions = kActions,
    .run = run,
};

}  // namespace sonde::cli
