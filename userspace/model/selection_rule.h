// SPDX-License-Identifier: Apache-2.0
// SelectionRule: what an operator writes to say which processes or connections to watch. The
// configuration reads it, the inventory obeys it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sonde {

// Both ends included.
struct PortRange {
  uint16_t first = 0;
  uint16_t last = 0;
  bool operator==(const PortRange&) const = default;
};

// A rule matches what all its given fields match; an empty field is not given. Globs know * ? and
// \ (the next character as it is); they match the whole text.
struct SelectionRule {
  std::string
      executable;  // glob on the executable's path, or on its file name if the glob has no slash
  std::string arguments;         // glob on the command line, its words joined by single spaces
  std::string cgroup;            // glob on the control group's path, which names the container
  std::string container = {};    // glob on the container's name or its id
  std::string user;              // name or number of the effective user
  std::vector<PortRange> ports;  // of the service: the port that was connected to
  bool operator==(const SelectionRule&) const = default;
};

}  // namespace sonde
