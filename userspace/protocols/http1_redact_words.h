// SPDX-License-Identifier: Apache-2.0
// The words of HTTP/1 that may stand on a tape. Whatever is not here does not.
#pragma once

#include <array>
#include <string_view>

#include "userspace/protocols/word_set.h"

namespace sonde::http1_redact {

constexpr std::string_view kVersionText = "HTTP/1.";

// What a message begins with: a method and its space (RFC 9110, RFC 5789, the WebDAV family and
// caches), or a response's version. None is the beginning of another.
constexpr auto kStartWords = std::to_array<std::string_view>({
    "HTTP/1.",   "HEAD ",   "CONNECT ", "GET ",  "POST ",  "PUT ",       "DELETE ", "OPTIONS ",
    "TRACE ",    "PATCH ",  "QUERY ",   "COPY ", "MOVE ",  "LOCK ",      "UNLOCK ", "MKCOL ",
    "PROPFIND ", "REPORT ", "SEARCH ",  "ACL ",  "PURGE ", "PROPPATCH ", "MERGE ",
});
constexpr int kResponse = 0;
constexpr int kHead = 1;
constexpr int kConnect = 2;
constexpr WordSet kStarts{Case::kExact, kStartWords};

constexpr auto kSchemeWords = std::to_array<std::string_view>({"http://", "https://"});
constexpr WordSet kSchemes{Case::kIgnored, kSchemeWords};

// Header names. Of the first kAllowedNames the values are kept too: framing, negotiation, and what
// is printed on every answer anyway. Of the others only the name is, so that a tape shows that they
// were there. No cookie, no credential, no id, nothing that quotes a URL may move up. No name ends
// in kRedacted (an unknown one must not turn into it).
// clang-format off
constexpr auto kNameWords = std::to_array<std::string_view>({
    "content-length", "transfer-encoding", "host", "connection", "keep-alive", "content-type",
    "content-encoding", "accept", "accept-encoding", "accept-ranges", "expect", "upgrade", "server",
    "date", "te", "vary", "traceparent",
    // Names alone.
    "accept-language", "age", "alt-svc", "authorization", "cache-control", "cookie",
    "content-disposition", "content-language", "content-range", "etag", "expires", "from",
    "if-match", "if-modified-since", "if-none-match", "if-range", "last-modified", "link",
    "location", "origin", "pragma", "proxy-authorization", "range", "referer", "retry-after",
    "sec-websocket-key", "set-cookie", "trailer", "tracestate", "user-agent", "via",
    "www-authenticate", "x-api-key", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto",
    "x-real-ip", "x-request-id", "x-requested-with",
});
// clang-format on
constexpr int kContentLength = 0;
constexpr int kTransferEncoding = 1;
constexpr int kAllowedNames = 17;
static_assert(kNameWords[kAllowedNames - 1] == "traceparent");
constexpr WordSet kNames{Case::kIgnored, kNameWords};

}  // namespace sonde::http1_redact
