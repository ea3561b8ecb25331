// SPDX-License-Identifier: Apache-2.0
// From the first sight of a connection to its last byte: roles, addresses, ids, positions, and the
// many ways to end.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>

#include "tests/bpf/harness.h"

namespace sonde {
namespace {

class LifeTest : public BpfTest {
 protected:
  // Both ends tell of one connection.
  void expect_joined(const ToldEnd& a, const ToldEnd& b) {
    EXPECT_EQ(a.opened.sequence_in, b.opened.sequence_out);
    EXPECT_EQ(a.opened.sequence_out, b.opened.sequence_in);
    EXPECT_EQ(a.opened.local, b.opened.remote);
    EXPECT_EQ(a.opened.remote, b.opened.local);
    EXPECT_EQ(a.opened.network_namespace, b.opened.network_namespace);
    EXPECT_NE(a.opened.connection, b.opened.connection);
  }
};

constexpr Address ipv4_loopback(uint16_t port) { return {{127, 0, 0, 1}, port, 4}; }

void exchange(int client, int server) {
  say(client, "ping");
  MUST(hear(server) == "ping");
  say(server, "pong");
  MUST(hear(client) == "pong");
}

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

void reset_on_close(int fd) {
  const linger now{1, 0};
  MUST(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)) == 0);
  close(fd);
}

TEST_P(LifeTest, OpeningTellsWhoAndWhere) {
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    exchange(client, server);
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
    exchange(client, wire.accept6());
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
    exchange(client, wire.accept6());
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
      exchange(client, server);
    });
    const auto [client, server] = wire.pair();
    exchange(client, server);
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
    usleep(50'000);
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
    usleep(20'000);
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
    exchange(client, server);
    sockaddr nowhere{};
    nowhere.sa_family = AF_UNSPEC;
    MUST(::connect(client, &nowhere, sizeof(nowhere)) == 0);
    close(server);
    wire.connect_again(client);
    exchange(client, wire.accept());
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
      exchange(client, server);
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

class MidwayTest : public LifeTest {
 protected:
  MidwayTest() { watch_at_once_ = false; }
};

// Its streams stand somewhere. The server is known by its listener, the client by nothing.
TEST_P(MidwayTest, OpenBeforeWeCame) {
  begin([](const Wire& wire) {
    const int client = wire.connect_from_known_port();
    const int server = wire.accept();
    exchange(client, server);
    say(client, "unread");  // in flight when we come
    wire.pause();
    MUST(hear(server) == "unread");
    say(server, "answer");
    MUST(hear(client) == "answer");
  });
  reach_pause();
  watch();
  resume();
  finish();
  ASSERT_EQ(told_.ends.size(), 2u);
  const ToldEnd& there = server();
  const ToldEnd& here = told_.ends[told_.order[0]].opened.role == Role::kServer
                            ? told_.ends[told_.order[1]]
                            : told_.ends[told_.order[0]];
  EXPECT_NE(here.opened.role, Role::kServer);
  for (const ToldEnd* end : {&here, &there}) {
    EXPECT_TRUE(end->opened.midway);
    EXPECT_EQ(end->opened.opened_ns, 0u);
  }
  expect_joined(here, there);
  EXPECT_EQ(there.opened.position_in, 4u);
  EXPECT_EQ(there.opened.position_out, 4u);
  EXPECT_EQ(there.text,
            "turn 1 in @4 6 'unread'\n"
            "turn 2 out @4 6 'answer' after 6\n"
            "close in 10 out 10 after 6\n");
  EXPECT_EQ(here.opened.position_in, 4u);
  EXPECT_EQ(here.opened.position_out, 10u);
  EXPECT_EQ(here.text,
            "turn 1 in @4 6 'answer'\n"
            "close in 10 out 10 after 6\n");
}

TEST_P(MidwayTest, ItsListenerIsGone) {
  begin([](const Wire& wire) {
    const int client = wire.connect_from_known_port();
    const int server = wire.accept();
    wire.close_listeners();
    exchange(client, server);
    wire.pause();
    exchange(client, server);
  });
  reach_pause();
  listener_.reset();
  listener6_.reset();
  watch();
  resume();
  finish();
  ASSERT_EQ(told_.ends.size(), 2u);
  EXPECT_EQ(server().text,
            "turn 1 in @4 4 'ping'\n"
            "turn 2 out @4 4 'pong' after 4\n"
            "close in 8 out 8 after 4\n");
}

// Half of it is over already: the FIN that was read is no byte.
TEST_P(MidwayTest, HalfClosedBeforeWeCame) {
  begin([](const Wire& wire) {
    const int client = wire.connect_from_known_port();
    const int server = wire.accept();
    say(client, "ping");
    MUST(shutdown(client, SHUT_WR) == 0);
    MUST(hear(server) == "ping");
    MUST(hear(server).empty());
    wire.pause();
    say(server, "pong");
    MUST(hear(client) == "pong");
  });
  reach_pause();
  watch();
  resume();
  finish();
  EXPECT_EQ(server().text,
            "turn 1 out @0 4 'pong'\n"
            "close in 4 out 4 after 4\n");
}

// Which of its ports is the service's, nobody knows: it is left alone only if both are off. (The
// other one is any port; if only that one counted, --include port=N would lose older clients of N.)
TEST_P(MidwayTest, OfAPortThatMayBeOff) {
  begin([](const Wire& wire) {
    const int client = wire.connect_from_known_port();
    const int server = wire.accept();
    wire.pause();
    exchange(client, server);
  });
  reach_pause();
  watch();
  std::bitset<65536> off;
  off.set();
  ASSERT_TRUE(kernel_->set_ports_off(off.reset(client_port_)));
  resume();
  finish();
  EXPECT_EQ(told_.ends.size(), 1u) << "the server's is off: its role is known by its listener";
}

TEST_P(MidwayTest, OfPortsThatAreOff) {
  begin([](const Wire& wire) {
    const int client = wire.connect_from_known_port();
    const int server = wire.accept();
    wire.pause();
    exchange(client, server);
  });
  reach_pause();
  watch();
  std::bitset<65536> off;
  ASSERT_TRUE(kernel_->set_ports_off(off.set()));
  resume();
  finish();
  EXPECT_TRUE(told_.ends.empty());
}

SONDE_FOR_EACH_DOOR(LifeTest);
SONDE_FOR_EACH_DOOR(MidwayTest);

}  // namespace
}  // namespace sonde
