// SPDX-License-Identifier: Apache-2.0
#include "userspace/config/loader.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "userspace/base/fd.h"
#include "userspace/base/result.h"
#include "userspace/config/sources.h"
#include "userspace/config/value.h"
#include "userspace/config/yaml_tree.h"

namespace sonde {
namespace {

// The file's text, to one byte more than parse_yaml takes.
Result<std::string> read_file(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.ok()) {
    return fail_errno("cannot be opened", errno);
  }
  std::string text;
  std::array<char, 16'384> chunk;  // NOLINT: filled by read
  while (text.size() <= kMaxYamlBytes) {
    const ssize_t n = ::read(fd.get(), chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      return fail_errno("cannot be read", errno);
    }
    if (n == 0) {
      break;
    }
    text.append(chunk.data(), static_cast<size_t>(n));
  }
  return text;
}

void apply_file(std::string_view default_file, Config& config, Problems& problems) {
  const bool asked_for = !config.file.empty();
  const std::string path = asked_for ? config.file : std::string(default_file);
  const Result<std::string> text = read_file(path);
  if (text) {
    config.file = path;
    apply_yaml(*text, path, config, problems);
  } else if (asked_for || text.error().code != ENOENT) {
    problems.add(path, text.error().what);
  }
}

void apply_operands(std::span<const std::string> operands, std::string_view flag, Config& config,
                    Problems& problems) {
  const Option* option = option_by_flag(flag);
  if (option == nullptr) {
    for (const std::string& operand : operands) {
      problems.add(quoted(operand), "unexpected word: this command takes flags only");
    }
    return;
  }
  if (!operands.empty()) {
    clear_list(*option, config);
  }
  for (size_t i = 0; i < operands.size(); ++i) {
    if (i > 0 && !is_list(*option)) {
      problems.add(quoted(operands[i]), "unexpected word: this command takes one");
    } else if (const auto wrong = set_value(*option, operands[i], config)) {
      problems.add(quoted(operands[i]), *wrong);
    }
  }
}

}  // namespace

std::expected<LoadedConfig, Problems> load_config(const ConfigSources& sources) {
  Problems problems;
  LoadedConfig loaded;
  const FlagsRead flags = read_flags(sources.arguments, sources.groups, problems);
  const std::vector<Assignment> environment =
      read_environment(sources.environment, loaded.warnings);

  // Which file is known only from what is applied after it.
  for (const std::span<const Assignment> source :
       {std::span(environment), std::span(flags.assignments)}) {
    for (const Assignment& assignment : source) {
      if (assignment.option->flag == "config") {
        loaded.config.file = assignment.value;
      }
    }
  }
  if (sources.operands == "config" && !flags.operands.empty()) {
    loaded.config.file = flags.operands.front();
  }
  apply_file(sources.default_file, loaded.config, problems);
  apply(environment, loaded.config, problems);
  apply(flags.assignments, loaded.config, problems);
  apply_operands(flags.operands, sources.operands, loaded.config, problems);
  if (!problems.none()) {
    return std::unexpected(std::move(problems));
  }
  return loaded;
}

}  // namespace sonde
