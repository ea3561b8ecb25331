// SPDX-License-Identifier: Apache-2.0
// Each way to send and receive is told with its very bytes, once; what moves no bytes is not told.
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <csignal>
#include <thread>

#include "tests/bpf/harness.h"

namespace sonde {
namespace {

class CallsTest : public BpfTest {
 protected:
  // The client sent 'ping' and received 'pong', by readable calls; nothing else happened.
  void expect_ping_pong() {
    EXPECT_EQ(client().text,
              "turn 1 out @0 4 'ping'\n"
              "turn 2 in @0 4 'pong' after 4\n"
              "close in 4 out 4 after 4\n");
    EXPECT_EQ(server().text,
              "turn 1 in @0 4 'ping'\n"
              "turn 2 out @0 4 'pong' after 4\n"
              "close in 4 out 4 after 4\n");
    EXPECT_EQ(counted(SONDE_COUNT_calls_shipped), 4u);
    EXPECT_EQ(counted(SONDE_COUNT_bytes_shipped), 16u);
    EXPECT_EQ(counted(SONDE_COUNT_calls_unreadable), 0u);
    EXPECT_EQ(counted(SONDE_COUNT_connections_opened), 2u);
    EXPECT_EQ(counted(SONDE_COUNT_connections_closed), 2u);
  }
};

TEST_P(CallsTest, ReadWrite) {
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    say(client, "ping");
    MUST(hear(server) == "ping");
    say(server, "pong");
    MUST(hear(client) == "pong");
  });
  expect_ping_pong();
}

TEST_P(CallsTest, SendtoRecvfrom) {
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    char buffer[64];
    MUST(sendto(client, "ping", 4, 0, nullptr, 0) == 4);
    MUST(recvfrom(server, buffer, sizeof(buffer), 0, nullptr, nullptr) == 4);
    MUST(send(server, "pong", 4, MSG_NOSIGNAL) == 4);
    MUST(recv(client, buffer, 4, MSG_WAITALL) == 4);
  });
  expect_ping_pong();
}

TEST_P(CallsTest, SendmsgRecvmsg) {
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    for (const auto& [from, to, text] :
         {std::tuple(client, server, "ping"), {server, client, "pong"}}) {
      std::string sent = text;
      std::string got(64, '-');
      auto out = pieces<4>(sent, {0, 1, 0, 3});
      auto in = pieces<3>(got, {3, 0, 61});
      const msghdr outgoing = message_of(out.data(), out.size());
      msghdr incoming = message_of(in.data(), in.size());
      MUST(sendmsg(from, &outgoing, 0) == 4);
      MUST(recvmsg(to, &incoming, 0) == 4);
    }
  });
  expect_ping_pong();
}

TEST_P(CallsTest, ReadvWritev) {
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    for (const auto& [from, to, text] :
         {std::tuple(client, server, "ping"), {server, client, "pong"}}) {
      std::string sent = text;
      std::string got(64, '-');
      auto out = pieces<3>(sent, {2, 0, 2});
      auto in = pieces<3>(got, {1, 2, 61});
      MUST(writev(from, out.data(), 3) == 4);
      MUST(readv(to, in.data(), 3) == 4);
    }
  });
  expect_ping_pong();
}

TEST_P(CallsTest, Preadv2Pwritev2AtTheCurrentPosition) {
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    for (const auto& [from, to, text] :
         {std::tuple(client, server, "ping"), {server, client, "pong"}}) {
      std::string sent = text;
      std::string got(64, '-');
      auto out = pieces<2>(sent, {3, 1});
      auto in = pieces<2>(got, {1, 63});
      MUST(pwritev2(from, out.data(), 2, -1, 0) == 4);
      MUST(preadv2(to, in.data(), 2, -1, 0) == 4);
    }
  });
  expect_ping_pong();
}

TEST_P(CallsTest, SendmmsgRecvmmsgOfOneMessage) {
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    for (const auto& [from, to, text] :
         {std::tuple(client, server, "ping"), {server, client, "pong"}}) {
      std::string sent = text;
      std::string got(64, '-');
      auto out = pieces<2>(sent, {3, 1});
      auto in = pieces<2>(got, {2, 62});
      mmsghdr outgoing{message_of(out.data(), 2), 0};
      mmsghdr incoming{message_of(in.data(), 2), 0};
      MUST(sendmmsg(from, &outgoing, 1, 0) == 1);
      MUST(recvmmsg(to, &incoming, 1, 0, nullptr) == 1);
    }
  });
  expect_ping_pong();
}

// A head written from many small strings is ordinary; all of it must come.
TEST_P(CallsTest, ManySmallBuffersInOneCall) {
  constexpr size_t kPieces = 60;
  const std::string text = pattern(kPieces * 3);
  run([&](const Wire& wire) {
    const auto [client, server] = wire.pair();
    std::string sent = text;
    std::string got(text.size(), '-');
    std::array<size_t, kPieces * 2> sizes{};
    for (size_t i = 0; i < kPieces; i++) {
      sizes[i * 2] = 3;  // and every second one empty
    }
    auto out = pieces(sent, sizes);
    auto in = pieces(got, sizes);
    MUST(writev(client, out.data(), out.size()) == static_cast<ssize_t>(text.size()));
    MUST(readv(server, in.data(), in.size()) == static_cast<ssize_t>(text.size()));
    MUST(got == text);
  });
  EXPECT_TRUE(client().captured[1] == text) << client().text;
  EXPECT_TRUE(server().captured[0] == text) << server().text;
  EXPECT_EQ(counted(SONDE_COUNT_bytes_unreadable), 0u);
}

// As many buffers as a call may have, over several records.
TEST_P(CallsTest, AThousandBuffersInOneCall) {
  const std::string text = pattern(1024 * 9);
  run([&](const Wire& wire) {
    const auto [client, server] = wire.pair();
    std::string sent = text;
    std::array<size_t, 1024> sizes{};
    sizes.fill(9);
    auto out = pieces(sent, sizes);
    MUST(writev(client, out.data(), out.size()) == static_cast<ssize_t>(text.size()));
    MUST(hear_all(server, text.size()) == text);
  });
  EXPECT_TRUE(client().captured[1] == text) << client().text;
  EXPECT_TRUE(server().captured[0] == text) << server().text;
  EXPECT_EQ(counted(SONDE_COUNT_bytes_unreadable), 0u);
}

TEST_P(CallsTest, AByteAtATime) {
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    for (const char c : std::string("GET")) {
      say(client, {&c, 1});
      MUST(hear(server) == std::string(1, c));
    }
    say(server, "ok");
    MUST(hear(client, 1) == "o");
    MUST(hear(client, 1) == "k");
  });
  EXPECT_EQ(client().text,
            "turn 1 out @0 1 'G'\n"
            "out @1 1 'E'\n"
            "out @2 1 'T'\n"
            "turn 2 in @0 1 'o' after 3\n"
            "in @1 1 'k'\n"
            "close in 2 out 3 after 2\n");
  EXPECT_EQ(server().text,
            "turn 1 in @0 1 'G'\n"
            "in @1 1 'E'\n"
            "in @2 1 'T'\n"
            "turn 2 out @0 2 'ok' after 3\n"
            "close in 3 out 2 after 2\n");
}

TEST_P(CallsTest, WhatMovesNothingIsNotTold) {
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    char buffer[64];
    MUST(recv(client, buffer, sizeof(buffer), MSG_DONTWAIT) == -1 && errno == EAGAIN);
    MUST(send(client, "", 0, 0) == 0);
    MUST(read(server, buffer, 0) == 0);
    say(client, "ping");
    MUST(recv(server, buffer, sizeof(buffer), MSG_PEEK) == 4);
    iovec iov{buffer, sizeof(buffer)};
    msghdr message = message_of(&iov, 1);
    MUST(recvmsg(server, &message, MSG_PEEK) == 4);
    MUST(recv(server, reinterpret_cast<void*>(1), 4, 0) == -1 && errno == EFAULT);
    MUST(hear(server) == "ping");
    say(server, "pong");
    MUST(hear(client) == "pong");
    close(server);
    MUST(hear(client).empty());
    MUST(send(client, "x", 1, MSG_NOSIGNAL) == 1);  // answered by a reset
    await_event(client, POLLERR | POLLHUP);
    MUST(send(client, "y", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE);
  });
  EXPECT_EQ(client().text,
            "turn 1 out @0 4 'ping'\n"
            "turn 2 in @0 4 'pong' after 4\n"
            "turn 3 out @4 1 'x' after 4\n"
            "close in 4 out 5 after 1 reset\n");
  EXPECT_EQ(server().text,
            "turn 1 in @0 4 'ping'\n"
            "turn 2 out @0 4 'pong' after 4\n"
            "close in 4 out 4 after 4\n");
}

// A non-blocking send takes what fits: only that was sent, only that is told.
TEST_P(CallsTest, PartialSend) {
  int sizes[2];
  ASSERT_EQ(pipe2(sizes, O_CLOEXEC), 0);
  run([&](const Wire& wire) {
    const auto [client, server] = wire.pair();
    const int small = 4096;
    MUST(setsockopt(client, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)) == 0);
    MUST(fcntl(client, F_SETFL, O_NONBLOCK) == 0);
    const std::string text = pattern(8 << 20);
    const ssize_t sent = write(client, text.data(), text.size());
    MUST(sent > 0 && sent < static_cast<ssize_t>(text.size()));
    MUST(hear_all(server, static_cast<size_t>(sent)) == text.substr(0, static_cast<size_t>(sent)));
    MUST(write(sizes[1], &sent, sizeof(sent)) == sizeof(sent));
  });
  ssize_t sent = 0;
  ASSERT_EQ(read(sizes[0], &sent, sizeof(sent)), static_cast<ssize_t>(sizeof(sent)));
  const auto bytes = static_cast<size_t>(sent);
  const std::string first = pattern(8 << 20).substr(0, std::min<size_t>(bytes, SONDE_PROBE_LIMIT));
  EXPECT_TRUE(client().captured[1] == first) << client().text;
  EXPECT_TRUE(server().captured[0] == first) << server().text;
  EXPECT_EQ(client().close.position_out, bytes);
  EXPECT_EQ(client().close.state.last_turn_bytes, bytes);
}

// Before any decision, a turn that uses the probe up hides no later turn's beginning.
TEST_P(CallsTest, AProbeThatIsUsedUpStillTellsHowTurnsBegin) {
  const std::string text = pattern(1 << 20);
  run([&](const Wire& wire) {
    const auto [client, server] = wire.pair();
    for (int i = 0; i < 2; i++) {
      send_all(client, "ask");
      MUST(hear_all(server, 3) == "ask");
      for (size_t at = 0; at < text.size(); at += 32768) {
        send_all(server, text.substr(at, 32768));
        MUST(hear_all(client, 32768) == text.substr(at, 32768));
      }
    }
  });
  const std::string told = text.substr(0, SONDE_PROBE_LIMIT) + text.substr(0, SONDE_PROBE_HEAD);
  EXPECT_TRUE(client().captured[0] == told) << client().text;
  EXPECT_TRUE(server().captured[1] == told) << server().text;
  EXPECT_EQ(server().captured[0], "askask");
}

TEST_P(CallsTest, ReceivingIntoALargerBufferThanTheMessage) {
  const std::string text = pattern(5000);
  run([&](const Wire& wire) {
    const auto [client, server] = wire.pair();
    send_all(client, text);
    await_bytes(server, static_cast<int>(text.size()));
    MUST(hear(server, 1 << 16) == text);
  });
  EXPECT_TRUE(server().captured[0] == text) << server().text;
  EXPECT_EQ(server().bytes[0], text.size());
}

TEST_P(CallsTest, OneThreadSendsWhileAnotherReceives) {
  const std::string asked = pattern(60'000, 1);
  const std::string answered = pattern(60'000, 2);
  run([&](const Wire& wire) {
    const auto [client, server] = wire.pair();
    auto send_slowly = [](int fd, std::string_view text) {
      for (size_t at = 0; at < text.size(); at += 100) {
        say(fd, text.substr(at, 100));
      }
    };
    std::thread a([&, c = client] { send_slowly(c, asked); });
    std::thread b([&, s = server] { send_slowly(s, answered); });
    std::thread c([&, s = server] { MUST(hear_all(s, asked.size(), 1000) == asked); });
    MUST(hear_all(client, answered.size(), 1000) == answered);
    a.join();
    b.join();
    c.join();
  });
  for (const auto& [end, out, in] :
       {std::tuple(client(), asked, answered), {server(), answered, asked}}) {
    EXPECT_TRUE(end.captured[1] == out);
    EXPECT_TRUE(end.captured[0] == in);
    EXPECT_EQ(end.close.position_out, out.size());
    EXPECT_EQ(end.close.position_in, in.size());
  }
  EXPECT_EQ(counted(SONDE_COUNT_bytes_shipped), 240'000u);
}

// Their calls may be told in another order than they were done. No place in the stream is anybody's
// then, but the stream is as long as it is.
TEST_P(CallsTest, ManyThreadsSendOnOneSocket) {
  constexpr size_t kThreads = 4;
  constexpr size_t kCalls = 500;
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    std::vector<std::thread> threads;
    for (size_t i = 0; i < kThreads; i++) {
      threads.emplace_back([fd = client] {
        for (size_t call = 0; call < kCalls; call++) {
          say(fd, "0123456789");
        }
      });
    }
    hear_all(server, kThreads * kCalls * 10, 1000);
    for (std::thread& thread : threads) {
      thread.join();
    }
    say(client, "end");
    MUST(hear(server) == "end");
  });
  EXPECT_EQ(client().close.position_out, kThreads * kCalls * 10 + 3);
  EXPECT_EQ(server().close.position_in, kThreads * kCalls * 10 + 3);
  const std::string last = fmt::format("out @{} 3 'end'\n", kThreads * kCalls * 10);
  EXPECT_NE(client().text.find(last), std::string::npos);
}

SONDE_FOR_EACH_DOOR(CallsTest);

}  // namespace
}  // namespace sonde
