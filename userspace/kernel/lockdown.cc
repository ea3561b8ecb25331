// SPDX-License-Identifier: Apache-2.0
#include "userspace/kernel/lockdown.h"

#include <fstream>
#include <string_view>

namespace sonde {

// "none [integrity] confidentiality": the one in brackets holds.
Lockdown lockdown(const std::string& file) {
  constexpr std::pair<std::string_view, Lockdown> kModes[] = {
      {"[none]", Lockdown::kNone},
      {"[integrity]", Lockdown::kIntegrity},
      {"[confidentiality]", Lockdown::kConfidentiality},
  };
  std::ifstream in(file);
  for (std::string word; in.width(32), in >> word;) {
    for (const auto& [name, mode] : kModes) {
      if (word == name) {
        return mode;
      }
    }
  }
  return Lockdown::kUnknown;
}

}  // namespace sonde
