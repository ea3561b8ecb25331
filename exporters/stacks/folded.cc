// SPDX-License-Identifier: Apache-2.0
#include "exporters/stacks/folded.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <ranges>
#include <set>
#include <tuple>
#include <vector>

#include "exporters/utf8.h"

namespace sonde::stacks {
namespace {

double percent(uint64_t part, uint64_t all) {
  return all > 0 ? 100.0 * static_cast<double>(part) / static_cast<double>(all) : 0;
}

using NameOf = std::string (*)(const Profile& profile, uint32_t frame);

std::map<std::string, FunctionSamples> samples_by(const Profile& profile, NameOf name_of) {
  std::map<std::string, FunctionSamples> functions;
  for (const ProfileStack& stack : profile.stacks) {
    std::set<std::string> met;
    const auto count = [&](const std::string& name) {
      FunctionSamples& here = functions[name];
      here.self += met.empty() ? stack.periods : 0;  // the first is the innermost
      here.total += met.insert(name).second ? stack.periods : 0;
    };
    for (const uint32_t frame : stack.frames) {
      for (const InlinedFunction& inlined : profile.frames[frame].inlined) {
        count(inlined.function);
      }
      count(name_of(profile, frame));
    }
  }
  return functions;
}

}  // namespace

// A line's fields end with ';', the line itself with a space and the count.
std::string one_line(std::string_view text) {
  std::string out;
  append_utf8(text, out);
  for (char& c : out) {
    if (c == ';') {
      c = ':';
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      c = '?';
    }
  }
  return out;
}

std::string frame_name(const Profile& profile, uint32_t frame) {
  const ProfileFrame& found = profile.frames[frame];
  return profile.modules[found.module].in_kernel ? found.function + "_[k]" : found.function;
}

std::string lasting_name(const Profile& profile, uint32_t frame) {
  constexpr size_t kDigits = 16;  // of a build-id: no two files of a host have the same
  const ProfileFrame& found = profile.frames[frame];
  const ProfileModule& module = profile.modules[found.module];
  const std::string_view path = module.path;
  const std::string_view file = path.substr(path.rfind('/') + 1);
  if (module.in_kernel || module.build_id.empty() ||
      found.function != fmt::format("{}+{:#x}", file, found.offset)) {
    return frame_name(profile, frame);
  }
  return fmt::format("{}:{}+{:#x}", file, module.build_id.substr(0, kDigits), found.offset);
}

std::string folded(const Profile& profile) {
  std::vector<std::string> names;
  names.reserve(profile.frames.size());
  for (uint32_t i = 0; i < profile.frames.size(); ++i) {
    names.push_back(one_line(lasting_name(profile, i)));
    for (const InlinedFunction& inlined : profile.frames[i].inlined | std::views::reverse) {
      names.back() += ";" + one_line(inlined.function) + "_[i]";
    }
  }
  std::map<std::string, uint64_t> lines;
  for (const ProfileStack& stack : profile.stacks) {
    std::string line = one_line(profile.owners[stack.owner].service);
    for (auto frame = stack.frames.rbegin(); frame != stack.frames.rend(); ++frame) {
      line += ';';
      line += names[*frame];
    }
    lines[line] += stack.periods;
  }
  std::string out;
  for (const auto& [line, samples] : lines) {
    out += fmt::format("{} {}\n", line, samples);
  }
  return out;
}

std::map<std::string, FunctionSamples> function_samples(const Profile& profile) {
  return samples_by(profile, frame_name);
}

std::string top(const Profile& profile, size_t most) {
  std::map<std::string, uint64_t> services;
  for (const ProfileStack& stack : profile.stacks) {
    services[profile.owners[stack.owner].service] += stack.periods;
  }
  const std::map<std::string, FunctionSamples> functions = samples_by(profile, lasting_name);
  const uint64_t all = profile.periods();
  const double seconds = static_cast<double>(all * profile.period_ns) / 1e9;
  std::string out =
      fmt::format("{} samples, {:.2f} s of CPU time\n\n  samples      %  service\n", all, seconds);
  std::vector<std::pair<std::string, uint64_t>> by_service(services.begin(), services.end());
  // The most first; equal ones by name.
  std::ranges::sort(by_service, [](const auto& a, const auto& b) {
    return std::tie(b.second, a.first) < std::tie(a.second, b.first);
  });
  by_service.resize(std::min(by_service.size(), most));
  for (const auto& [name, samples] : by_service) {
    out += fmt::format("{:>9} {:>6.1f}  {}\n", samples, percent(samples, all), one_line(name));
  }
  std::vector<std::pair<std::string, FunctionSamples>> rows(functions.begin(), functions.end());
  std::ranges::sort(rows, [](const auto& a, const auto& b) {
    return std::tie(b.second.self, b.second.total, a.first) <
           std::tie(a.second.self, a.second.total, b.first);
  });
  rows.resize(std::min(rows.size(), most));
  out += "\n     self      %    total      %  function\n";
  for (const auto& [name, share] : rows) {
    out += fmt::format("{:>9} {:>6.1f} {:>8} {:>6.1f}  {}\n", share.self, percent(share.self, all),
                       share.total, percent(share.total, all), one_line(name));
  }
  return out;
}

}  // namespace sonde::stacks
