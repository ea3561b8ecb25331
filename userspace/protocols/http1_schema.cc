// SPDX-License-Identifier: Apache-2.0
#include "userspace/protocols/http1_schema.h"

#include <array>

namespace sonde::http1 {
namespace {

// The labels are those of the HTTP metrics' semantic conventions; error.type is there if the
// exchange failed. Nothing that a client can make up at will is a label: not the path, the query,
// an unknown method.
constexpr std::array<Attribute, kAttributes> kAttributeList = {{
    {.name = "http.request.method", .unread = "_OTHER", .on_active = true},
    {.name = "http.response.status_code", .unread = "unknown"},
    {.name = "url.scheme", .on_active = true},
    {.name = "http.route", .unread = "unknown"},
    {"server.address"},
    {"server.port"},
    {"error.type"},
    {"network.protocol.version", false, false},
    {"http.request.method_original", false, false},
    {"sonde.http.framing", false, false},
    {"url.query", false, false, true},
    {"user_agent.original", false, false, true},
}};

}  // namespace

const Schema kSchema = {
    .name = "http",
    .attributes = kAttributeList,
    .duration = {"http.server.request.duration", "http.client.request.duration",
                 "Duration of HTTP requests, first byte of the request to last byte of the answer"},
    .request_size = {"http.server.request.body.size", "http.client.request.body.size",
                     "Size of HTTP request bodies, without framing"},
    .response_size = {"http.server.response.body.size", "http.client.response.body.size",
                      "Size of HTTP response bodies, without framing"},
    .first_byte = {"http.server.request.time_to_first_byte",
                   "http.client.request.time_to_first_byte",
                   "First byte of HTTP requests to first byte of their answer"},
    .active = {"http.server.active_requests", "http.client.active_requests",
               "HTTP requests whose answer is not over"},
    .route_attribute = kRoute,
    .error_attribute = kError,
    .address_attribute = kAddress,
    .port_attribute = kPort,
};

}  // namespace sonde::http1
