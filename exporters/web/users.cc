// SPDX-License-Identifier: Apache-2.0
#include "exporters/web/users.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>

#include "exporters/web/tls.h"

namespace sonde::web {
namespace {

constexpr size_t kMaxFileBytes = size_t{1} << 20;
constexpr size_t kMaxUsers = 1000;
constexpr size_t kMaxCredentials = 512;  // bytes, decoded
constexpr double kAttemptsPerSecond = 2;
constexpr double kMaxAttempts = 5;
constexpr size_t kHashLength = 60;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The cost of a bcrypt hash, "$2b$10$..." -> 10; -1: it is none.
int cost_of(std::string_view hash) {
  const bool shape = hash.size() == kHashLength && hash.starts_with("$2") && hash[3] == '$' &&
                     (hash[2] == 'a' || hash[2] == 'b' || hash[2] == 'y') && is_digit(hash[4]) &&
                     is_digit(hash[5]) && hash[6] == '$';
  return shape ? (hash[4] - '0') * 10 + (hash[5] - '0') : -1;
}

bool fits(const std::string& password, const std::string& hash) {
  const auto work = std::make_unique<crypt_data>();  // 32 KiB
  const char* made = crypt_r(password.c_str(), hash.c_str(), work.get());
  // crypt_r answers "*0" where it cannot; that is no hash of kHashLength.
  return made != nullptr && std::strlen(made) == hash.size() &&
         CRYPTO_memcmp(made, hash.data(), hash.size()) == 0;
}

int base64_digit(char c) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const size_t at = kDigits.find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// "Basic dXNlcjpwYXNz" -> "user:pass".
bool credentials_of(std::string_view authorization, std::string& out) {
  constexpr std::string_view kScheme = "basic ";
  if (authorization.size() < kScheme.size() ||
      !std::ranges::equal(authorization.substr(0, kScheme.size()), kScheme, {}, lower)) {
    return false;
  }
  authorization.remove_prefix(kScheme.size());
  authorization.remove_prefix(std::min(authorization.find_first_not_of(' '), authorization.size()));
  // The library takes a password up to its first NUL.
  return authorization.size() <= kMaxCredentials / 3 * 4 && decode_base64(authorization, out) &&
         out.find('\0') == std::string::npos;
}

}  // namespace

bool decode_base64(std::string_view text, std::string& out) {
  out.clear();
  if (text.size() % 4 != 0) {
    return false;
  }
  size_t padding = 0;
  while (padding < 2 && text.ends_with('=')) {
    text.remove_suffix(1);
    ++padding;
  }
  uint32_t bits = 0;
  size_t held = 0;
  for (const char c : text) {
    const int digit = base64_digit(c);
    if (digit < 0) {
      return false;
    }
    bits = bits << 6 | static_cast<uint32_t>(digit);
    held += 6;
    if (held >= 8) {
      held -= 8;
      out += static_cast<char>(bits >> held & 0xFF);
    }
  }
  // What is left over must be zero: one text for one value.
  return (bits & ((1u << held) - 1)) == 0 && held == padding * 2;
}

Result<Users> Users::load(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::string text(kMaxFileBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(in.gcount()));
  if (!in.is_open()) {
    return fail_errno("users file " + file, errno);
  }
  if (text.size() > kMaxFileBytes) {
    return fail("users file " + file + ": larger than 1 MiB");
  }
  auto users = parse(text);
  return users ? std::move(users) : with_context("users file " + file, users.error());
}

Result<Users> Users::parse(std::string_view text) {
  Users out;
  for (size_t line_number = 1; !text.empty(); ++line_number) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) {
      line.remove_suffix(1);
    }
    if (line.empty() || line.starts_with('#')) {
      continue;
    }
    const std::string where = "line " + std::to_string(line_number) + ": ";
    const size_t colon = line.find(':');
    if (colon == 0 || colon == std::string_view::npos) {
      return fail(where + "want NAME:HASH, as `htpasswd -nB NAME` prints it");
    }
    const std::string_view hash = line.substr(colon + 1);
    const int cost = cost_of(hash);
    if (cost < 0) {
      return fail(where + "the hash must be bcrypt ($2y$...), as `htpasswd -nB NAME` makes it");
    }
    if (cost < 4 || cost > kMaxCost) {
      return fail(where + "bcrypt's cost must be 4 to " + std::to_string(kMaxCost) +
                  ": verifying a dearer hash would stop the scrapes");
    }
    if (out.users_.size() == kMaxUsers) {
      return fail(where + "more than " + std::to_string(kMaxUsers) + " users");
    }
    if (!out.users_.try_emplace(std::string(line.substr(0, colon)), User{.hash = std::string(hash)})
             .second) {
      return fail(where + "this user is already there");
    }
    out.dummy_hash_ = hash;
  }
  if (out.users_.empty()) {
    return fail("no user in it: nobody could read");
  }
  if (!crypto_ready() || RAND_bytes(out.key_.data(), static_cast<int>(out.key_.size())) != 1) {
    return fail("no random bytes to be had");
  }
  out.attempts_ = kMaxAttempts;
  return out;
}

bool Users::take_attempt(uint64_t now_ns) {
  if (filled_ns_ != 0 && now_ns > filled_ns_) {
    const double seconds = static_cast<double>(now_ns - filled_ns_) / 1e9;
    attempts_ = std::min(kMaxAttempts, attempts_ + seconds * kAttemptsPerSecond);
  }
  filled_ns_ = now_ns;
  if (attempts_ < 1) {
    return false;
  }
  attempts_ -= 1;
  return true;
}

Access Users::check(std::string_view authorization, uint64_t now_ns) {
  std::string credentials;
  if (!credentials_of(authorization, credentials)) {
    return Access::kDenied;
  }
  const size_t colon = credentials.find(':');
  if (colon == std::string::npos) {
    return Access::kDenied;
  }
  Digest digest{};
  unsigned int length = 0;
  if (HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
           reinterpret_cast<const unsigned char*>(credentials.data()), credentials.size(),
           digest.data(), &length) == nullptr) {
    return Access::kDenied;
  }
  const auto found = users_.find(credentials.substr(0, colon));
  if (found != users_.end() && found->second.has_known &&
      CRYPTO_memcmp(found->second.known.data(), digest.data(), digest.size()) == 0) {
    return Access::kGranted;
  }
  if (!take_attempt(now_ns)) {
    return Access::kTooMany;
  }
  const std::string password = credentials.substr(colon + 1);
  const bool right = fits(password, found == users_.end() ? dummy_hash_ : found->second.hash);
  if (!right || found == users_.end()) {
    return Access::kDenied;
  }
  found->second.known = digest;
  found->second.has_known = true;
  return Access::kGranted;
}

}  // namespace sonde::web
