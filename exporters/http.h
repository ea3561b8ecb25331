// SPDX-License-Identifier: Apache-2.0
// What is served over HTTP, between those who answer (an exporter's endpoint) and the one who
// listens (exporters/web).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sonde {

struct HttpHeader {
  std::string_view name;
  std::string_view value;
};

// A GET (HEAD looks the same to a handler). Views live during the call.
struct HttpRequest {
  std::string_view path;   // without query
  std::string_view query;  // behind the '?'; not decoded
  std::vector<HttpHeader> headers;
  uint64_t received_ns = 0;  // monotonic; what was made later is fresh enough as an answer
};

// The value of a header, its name compared without case; several of one name are joined by ", ".
// Empty: none.
std::string header_value(const HttpRequest& request, std::string_view name);

// A body made while it is sent, so that a long one is never whole in memory.
class BodyStream {
 public:
  virtual ~BodyStream() = default;

  enum class Next : uint8_t { kMore, kLater, kEnd, kFailed };
  // Appends the next part, some tens of kilobytes at most, perhaps nothing; others are answered
  // between two calls. kLater: there is nothing yet, and it is asked again soon. After kEnd it is
  // not called again; kFailed: the answer cannot be completed. It is destroyed early if nobody
  // waits for it any more.
  virtual Next next(std::string& out) = 0;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::vector<std::pair<std::string, std::string>> headers;  // beside those that frame the body
  std::shared_ptr<const std::string> body;       // may be shared by several answers; null: empty
  std::unique_ptr<BodyStream> stream = nullptr;  // instead of body
};

// A short answer of text.
HttpResponse text_response(int status, std::string text);

// Called on the web thread, one at a time: while it runs, nobody else is answered.
using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

struct HttpRoute {
  std::string path;  // exactly
  HttpHandler handler;
  bool is_public = false;  // answered without credentials where others need them
  std::string about = {};  // for people, on the page that lists the routes
};

}  // namespace sonde
