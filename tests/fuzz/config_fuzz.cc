// SPDX-License-Identifier: Apache-2.0
// Configuration from anywhere: the first byte chooses the file, the flags or the environment; the
// rest is its text (flags and variables: one a line). Whatever is accepted must be writable and
// readable again.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/config/reference.h"
#include "userspace/config/sources.h"
#include "userspace/config/value.h"
#include "userspace/config/yaml_text.h"

namespace {

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

constexpr sonde::OptionGroup kGroups[] = {
    sonde::OptionGroup::kGeneral,     sonde::OptionGroup::kWeb,    sonde::OptionGroup::kKernel,
    sonde::OptionGroup::kKernelTypes, sonde::OptionGroup::kLimits, sonde::OptionGroup::kSelection,
    sonde::OptionGroup::kReplay};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sonde;
  if (size == 0) {
    return 0;
  }
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  Config config;
  Problems problems;
  if (data[0] == 'f') {
    apply(read_flags(lines_of(text), kGroups, problems).assignments, config, problems);
  } else if (data[0] == 'e') {
    std::vector<std::string> warnings;
    apply(read_environment(lines_of(text), warnings), config, problems);
  } else {
    apply_yaml(text, "fuzz", config, problems);
  }
  if (problems.lines().size() > kMaxProblems) {
    abort();
  }
  // What is printed can be read, and means the same.
  Config again;
  Problems none;
  apply_yaml(config_yaml(config), "printed", again, none);
  for (const Option& option : options()) {
    if (!option.path.empty() && !same_value(option, config, again)) {
      abort();
    }
  }
  return 0;
}
