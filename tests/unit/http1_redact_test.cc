// SPDX-License-Identifier: Apache-2.0
// Redaction of HTTP/1.x: exact texts in and out, the same in whatever pieces they come.
#include "userspace/protocols/http1_redact.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace sonde {
namespace {

constexpr Direction kAsk = Direction::kIn;
constexpr Direction kAnswer = Direction::kOut;

// A turn of a dialogue: what goes in, and what may come out.
struct Turn {
  Direction direction;
  std::string in;
  std::string out;
};

std::string redacted(Redactor& redactor, Direction direction, std::string text,
                     size_t piece = SIZE_MAX) {
  for (size_t at = 0; at < text.size(); at += std::min(piece, text.size() - at)) {
    const size_t n = std::min(piece, text.size() - at);
    redactor.redact(direction, {reinterpret_cast<uint8_t*>(text.data()) + at, n});
  }
  return text;
}

// Each direction is one text without turns but the first: every boundary must be found by its
// framing.
void expect_dialogue(const std::vector<Turn>& turns) {
  for (const size_t piece : {SIZE_MAX, size_t{1}, size_t{2}, size_t{3}, size_t{7}, size_t{64}}) {
    const auto redactor = make_http1_redactor();
    redactor->turn(kAsk);
    redactor->turn(kAnswer);
    for (const Turn& turn : turns) {
      EXPECT_EQ(redacted(*redactor, turn.direction, turn.in, piece), turn.out)
          << "in pieces of " << piece;
    }
  }
}

std::string x(size_t n) { return std::string(n, 'x'); }

TEST(Http1Redact, RequestLine) {
  expect_dialogue(
      {{kAsk, "GET /a/b.html HTTP/1.1\r\n\r\n", "GET /a/b.html HTTP/1.1\r\n\r\n"},
       {kAsk, "GET /a?user=me&key=s%20t HTTP/1.1\r\n\r\n",
        "GET /a?xxxx=xx&xxx=xxxxx HTTP/1.1\r\n\r\n"},
       {kAsk, "GET /?dG9r?en/x HTTP/1.0\n\n", "GET /?xxxxxxxxx HTTP/1.0\n\n"},
       {kAsk, "GET /a;jsessionid=12/b HTTP/1.1\r\n\r\n", "GET /a;xxxxxxxxxxxxx/b HTTP/1.1\r\n\r\n"},
       {kAsk, "GET /a/token=12/b?q HTTP/1.1\r\n\r\n", "GET /a/token=xx/b?x HTTP/1.1\r\n\r\n"},
       {kAsk, "GET /caf\xc3\xa9 HTTP/1.1\r\n\r\n", "GET /cafxx HTTP/1.1\r\n\r\n"},
       {kAsk, "OPTIONS * HTTP/1.1\r\n\r\n", "OPTIONS * HTTP/1.1\r\n\r\n"}});
}

// An authority is kept, without the user, where it is seen whole; in pieces it is overwritten.
TEST(Http1Redact, TargetsKeepAHostAndNeverAUser) {
  const std::vector<std::pair<std::string, std::string>> authorities = {
      {"shop.example:8080", "shop.example:8080"},
      {"me:pw@shop:80", "xxxxx@shop:80"},
      {"a@b@shop", "xxx@shop"},
      {"[2001:db8::1]:80", "[2001:db8::1]:80"},
      {"[2001:db8::1", x(12)},
      {"me:pw", x(5)},
      {"sh_op", x(5)},
      {"[::1]~", x(6)},
      {"me:pw@~", x(5) + "@x"},
  };
  for (const auto& [in, out] : authorities) {
    for (const auto& [before, after] :
         std::vector<std::pair<std::string, std::string>>{{"GET http://", "/p HTTP/1.1\r\n\r\n"},
                                                          {"GET HTTPS://", " HTTP/1.1\r\n\r\n"},
                                                          {"CONNECT ", " HTTP/1.1\r\n\r\n"}}) {
      for (const size_t piece : {SIZE_MAX, size_t{1}}) {
        const auto redactor = make_http1_redactor();
        redactor->turn(kAsk);
        EXPECT_EQ(redacted(*redactor, kAsk, before + in + after, piece),
                  before + (piece == 1 ? x(in.size()) : out) + after);
      }
    }
  }
}

TEST(Http1Redact, HeadersByAllowList) {
  expect_dialogue(
      {{kAsk,
        "GET / HTTP/1.1\r\nHost: shop:80\r\nCOOKIE:a=b; c=d\r\nAuthorization:  Basic Zm9v\r\n"
        "X-Secret-Thing: 1\r\nContent-Lengthy: 2\r\ncookies: 3\r\nAccept: */*\r\nX-Api-Key: "
        "k\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: shop:80\r\nCOOKIE:xxxxxxxx\r\nAuthorization:  xxxxxxxxxx\r\n"
        "X-xxxxxxxxxxxx: x\r\nContent-Lengthx: x\r\ncookiex: x\r\nAccept: */*\r\nX-Api-Key: "
        "x\r\n\r\n"},
       {kAnswer,
        "HTTP/1.1 200 All is well\r\nServer: nginx/1.22.1\r\nSet-Cookie: a=b\r\nContent-Length: "
        "3\r\n"
        "ETag: \"abc\"\r\n\r\nabc",
        "HTTP/1.1 200 xxxxxxxxxxx\r\nServer: nginx/1.22.1\r\nSet-Cookie: xxx\r\nContent-Length: "
        "3\r\n"
        "ETag: xxxxx\r\n\r\nxxx"}});
}

TEST(Http1Redact, ContinuedHeadersAreNeverKept) {
  expect_dialogue(
      {{kAsk,
        "GET / HTTP/1.1\r\nHost: a\r\n b\r\nCookie: c\r\n\td: e\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n x\r\nCookie: x\r\n\txxxx\r\n\r\nGET /next "
        "HTTP/1.1\r\n\r\n"}});
}

TEST(Http1Redact, PipelinedBodiesByLength) {
  expect_dialogue(
      {{kAsk, "POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nGET /GET /b HTTP/1.1\r\n\r\n",
        "POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nxxxxxGET /b HTTP/1.1\r\n\r\n"},
       {kAnswer,
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 "
        "204\r\n\r\n",
        "HTTP/1.1 100 xxxxxxxx\r\n\r\nHTTP/1.1 201 xxxxxxx\r\nContent-Length: 2\r\n\r\nxxHTTP/1.1 "
        "204\r\n\r\n"}});
}

TEST(Http1Redact, ChunkedBodiesKeepTheirSizesOnly) {
  expect_dialogue({{kAsk,
                    "POST /a HTTP/1.1\r\nTransfer-Encoding: gzip, "
                    "Chunked\r\n\r\n5;sig=abc\r\nhello\r\nA \r\n0123456789\r\n0\r\n"
                    "Host: secret\r\nX-T: 1\r\n\r\nGET /b HTTP/1.1\r\n\r\n",
                    "POST /a HTTP/1.1\r\nTransfer-Encoding: gzip, "
                    "Chunked\r\n\r\n5;xxxxxxx\r\nxxxxx\r\nA \r\nxxxxxxxxxx\r\n0\r\n"
                    "Host: xxxxxx\r\nX-x: x\r\n\r\nGET /b HTTP/1.1\r\n\r\n"}});
}

TEST(Http1Redact, AnswersAreFramedByWhatWasAsked) {
  expect_dialogue({{kAsk, "HEAD /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\nGET /c HTTP/1.1\r\n\r\n",
                    "HEAD /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\nGET /c HTTP/1.1\r\n\r\n"},
                   {kAnswer,
                    "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\nHTTP/1.1 304 "
                    "OK\r\nContent-Length: 900\r\n\r\n"
                    "HTTP/1.1 200 OK\r\n\r\nuntil the end\r\nHTTP/1.1 200 OK\r\n",
                    "HTTP/1.1 200 xx\r\nContent-Length: 900\r\n\r\nHTTP/1.1 304 "
                    "xx\r\nContent-Length: 900\r\n\r\n"
                    "HTTP/1.1 200 xx\r\n\r\n" +
                        x(32)}});
}

TEST(Http1Redact, AnAnswerWhoseRequestIsUnknownIsTakenToHaveABody) {
  const auto redactor = make_http1_redactor();
  redactor->turn(kAnswer);
  EXPECT_EQ(redacted(*redactor, kAnswer,
                     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabHTTP/1.1 204\r\n\r\n"),
            "HTTP/1.1 200 xx\r\nContent-Length: 2\r\n\r\nxxHTTP/1.1 204\r\n\r\n");
  // No body follows here (it answered HEAD): the turn shows it.
  EXPECT_EQ(redacted(*redactor, kAnswer, "HTTP/1.1 200\r\nContent-Length: 90\r\n\r\n"),
            "HTTP/1.1 200\r\nContent-Length: 90\r\n\r\n");
  redactor->turn(kAnswer);
  EXPECT_EQ(redacted(*redactor, kAnswer,
                     "HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"),
            "HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n");
  EXPECT_EQ(redacted(*redactor, kAnswer, "HTTP/1.1 200\r\n\r\nHTTP/1.1 200"),
            "HTTP/1.1 200\r\n\r\n" + x(12));
}

TEST(Http1Redact, AnswersSeenBeforeTheirRequestsLeaveNoOffset) {
  const auto redactor = make_http1_redactor();
  for (int i = 0; i < 3; i++) {
    redactor->turn(kAnswer);
    redacted(*redactor, kAnswer, "HTTP/1.1 204\r\n\r\n");
    redactor->turn(kAsk);
    redacted(*redactor, kAsk, "GET / HTTP/1.1\r\n\r\n");
  }
  redactor->turn(kAsk);
  redacted(*redactor, kAsk, "HEAD / HTTP/1.1\r\n\r\n");
  redactor->turn(kAnswer);
  EXPECT_EQ(
      redacted(*redactor, kAnswer, "HTTP/1.1 200\r\nContent-Length: 9\r\n\r\nHTTP/1.1 200\r\n"),
      "HTTP/1.1 200\r\nContent-Length: 9\r\n\r\nHTTP/1.1 200\r\n");
}

TEST(Http1Redact, TunnelsAreClosedToUsForGood) {
  expect_dialogue(
      {{kAsk, "GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
        "GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"},
       {kAnswer, "HTTP/1.1 101 Go\r\n\r\nGET / HTTP/1.1\r\n", "HTTP/1.1 101 xx\r\n\r\n" + x(16)},
       {kAsk, "GET /secret HTTP/1.1\r\n", x(22)}});
  expect_dialogue({{kAsk, "CONNECT h~1 HTTP/1.1\r\n\r\n", "CONNECT xxx HTTP/1.1\r\n\r\n"},
                   {kAnswer, "HTTP/1.1 200\r\n\r\nHTTP/1.1 200", "HTTP/1.1 200\r\n\r\n" + x(12)},
                   {kAsk, "GET /secret HTTP/1.1\r\n", x(22)}});
}

TEST(Http1Redact, OtherProtocolsAreOverwritten) {
  const std::vector<std::pair<std::string, std::string>> firsts = {
      {"*2\r\n$4\r\nAUTH\r\n", x(14)},
      {"GET secret\r\nGET /a HTTP/1.1\r\n", "GET " + x(25)},
      {"PASS hunter2\r\n", "PA" + x(12)},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "PR" + x(22)},
      {"cat /etc/passwd\r\n", x(17)},
      {std::string("\x16\x03\x01\x00\x05hello", 10), x(10)},
      {"GET /a HTTP/2.0\r\nHost: secret", "GET /a HTTP/" + x(17)},
      {"HTTP/1.1 2x0 OK\r\nHost: secret", "HTTP/1.1 2" + x(19)},
  };
  for (const auto& [in, out] : firsts) {
    expect_dialogue({{kAsk, in, out}});
  }
}

TEST(Http1Redact, DamageEndsTheClearUntilTheNextTurn) {
  // The header that does the damage, and what may be seen of it.
  const std::vector<std::pair<std::string, std::string>> headers = {
      {"Host secret", "Hostxxxxxxx"},
      {": secret", "xxxxxxxx"},
      {"Content-Length: 5 5", "Content-Length: 5 x"},
      {"Content-Length: +5", "Content-Length: xx"},
      {"Content-Length: 5\r\n 5", "Content-Length: 5\r\nxx"},
      {"Content-Length: 1234567890123456789", "Content-Length: 123456789012345678x"},
      {"Content-Length: 1\r\nContent-Length: 2\n", "Content-Length: 1\r\nContent-Length: 2x"},
      {"Host: a\rb", "Host: a\rx"},
  };
  for (const auto& [in, out] : headers) {
    const std::string head = "GET / HTTP/1.1\r\n";
    const std::string next = "\r\n\r\nGET /a HTTP/1.1\r\n\r\n";
    expect_dialogue({{kAsk, head + in + next, head + out + x(next.size())}});
    const auto redactor = make_http1_redactor();
    redactor->turn(kAsk);
    redacted(*redactor, kAsk, head + in + next);
    redactor->turn(kAsk);
    EXPECT_EQ(redacted(*redactor, kAsk, "GET /a HTTP/1.1\r\n"), "GET /a HTTP/1.1\r\n");
  }
}

TEST(Http1Redact, AnyMethodIsKeptWhereItsWholeLineIsSeen) {
  const auto redactor = make_http1_redactor();
  redactor->turn(kAsk);
  EXPECT_EQ(redacted(*redactor, kAsk,
                     "GET / HTTP/1.1\r\n\r\nBREW /pot?sugar=2 HTTP/1.1\r\nHost: a\r\n\r\n"),
            "GET / HTTP/1.1\r\n\r\nBREW /pot?xxxxx=x HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(redacted(*redactor, kAsk, "GETS /pot HTTP/1.1\r\n\r\n"), "GETS /pot HTTP/1.1\r\n\r\n");
  EXPECT_EQ(redacted(*redactor, kAsk, "BREW /pot HTTP/1.1"), x(18));
}

TEST(Http1Redact, HolesInABodyOfKnownLengthAreHarmless) {
  const auto redactor = make_http1_redactor();
  redactor->turn(kAsk);
  EXPECT_EQ(redacted(*redactor, kAsk, "PUT /a HTTP/1.1\r\nContent-Length: 100\r\n\r\n12345"),
            "PUT /a HTTP/1.1\r\nContent-Length: 100\r\n\r\nxxxxx");
  redactor->skip(kAsk, 95);
  EXPECT_EQ(redacted(*redactor, kAsk, "GET /b HTTP/1.1\r\n\r\n"), "GET /b HTTP/1.1\r\n\r\n");
}

TEST(Http1Redact, OtherHolesEndTheClearUntilTheNextTurn) {
  for (const std::string_view before :
       {"GET / HT", "PUT / HTTP/1.1\r\nContent-Length: 4\r\n\r\n1",
        "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n1", "", "GET / HTTP/1.1\r\n"}) {
    const auto redactor = make_http1_redactor();
    redactor->turn(kAsk);
    redacted(*redactor, kAsk, std::string(before));
    redactor->skip(kAsk, 50);
    EXPECT_EQ(redacted(*redactor, kAsk, "GET /b HTTP/1.1\r\n\r\n"), x(19));
    redactor->turn(kAsk);
    EXPECT_EQ(redacted(*redactor, kAsk, "GET /b HTTP/1.1\r\n\r\n"), "GET /b HTTP/1.1\r\n\r\n");
  }
}

TEST(Http1Redact, NothingIsClearBeforeATurnBegins) {
  const auto redactor = make_http1_redactor();
  EXPECT_EQ(redacted(*redactor, kAsk, "GET /b HTTP/1.1\r\n\r\n"), x(19));
}

TEST(Http1Redact, TooManyUnansweredRequestsAreForgottenAtTheNextTurn) {
  const auto redactor = make_http1_redactor();
  redactor->turn(kAsk);
  for (int i = 0; i < 5000; i++) {
    redacted(*redactor, kAsk, "GET / HTTP/1.1\r\n\r\n");
  }
  // HEAD's answer, but that is not known any more: taken to have a body.
  redacted(*redactor, kAsk, "HEAD / HTTP/1.1\r\n\r\n");
  const std::string head = "HTTP/1.1 200\r\nContent-Length: 9\r\n\r\n";
  redactor->turn(kAnswer);
  EXPECT_EQ(redacted(*redactor, kAnswer, head + head), head + x(9) + x(head.size() - 9));
  redactor->turn(kAsk);
  redacted(*redactor, kAsk, "HEAD / HTTP/1.1\r\n\r\n");
  redactor->turn(kAnswer);
  EXPECT_EQ(redacted(*redactor, kAnswer, head + head), head + head);
}

}  // namespace
}  // namespace sonde
