// SPDX-License-Identifier: Apache-2.0
// Schema: what a protocol says of its exchanges, once, in OpenTelemetry's names. Everything behind
// the parsers (the aggregation, the exporters) works on schemas and never asks which protocol it
// is.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace sonde {

// One attribute of an exchange. Its index in Schema::attributes is its index in Request::values.
struct Attribute {
  std::string_view name;  // OpenTelemetry, e.g. "http.request.method"
  bool on_server = true;  // a label of the server's metrics
  bool on_client = true;  // a label of the client's metrics
  // Of interest to spans alone, and long: filled only if the flows are told to keep details.
  bool detail = false;
  // What it is of an exchange that was counted, not read; empty: absent then, too.
  std::string_view unread = {};
  bool on_active = false;  // a label of the number of exchanges under way; the request tells it
};

constexpr size_t kMaxAttributes = 16;

// A metric that each exchange feeds, by the role of the end that saw it. Empty name: that role has
// none.
struct MetricNames {
  std::string_view server;
  std::string_view client;
  std::string_view help;
};

struct Schema {
  std::string_view name;  // "http", for logs and own metrics only
  std::span<const Attribute> attributes;
  MetricNames duration;         // seconds
  MetricNames request_size;     // bytes of the request's body
  MetricNames response_size;    // bytes of the response's body
  MetricNames first_byte = {};  // seconds until the first byte of the answer
  MetricNames active = {};      // exchanges under way
  // What service graphs call connections of this protocol: "database", "messaging_system"; empty:
  // plain calls.
  std::string_view connection_type = {};
  // The attribute that is learned from `path` (see Request): low cardinality, e.g. http.route. -1:
  // none.
  int route_attribute = -1;
  // The attribute that says why an exchange failed, e.g. error.type; the flow fills it if the
  // connection ended first.
  int error_attribute = -1;
  // Where the server is: filled from the socket if the protocol does not say.
  int address_attribute = -1;
  int port_attribute = -1;
};

}  // namespace sonde
