// SPDX-License-Identifier: Apache-2.0
#include "exporters/http.h"

#include <algorithm>

namespace sonde {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

std::string header_value(const HttpRequest& request, std::string_view name) {
  std::string out;
  for (const HttpHeader& header : request.headers) {
    if (std::ranges::equal(header.name, name, {}, lower, lower)) {
      if (!out.empty()) {
        out += ", ";
      }
      out += header.value;
    }
  }
  return out;
}

HttpResponse text_response(int status, std::string text) {
  HttpResponse response;
  response.status = status;
  response.body = std::make_shared<const std::string>(std::move(text));
  return response;
}

}  // namespace sonde
