// SPDX-License-Identifier: Apache-2.0
// Answers that are made while they are sent: framed as each client understands it, and never in the
// way of others.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "tests/support/web_client.h"

namespace sonde::web {
namespace {

// So many parts of so many bytes.
class Parts : public BodyStream {
 public:
  Parts(size_t parts, size_t bytes, Next at_end, std::atomic<size_t>& made)
      : parts_(parts), bytes_(bytes), at_end_(at_end), made_(made) {}
  Next next(std::string& out) override {
    ++made_;
    if (parts_ == 0) {
      return at_end_;
    }
    --parts_;
    if (parts_ % 2 == 0) {  // a part may be empty
      out.append(2 * bytes_, static_cast<char>('a' + parts_ % 26));
    }
    return Next::kMore;
  }

 private:
  size_t parts_;
  const size_t bytes_;
  const Next at_end_;
  std::atomic<size_t>& made_;
};

struct Streams {
  std::atomic<size_t> made = 0;
  HttpRoute route(size_t parts, size_t bytes, BodyStream::Next at_end = BodyStream::Next::kEnd) {
    return {"/stream", [=, this](const HttpRequest&) {
              HttpResponse response;
              response.stream = std::make_unique<Parts>(parts, bytes, at_end, made);
              return response;
            }};
  }
};

// The body of a chunked answer; "<bad>" if it is not framed as RFC 9112, section 7.1 wants.
std::string unchunked(std::string_view answer) {
  std::string out;
  answer.remove_prefix(std::min(answer.find("\r\n\r\n") + 4, answer.size()));
  while (true) {
    const size_t line = answer.find("\r\n");
    if (line == std::string_view::npos) {
      return "<bad>";
    }
    const size_t size = std::stoul(std::string(answer.substr(0, line)), nullptr, 16);
    answer.remove_prefix(line + 2);
    if (answer.substr(size, 2) != "\r\n") {
      return "<bad>";
    }
    out += answer.substr(0, size);
    answer.remove_prefix(size + 2);
    if (size == 0) {
      return answer.empty() ? out : "<bad>";
    }
  }
}

TEST(WebStream, ChunksAndTheConnectionGoesOn) {
  Streams streams;
  const auto server = serve({streams.route(6, 3), hello()});
  Client client(server->port());
  client.send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
  const std::string answer = client.read_until("\r\n0\r\n\r\n");
  EXPECT_NE(answer.find("\r\nTransfer-Encoding: chunked\r\n"), std::string::npos) << answer;
  EXPECT_EQ(answer.find("Content-Length"), std::string::npos);
  EXPECT_EQ(unchunked(answer), "eeeeeeccccccaaaaaa");
  client.send(kGetClose);
  EXPECT_TRUE(client.read_all().ends_with("hello \n"));
}

TEST(WebStream, AnOldClientReadsToTheEnd) {
  Streams streams;
  const auto server = serve({streams.route(2, 3)});
  Client client(server->port());
  client.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const std::string answer = client.read_all();
  EXPECT_EQ(answer.find("Transfer-Encoding"), std::string::npos) << answer;
  EXPECT_NE(answer.find("\r\nConnection: close\r\n"), std::string::npos) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\naaaaaa")) << answer;
}

TEST(WebStream, HeadMakesNothing) {
  Streams streams;
  const auto server = serve({streams.route(2, 3)});
  Client client(server->port());
  client.send("HEAD /stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(client.read_all().ends_with("\r\n\r\n"));
  EXPECT_EQ(streams.made, 0u);
}

TEST(WebStream, OneThatFailsEndsWithoutItsEnd) {
  Streams streams;
  const auto server = serve({streams.route(2, 3, BodyStream::Next::kFailed)});
  Client client(server->port());
  client.send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(unchunked(client.read_all()), "<bad>");
  EXPECT_EQ(counted(*server, "sonde.web.dropped", "broken"), 1u);
}

// Who reads slowly costs one part, and nobody else any time.
TEST(WebStream, ASlowReaderHoldsUpNobody) {
  constexpr size_t kParts = 500;
  Streams streams;
  const auto server = serve({streams.route(kParts, 65536), hello()});
  Client slow(server->port(), 4096);
  slow.send("GET /stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  while (streams.made == 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  // Each of them is a round of the server, in which it would go on if it could.
  for (int i = 0; i < 100; ++i) {
    Client other(server->port());
    other.send(kGetClose);
    ASSERT_TRUE(other.read_all().ends_with("hello \n"));
  }
  EXPECT_LT(streams.made, kParts / 2) << "made only as it is taken";
  EXPECT_EQ(unchunked(slow.read_all()).size(), kParts * 65536);
}

// Says "later" until it is let go on.
class Waiting : public BodyStream {
 public:
  struct State {
    std::atomic<size_t> asked = 0;
    std::atomic<bool> ready = false;
    std::atomic<bool> gone = false;
  };
  explicit Waiting(State& state) : state_(state) {}
  ~Waiting() override { state_.gone = true; }
  Next next(std::string& out) override {
    ++state_.asked;
    if (!state_.ready) {
      return Next::kLater;
    }
    out = "at last";
    return Next::kEnd;
  }

 private:
  State& state_;
};

HttpRoute waiting(Waiting::State& state) {
  return {"/wait", [&state](const HttpRequest&) {
            HttpResponse response;
            response.stream = std::make_unique<Waiting>(state);
            return response;
          }};
}

constexpr std::string_view kGetWait = "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n";

void await(const auto& condition) {
  for (int left = kPatienceS * 1000; left > 0 && !condition(); --left) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_TRUE(condition());
}

// Longer than an answer may take to be sent: it is we who are slow.
TEST(WebStream, WhatIsNotThereYetIsWaitedFor) {
  Waiting::State state;
  Limits limits;
  limits.write_timeout_ns = 250'000'000;
  const auto server = serve({waiting(state), hello()}, limits);
  Client client(server->port());
  client.send(kGetWait);
  await([&] { return state.asked >= 5; });
  Client other(server->port());
  other.send(kGetClose);
  EXPECT_TRUE(other.read_all().ends_with("hello \n"));
  state.ready = true;
  EXPECT_EQ(unchunked(client.read_until("\r\n0\r\n\r\n")), "at last");
  client.send(kGetClose);
  EXPECT_TRUE(client.read_all().ends_with("hello \n")) << "the connection goes on";
}

TEST(WebStream, WhoWentAwayIsNotWaitedFor) {
  Waiting::State state;
  const auto server = serve({waiting(state)});
  {
    Client client(server->port());
    client.send(kGetWait);
    await([&] { return state.asked >= 1; });
  }
  await([&] { return state.gone.load(); });
  EXPECT_EQ(counted(*server, "sonde.web.dropped", "broken"), 1u);
}

TEST(WebStream, ManyAtOnce) {
  constexpr size_t kParts = 50;
  Streams streams;
  const auto server = serve({streams.route(kParts, 10'000)});
  std::vector<std::thread> threads;
  std::atomic<int> whole = 0;
  for (int i = 0; i < 20; ++i) {
    threads.emplace_back([&] {
      Client client(server->port());
      client.send("GET /stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
      whole += unchunked(client.read_all()).size() == kParts * 10'000 ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(whole, 20);
}

}  // namespace
}  // namespace sonde::web
