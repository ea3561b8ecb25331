// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "exporters/http.h"

namespace sonde::web {

// How the end of an answer's body is told.
enum class Framing : uint8_t {
  kLength,   // Content-Length
  kChunked,  // a stream, to a client that speaks HTTP/1.1
  kClose,    // a stream, to any other
};

// The head of an answer, its empty line included; wall_ns is the time of its Date.
std::string response_head(const HttpResponse& response, Framing framing, bool keep_alive,
                          uint64_t wall_ns);

}  // namespace sonde::web
