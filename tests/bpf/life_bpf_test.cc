// SPDX-License-Identifier: Apache-2.0
// From the first sight of a connection to its last byte: roles, addresses, ids, positions, and the
// many ways to end.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>

#include "tests/bpf/harness.h"

namespace sonde {
namespace {

class LifeTest : public BpfTest {};

constexpr Address ipv4_loopback(uint16_t port) { return {{127, 0, 0, 1}, port, 4}; }

void send_descriptor(int by, int fd) {
  char byte = 'd';
  iovec iov{&byte, 1};
  msghdr message = message_of(&iov, 1);
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &fd, sizeof(int));
  MUST(sendmsg(by, &message, 0) == 1);
}

int receive_descriptor(int by) {
  char byte = 0;
  iovec iov{&byte, 1};
  msghdr message = message_of(&iov, 1);
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  MUST(recvmsg(by, &message, 0) == 1);
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
  return fd;
}

#ifndef TCP_FASTOPEN_NO_COOKIE
#define TCP_FASTOPEN_NO_COOKIE 34
#endif

// Sends with the SYN, before anything is established.
int connect_and_say(uint16_t port, std::string_view text) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const int yes = 1;
  MUST(setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, &yes, sizeof(yes)) == 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  MUST(sendto(fd, text.data(), text.size(), MSG_FASTOPEN, reinterpret_cast<const sockaddr*>(&to),
              sizeof(to)) == static_cast<ssize_t>(text.size()));
  MUST(fcntl(fd, F_SETFL, 0) == 0);
  return fd;
}

TEST_P(LifeTest, OpeningTellsWhoAndWhere) {
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    ping_pong(client, server);
  });
  for (const ToldEnd* end : {&client(), &server()}) {
    EXPECT_FALSE(end->opened.midway);
    EXPECT_EQ(end->opened.position_in, 0u);
    EXPECT_EQ(end->opened.position_out, 0u);
    EXPECT_GT(end->opened.opened_ns, 0u);
    EXPECT_LE(end->opened.opened_ns, end->opened.time_ns);
    EXPECT_FALSE(end->close.reset);
  }
  EXPECT_EQ(client().opened.remote, ipv4_loopback(port_));
  EXPECT_EQ(server().opened.local, ipv4_loopback(port_));
  expect_joined(client(), server());
}

TEST_P(LifeTest, Ipv6) {
  run([](const Wire& wire) {
    const int client = wire.connect6("::1");
    ping_pong(client, wire.accept6());
  });
  Address loopback{{}, port6_, 6};
  loopback.bytes[15] = 1;
  EXPECT_EQ(client().opened.remote, loopback);
  EXPECT_EQ(server().opened.local, loopback);
  expect_joined(client(), server());
  EXPECT_EQ(server().captured[0], "ping");
}

TEST_P(LifeTest, MappedIpv4IsToldAsIpv4) {
  run([](const Wire& wire) {
    const int client = wire.connect6("::ffff:127.0.0.1");
    ping_pong(client, wire.accept6());
  });
  EXPECT_EQ(client().opened.remote, ipv4_loopback(port6_));
  EXPECT_EQ(server().opened.local, ipv4_loopback(port6_));
  expect_joined(client(), server());
}

TEST_P(LifeTest, DuplicatedDescriptor) {
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    say(dup(client), "by a copy");
    MUST(hear(dup(server)) == "by a copy");
  });
  EXPECT_EQ(client().captured[1], "by a copy");
  EXPECT_EQ(server().captured[0], "by a copy");
}

TEST_P(LifeTest, DescriptorPassedToAnotherProcess) {
  run([](const Wire& wire) {
    int local[2];
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, local) == 0);
    const pid_t other = in_child([&] {
      const int client = receive_descriptor(local[1]);
      const int server = receive_descriptor(local[1]);
      ping_pong(client, server);
    });
    const auto [client, server] = wire.pair();
    ping_pong(client, server);
    send_descriptor(local[0], client);
    send_descriptor(local[0], server);
    close(client);
    close(server);
    wait_for(other);
  });
  for (const ToldEnd* end : {&client(), &server()}) {
    EXPECT_EQ(end->captured[0] + end->captured[1],
              end == &client() ? "pongpongpingping" : "pingpingpongpong");
    ASSERT_EQ(end->pids.size(), 4u);
    EXPECT_EQ(end->pids[0], end->pids[1]);
    EXPECT_NE(end->pids[1], end->pids[2]);
    EXPECT_TRUE(end->closed);
  }
}

TEST_P(LifeTest, AcceptedByAForkedWorker) {
  run([](const Wire& wire) {
    const pid_t worker = in_child([&] {
      const int server = wire.accept();
      MUST(hear(server) == "ping");
      say(server, "pong");
    });
    const int client = wire.connect();
    say(client, "ping");
    MUST(hear(client) == "pong");
    wait_for(worker);
  });
  EXPECT_EQ(server().captured[0], "ping");
  EXPECT_EQ(server().captured[1], "pong");
  EXPECT_NE(server().opened.pid, client().opened.pid);
  expect_joined(client(), server());
}

// One process accepts and hands out, a child for each connection serves.
TEST_P(LifeTest, AcceptedByTheParentServedByChildren) {
  run([](const Wire& wire) {
    for (int i = 0; i < 3; i++) {
      const auto [client, server] = wire.pair();
      const pid_t worker = in_child([s = server] {
        MUST(hear(s) == "ping");
        say(s, "pong");
      });
      close(server);
      say(client, "ping");
      MUST(hear(client) == "pong");
      close(client);
      wait_for(worker);
    }
  });
  for (size_t nth = 0; nth < 3; nth++) {
    EXPECT_EQ(server(nth).text,
              "turn 1 in @0 4 'ping'\n"
              "turn 2 out @0 4 'pong' after 4\n"
              "close in 4 out 4 after 4\n");
    EXPECT_NE(server(nth).opened.pid, client(nth).opened.pid);
    EXPECT_EQ(server(nth).pids[0], server(nth).pids[1]);
    expect_joined(client(nth), server(nth));
  }
  EXPECT_NE(server(0).opened.pid, server(1).opened.pid);
}

// The kernel calls the socket closed before its last bytes are read.
TEST_P(LifeTest, DataReadAfterBothSidesClosed) {
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    say(client, "request");
    MUST(shutdown(client, SHUT_WR) == 0);
    MUST(hear(server) == "request");
    MUST(hear(server).empty());
    say(server, "response late");
    close(server);
    await_event(client, POLLRDHUP);
    MUST(hear(client) == "response late");
    MUST(hear(client).empty());
    close(client);
  });
  EXPECT_EQ(client().text,
            "turn 1 out @0 7 'request'\n"
            "turn 2 in @0 13 'response late' after 7\n"
            "close in 13 out 7 after 13\n");
}

TEST_P(LifeTest, DataReadAfterAReset) {
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    say(client, "req then rst");
    reset_on_close(client);
    await_event(server, POLLERR | POLLHUP);
    MUST(hear(server) == "req then rst");
  });
  EXPECT_EQ(server().text,
            "turn 1 in @0 12 'req then rst'\n"
            "close in 12 out 0 after 12 reset\n");
  EXPECT_EQ(client().text,
            "turn 1 out @0 12 'req then rst'\n"
            "close in 0 out 12 after 12\n");
}

TEST_P(LifeTest, TheSameSocketConnectsAgain) {
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    ping_pong(client, server);
    sockaddr nowhere{};
    nowhere.sa_family = AF_UNSPEC;
    MUST(::connect(client, &nowhere, sizeof(nowhere)) == 0);
    close(server);
    wire.connect_again(client);
    ping_pong(client, wire.accept());
  });
  ASSERT_EQ(told_.ends.size(), 4u);
  EXPECT_NE(client(0).opened.connection, client(1).opened.connection);
  for (size_t nth = 0; nth < 2; nth++) {
    EXPECT_EQ(client(nth).text,
              "turn 1 out @0 4 'ping'\n"
              "turn 2 in @0 4 'pong' after 4\n"
              "close in 4 out 4 after 4\n");
    expect_joined(client(nth), server(nth));
  }
}

// Reused descriptors and sockets one after the other, as a server without keep-alive has them.
TEST_P(LifeTest, ManyShortConnections) {
  constexpr size_t kConnections = 200;
  run([](const Wire& wire) {
    for (size_t i = 0; i < kConnections; i++) {
      const auto [client, server] = wire.pair();
      ping_pong(client, server);
      close(client);
      close(server);
    }
  });
  EXPECT_EQ(told_.ends.size(), kConnections * 2);
  for (const auto& [id, end] : told_.ends) {
    EXPECT_EQ(end.captured[0] + end.captured[1],
              end.opened.role == Role::kClient ? "pongping" : "pingpong");
    EXPECT_TRUE(end.closed);
  }
  EXPECT_EQ(counted(SONDE_COUNT_connections_opened), kConnections * 2);
  EXPECT_EQ(counted(SONDE_COUNT_connections_closed), kConnections * 2);
}

TEST_P(LifeTest, AConnectionThatMovesNothingIsNotTold) {
  run([](const Wire& wire) { wire.pair(); });
  EXPECT_TRUE(told_.ends.empty());
}

TEST_P(LifeTest, BytesThatGoWithTheSyn) {
  run([port = port_](const Wire& wire) {
    const int client = connect_and_say(port, "sent before there was a connection");
    const int server = wire.accept();
    MUST(hear(server) == "sent before there was a connection");
    say(server, "an answer");
    MUST(hear(client) == "an answer");
    say(client, "and more");
    MUST(hear(server) == "and more");
  });
  EXPECT_EQ(told_.ends.size(), 2u);
  EXPECT_EQ(client().captured[1], "sent before there was a connectionand more");
  EXPECT_EQ(client().captured[0], "an answer");
  EXPECT_FALSE(client().opened.midway);
  EXPECT_EQ(client().opened.remote, ipv4_loopback(port_));
  EXPECT_EQ(server().captured[0], "sent before there was a connectionand more");
  EXPECT_EQ(server().captured[1], "an answer");
}

SONDE_FOR_EACH_DOOR(LifeTest);

}  // namespace
}  // namespace sonde
