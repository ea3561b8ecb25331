// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "exporters/web/request.h"

namespace sonde::web {
namespace {

Parsed parsed(std::string_view bytes) {
  RequestHead head;
  return parse_head(bytes, head);
}

TEST(WebRequest, AWholeHead) {
  const std::string text =
      "\r\nGET /metrics?name=x HTTP/1.1\r\nHost: localhost:9464\r\nAccept:  text/plain \t\r\n"
      "X-Empty:\r\n\r\nGET /next";
  RequestHead head;
  ASSERT_EQ(parse_head(text, head), Parsed::kOk);
  EXPECT_EQ(head.method, "GET");
  EXPECT_EQ(head.path, "/metrics");
  EXPECT_EQ(head.query, "name=x");
  ASSERT_EQ(head.headers.size(), 3u);
  EXPECT_EQ(head.headers[1].name, "Accept");
  EXPECT_EQ(head.headers[1].value, "text/plain");
  EXPECT_EQ(head.headers[2].value, "");
  EXPECT_TRUE(head.keep_alive);
  EXPECT_FALSE(head.has_body);
  EXPECT_EQ(text.substr(head.size), "GET /next");
  for (size_t i = 0; i < head.size; ++i) {
    EXPECT_EQ(parsed(text.substr(0, i)), Parsed::kNeedMore) << i;
  }
}

TEST(WebRequest, KeepAlive) {
  const auto keeps = [](std::string_view text) {
    RequestHead head;
    EXPECT_EQ(parse_head(text, head), Parsed::kOk) << text;
    return head.keep_alive;
  };
  EXPECT_TRUE(keeps("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, close\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_TRUE(keeps("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
}

TEST(WebRequest, AcceptedForms) {
  for (const char* text : {
           "GET / HTTP/1.1\nHost: a\n\n",
           "GET http://a.example/metrics?x HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET HTTP://a.example HTTP/1.1\r\nHost: a\r\n\r\n",
           "WHAT-EVER / HTTP/1.1\r\nHost: a\r\n\r\n",
       }) {
    EXPECT_EQ(parsed(text), Parsed::kOk) << text;
  }
}

TEST(WebRequest, Bodies) {
  RequestHead head;
  ASSERT_EQ(parse_head("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", head),
            Parsed::kOk);
  EXPECT_FALSE(head.has_body);
  ASSERT_EQ(parse_head("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", head),
            Parsed::kOk);
  EXPECT_TRUE(head.has_body);
  ASSERT_EQ(parse_head("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", head),
            Parsed::kOk);
  EXPECT_TRUE(head.has_body);
}

TEST(WebRequest, Refused) {
  for (const char* text : {
           "\x16\x03\x01\n\n",                                // TLS
           "GET /\r\n\r\n",                                   // HTTP/0.9
           "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",              // two spaces
           "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",            // space in the target
           "GET * HTTP/1.1\r\nHost: a\r\n\r\n",               //
           "GET a HTTP/1.1\r\nHost: a\r\n\r\n",               //
           "GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n",       // not ASCII
           "GET /#x HTTP/1.1\r\nHost: a\r\n\r\n",             //
           "GET / HTTP/1.1\r\n\r\n",                          // no host
           "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",    // two
           "GET / HTTP/1.1\r\nHost : a\r\n\r\n",              // space before the colon
           "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",    //
           "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",   //
           "GET / HTTP/1.1\r\nHost: a\r\nX: a\x01z\r\n\r\n",  // control byte
           "GET / HTTP/1.1\r\nHost: a\r\nX: a\rContent-Length: 5\r\n\r\n",  // bare CR
           "G(T / HTTP/1.1\r\nHost: a\r\n\r\n",                             //
           "GET / http/1.1\r\nHost: a\r\n\r\n",                             //
       }) {
    EXPECT_EQ(parsed(text), Parsed::kBad) << text;
  }
  EXPECT_EQ(parsed("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), Parsed::kUnsupportedVersion);
}

TEST(WebRequest, Limits) {
  EXPECT_EQ(parsed(std::string(kMaxHeadBytes - 1, 'a')), Parsed::kNeedMore);
  EXPECT_EQ(parsed(std::string(kMaxHeadBytes, 'a')), Parsed::kTooLarge);
  EXPECT_EQ(parsed(std::string(kMaxHeadBytes, '\n')), Parsed::kTooLarge);
  std::string many = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (size_t i = 1; i < kMaxHeaders; ++i) {
    many += "A: b\r\n";
  }
  EXPECT_EQ(parsed(many + "\r\n"), Parsed::kOk);
  EXPECT_EQ(parsed(many + "A: b\r\n\r\n"), Parsed::kTooLarge);
}

}  // namespace
}  // namespace sonde::web
