// SPDX-License-Identifier: Apache-2.0
// ProfileSource: who makes a profile when somebody asks for it, between those who offer them (an
// exporter's endpoint) and the one who samples.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>

#include "userspace/model/profile.h"

namespace sonde {

struct ProfileOrder {
  uint64_t seconds = 30;
  uint32_t pid = 0;     // 0: every process
  std::string service;  // empty: every one
  bool lines = true;    // inlined functions, files and lines, too, where they can be had
  // Gives it the form that is wanted. Called on the maker's thread.
  std::function<std::string(const Profile&)> encode;
};

// One that is being made. Whoever destroys it has given it up. One thread.
class OrderedProfile {
 public:
  virtual ~OrderedProfile() = default;
  enum class State : uint8_t { kMaking, kDone, kFailed };
  virtual State state() const = 0;
  // Once, when it is done.
  virtual std::string take() = 0;
};

// Why there will be none.
struct ProfileRefusal {
  std::string reason;
  uint64_t retry_after_s = 0;  // 0: it is no use to ask again
};

class ProfileSource {
 public:
  virtual ~ProfileSource() = default;
  // Begins at once, or never. Any thread; does not wait.
  virtual std::expected<std::unique_ptr<OrderedProfile>, ProfileRefusal> order(
      ProfileOrder order) = 0;
};

}  // namespace sonde
