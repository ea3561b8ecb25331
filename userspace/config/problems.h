// SPDX-License-Identifier: Apache-2.0
// Problems: everything wrong with what the operator wrote, gathered so that it is told at once and
// not one by one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sonde {

constexpr size_t kMaxProblems = 20;  // kept; more are counted

class Problems {
 public:
  // `where` is a file and line, a variable or a flag.
  void add(std::string_view where, std::string_view what);

  bool none() const { return count_ == 0; }
  size_t count() const { return count_; }
  const std::vector<std::string>& lines() const { return lines_; }

  // The lines, and how many more there are.
  std::string text() const;
  // The same on one line, for the log.
  std::string line() const;

 private:
  std::vector<std::string> lines_;
  size_t count_ = 0;
};

// The text in single quotes, fit to be shown: cut if it is long, control bytes escaped.
std::string quoted(std::string_view text);

}  // namespace sonde
