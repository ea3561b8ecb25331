// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "exporters/http.h"

namespace sonde::web {

// The head of an answer, its empty line included; wall_ns is the time of its Date.
std::string response_head(const HttpResponse& response, bool keep_alive, uint64_t wall_ns);

}  // namespace sonde::web
