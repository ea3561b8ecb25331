// SPDX-License-Identifier: Apache-2.0
#include "userspace/base/result.h"

#include <cstring>

namespace sonde {

std::unexpected<Error> fail_errno(std::string what, int code) {
  what += ": ";
  what += strerrordesc_np(code) != nullptr ? strerrordesc_np(code) : "unknown error";
  return fail(std::move(what), code);
}

std::unexpected<Error> with_context(std::string context, const Error& inner) {
  context += ": ";
  context += inner.what;
  return fail(std::move(context), inner.code);
}

}  // namespace sonde
