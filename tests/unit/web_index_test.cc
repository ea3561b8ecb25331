// SPDX-License-Identifier: Apache-2.0
// The page at / names every route there is.
#include <gtest/gtest.h>

#include "exporters/web/health.h"
#include "exporters/web/index.h"
#include "tests/support/web_client.h"

namespace sonde::web {
namespace {

class WebIndex : public testing::Test {
 protected:
  WebIndex() {
    routes_.push_back(index_route(routes_, [this] { return headline_; }));
    server_ = serve(routes_);
  }

  std::string ask(const std::string& headers = {}) {
    Client client(server_->port());
    client.send("GET / HTTP/1.0\r\n" + headers + "\r\n");
    return client.read_all();
  }

  std::string headline_ = "Sonde 1 on <box>: 2 services";
  std::vector<HttpRoute> routes_ = {
      healthz_route(),
      {.path = "/a&b",
       .handler = [](const HttpRequest&) { return text_response(200, "b"); },
       .about = "with \"quotes\""}};
  std::unique_ptr<WebServer> server_;
};

TEST_F(WebIndex, Text) {
  const std::string answer = ask();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK")) << answer;
  EXPECT_NE(answer.find("\r\nContent-Type: text/plain; charset=utf-8\r\n"), std::string::npos);
  const std::string body = answer.substr(answer.find("\r\n\r\n") + 4);
  EXPECT_TRUE(body.starts_with("Sonde 1 on <box>: 2 services\n\n/healthz  200 as long")) << body;
  EXPECT_TRUE(body.ends_with("\n/a&b      with \"quotes\"\n")) << body;
}

TEST_F(WebIndex, HtmlForBrowsers) {
  const std::string answer = ask("Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n");
  EXPECT_NE(answer.find("\r\nContent-Type: text/html; charset=utf-8\r\n"), std::string::npos);
  EXPECT_NE(answer.find("<h1>Sonde 1 on &lt;box&gt;: 2 services</h1>"), std::string::npos);
  EXPECT_NE(answer.find("<a href=\"/healthz\">/healthz</a>"), std::string::npos) << answer;
  EXPECT_NE(answer.find("<a href=\"/a&amp;b\">/a&amp;b</a>: with &quot;quotes&quot;</li>"),
            std::string::npos)
      << answer;
}

TEST_F(WebIndex, TheHeadlineIsOfNow) {
  headline_ = "later";
  EXPECT_NE(ask().find("\r\n\r\nlater\n"), std::string::npos);
}

}  // namespace
}  // namespace sonde::web
