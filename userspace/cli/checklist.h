// SPDX-License-Identifier: Apache-2.0
// Checklist: what works, what does not and what to do, as one screen; for the start of `sonde run`
// and for doctor.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sonde::cli {

enum class CheckState : uint8_t {
  kOk,
  kDegraded,  // works, something is missed
  kBlocked,   // does not work
  kUnknown,   // could not be found out
};

struct Check {
  std::string name;  // "kernel", "door"
  CheckState state = CheckState::kUnknown;
  std::string finding;  // "6.12.95, x86_64"
  std::string affects;  // what is missed; empty: nothing
  std::string remedy;   // what to do about it; empty: nothing
};

class Checklist {
 public:
  void add(Check check) { checks_.push_back(std::move(check)); }

  // The worst there is, in the order ok, unknown, degraded, blocked; ok if empty.
  CheckState worst() const;

  // Names, states and findings in columns; what is affected and what to do below. Findings may
  // quote the watched world: control characters are escaped.
  std::string text(bool colour) const;

 private:
  std::vector<Check> checks_;
};

// Whether text for this descriptor may hold colours: a terminal, and NO_COLOR is not set
// (https://no-color.org).
bool wants_colour(int fd);

}  // namespace sonde::cli
