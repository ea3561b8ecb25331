// SPDX-License-Identifier: Apache-2.0
// The page at /: what is served here, for people and for those who were given a port only. It lists
// the routes themselves, so that none is forgotten.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "exporters/http.h"

namespace sonde::web {

// GET /: the headline and the routes, as HTML where that is accepted, else as text. headline is
// called for each answer, on the web thread; any text will do.
HttpRoute index_route(std::span<const HttpRoute> routes, std::function<std::string()> headline);

}  // namespace sonde::web
