// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

#include "exporters/http.h"

namespace sonde::web {

// GET /healthz: 200 as long as the web thread answers.
HttpRoute healthz_route();

// GET /readyz: 200 once ready is set, 503 before. ready must outlive the route.
HttpRoute readyz_route(const std::atomic<bool>& ready);

}  // namespace sonde::web
