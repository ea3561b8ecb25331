// SPDX-License-Identifier: Apache-2.0
// Any bytes as a request to the web server: the head parser, and what the endpoint reads in its
// headers.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "exporters/prometheus/negotiate.h"
#include "exporters/query.h"
#include "exporters/web/request.h"
#include "exporters/web/users.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sonde;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  web::RequestHead head;
  if (web::parse_head(bytes, head) != web::Parsed::kOk) {
    return 0;
  }
  const auto inside = [&](std::string_view view) {
    return view.empty() ||
           (view.data() >= bytes.data() && view.data() + view.size() <= bytes.data() + head.size);
  };
  bool sane = head.size <= size && head.size <= web::kMaxHeadBytes && inside(head.method) &&
              (inside(head.path) || head.path == "/") && inside(head.query) &&
              head.path.starts_with('/') && head.headers.size() <= web::kMaxHeaders;
  HttpRequest request{.path = head.path, .query = head.query, .headers = head.headers};
  for (const HttpHeader& header : head.headers) {
    sane &= inside(header.name) && inside(header.value) && !header.name.empty();
    prometheus::negotiate_format(header_value(request, header.name));
    prometheus::accepts_gzip(header.value);
    std::string decoded;
    sane &=
        !web::decode_base64(header.value, decoded) || decoded.size() <= header.value.size() / 4 * 3;
  }
  if (const auto parameters = parse_query(head.query)) {
    sane &= parameters->size() <= kMaxParameters;
    for (const auto& [name, value] : *parameters) {
      sane &= name.size() + value.size() <= head.query.size();
    }
  }
  // The same head whatever stands behind it, and none before its end.
  web::RequestHead again;
  sane &= web::parse_head(bytes.substr(0, head.size), again) == web::Parsed::kOk &&
          again.size == head.size && again.path == head.path;
  sane &= web::parse_head(bytes.substr(0, head.size - 1), again) == web::Parsed::kNeedMore;
  if (!sane) {
    std::abort();
  }
  return 0;
}
