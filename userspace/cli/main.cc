// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <string_view>
#include <vector>

#include "userspace/cli/command.h"

int main(int argc, char** argv) {
  const std::vector<std::string_view> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  std::vector<std::string_view> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    environment.emplace_back(*variable);
  }
  return sonde::cli::dispatch(arguments, environment);
}
