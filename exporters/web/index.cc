// SPDX-License-Identifier: Apache-2.0
#include "exporters/web/index.h"

#include <fmt/core.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "exporters/markup.h"

namespace sonde::web {
namespace {

struct Entry {
  std::string path;
  std::string about;
};

std::string as_text(std::string_view headline, std::span<const Entry> entries) {
  size_t width = 0;
  for (const Entry& entry : entries) {
    width = std::max(width, entry.path.size());
  }
  std::string out = fmt::format("{}\n\n", headline);
  for (const Entry& entry : entries) {
    out += fmt::format("{:<{}}  {}\n", entry.path, width, entry.about);
  }
  return out;
}

std::string as_html(std::string_view headline, std::span<const Entry> entries) {
  std::string out = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Sonde</title>\n"
      "<h1>{}</h1>\n<ul>\n",
      markup_escaped(headline));
  for (const Entry& entry : entries) {
    const std::string path = markup_escaped(entry.path);
    out += fmt::format("<li><a href=\"{}\">{}</a>: {}</li>\n", path, path,
                       markup_escaped(entry.about));
  }
  return out + "</ul>\n</html>\n";
}

}  // namespace

HttpRoute index_route(std::span<const HttpRoute> routes, std::function<std::string()> headline) {
  std::vector<Entry> entries;
  for (const HttpRoute& route : routes) {
    entries.push_back({route.path, route.about});
  }
  return {.path = "/",
          .handler =
              [entries = std::move(entries),
               headline = std::move(headline)](const HttpRequest& request) {
                const bool html =
                    header_value(request, "accept").find("text/html") != std::string::npos;
                HttpResponse response = text_response(
                    200, html ? as_html(headline(), entries) : as_text(headline(), entries));
                if (html) {
                  response.content_type = "text/html; charset=utf-8";
                }
                response.headers.emplace_back("Vary", "Accept");
                return response;
              },
          .about = "this page"};
}

}  // namespace sonde::web
