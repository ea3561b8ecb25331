// SPDX-License-Identifier: Apache-2.0
// service_name: what people call the program that a process runs: its executable, or the script or
// module that an interpreter runs. Pure. Arguments are the process's own words: any bytes, any
// number (kMaxArguments are looked at).
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace sonde {

struct ProgramName {
  std::string name;          // never empty, at most kMaxServiceName bytes of valid UTF-8 without
                             // control characters
  bool interpreter = false;  // only that of the interpreter: what it runs could not be learned
};

// `executable` is a path and may be empty; `command` is the kernel's short name, taken if nothing
// else is known.
ProgramName read_program(std::string_view executable, std::span<const std::string_view> arguments,
                         std::string_view command);

// True for a shell's executable (a path).
bool is_shell(std::string_view executable);

inline std::string service_name(std::string_view executable,
                                std::span<const std::string_view> arguments,
                                std::string_view command) {
  return read_program(executable, arguments, command).name;
}

}  // namespace sonde
