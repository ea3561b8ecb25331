// SPDX-License-Identifier: Apache-2.0
// Users: who may read, by HTTP basic authentication (RFC 7617), from a file as `htpasswd -B` makes
// it: a line "name:$2y$..." each. The hash is bcrypt, slow by design: what was verified once is
// known again by a keyed digest, and the rest is verified a few times a second at most, so that who
// guesses neither starves the web thread nor guesses fast.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "userspace/base/result.h"

namespace sonde::web {

enum class Access : uint8_t {
  kGranted,
  kDenied,   // no credentials, or wrong ones: 401
  kTooMany,  // not looked at: too many were wrong lately: 429
};

class Users {
 public:
  // Hashes above it are refused when the file is loaded: each verification stops the web thread.
  static constexpr int kMaxCost = 12;

  static Result<Users> load(const std::string& file);
  static Result<Users> parse(std::string_view text);

  // By the value of Authorization. One thread.
  Access check(std::string_view authorization, uint64_t now_ns);

 private:
  using Digest = std::array<uint8_t, 32>;
  struct User {
    std::string hash;
    Digest known{};  // of the credentials that were verified last
    bool has_known = false;
  };

  bool take_attempt(uint64_t now_ns);

  std::unordered_map<std::string, User> users_;
  std::string dummy_hash_;  // verified for names that are not there, which then take as long
  std::array<uint8_t, 32> key_{};
  double attempts_ = 0;  // that may be made now
  uint64_t filled_ns_ = 0;
};

// Decodes base64 as RFC 4648, section 4, padding included; false: it is none. out is replaced.
bool decode_base64(std::string_view text, std::string& out);

}  // namespace sonde::web
