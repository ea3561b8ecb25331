// SPDX-License-Identifier: Apache-2.0
// Errors as values. A function that can fail for a reason worth telling returns Result<T>; hot
// paths return small enums instead. Nothing of ours throws.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace sonde {

// What went wrong, in words a person can act on, and the errno behind it (0: none).
struct Error {
  std::string what;
  int code = 0;
};

template <typename T = void>
using Result = std::expected<T, Error>;

// An Error from a message.
inline std::unexpected<Error> fail(std::string what, int code = 0) {
  return std::unexpected<Error>(Error{std::move(what), code});
}

// An Error from a failed system call: "<what>: <strerror(code)>".
std::unexpected<Error> fail_errno(std::string what, int code);

// Adds what the caller knows in front: "<context>: <inner>".
std::unexpected<Error> with_context(std::string context, const Error& inner);

}  // namespace sonde
