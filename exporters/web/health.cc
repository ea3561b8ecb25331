// SPDX-License-Identifier: Apache-2.0
#include "exporters/web/health.h"

namespace sonde::web {

HttpRoute healthz_route() {
  return {"/healthz", [](const HttpRequest&) { return text_response(200, "ok\n"); }, true,
          "200 as long as somebody answers"};
}

HttpRoute readyz_route(const std::atomic<bool>& ready) {
  return {"/readyz",
          [&ready](const HttpRequest&) {
            return ready.load() ? text_response(200, "ready\n") : text_response(503, "not ready\n");
          },
          true, "200 when everything is watched that is to be, 503 before"};
}

}  // namespace sonde::web
