// SPDX-License-Identifier: Apache-2.0
// What HTTP says of its exchanges, in OpenTelemetry's names.
#pragma once

#include "userspace/model/schema.h"

namespace sonde::http1 {

// Places of the schema's attributes.
enum : size_t {
  kMethod,
  kStatus,
  kScheme,
  kRoute,
  kAddress,
  kPort,
  kError,
  kVersion,
  kMethodOriginal,
  kFraming,
  kQuery,
  kUserAgent,
  kAttributes
};

extern const Schema kSchema;

}  // namespace sonde::http1
