// SPDX-License-Identifier: Apache-2.0
// The health of TCP: what is told of real connects, losses and resets, against what the sockets
// themselves say (TCP_INFO). Packets are lost by a filter on the receiving socket, so that no
// network has to be built.
#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <map>
#include <numeric>

#include "bpf/shared/limits.h"
#include "bpf/shared/tcp_health.h"
#include "tests/bpf/harness.h"
#include "userspace/base/clock.h"

namespace sonde {
namespace {

template <size_t kCount>
uint64_t sum(const std::array<uint64_t, kCount>& counts) {
  return std::accumulate(counts.begin(), counts.end(), uint64_t{0});
}

size_t bucket_of(uint64_t us) {
  size_t bucket = 0;
  while (bucket < kTcpRttBounds.size() && static_cast<double>(us) / 1e6 > kTcpRttBounds[bucket]) {
    bucket++;
  }
  return bucket;
}

void merge(TcpCounts& to, const TcpCounts& more) {
  const auto add = [](auto& all, const auto& part) {
    for (size_t i = 0; i < all.size(); i++) {
      all[i] += part[i];
    }
  };
  add(to.connects, more.connects);
  add(to.rtts, more.rtts);
  add(to.failures, more.failures);
  add(to.resets, more.resets);
  to.retransmits += more.retransmits;
  to.connect_us += more.connect_us;
  to.rtt_us += more.rtt_us;
}

class TcpHealthTest : public BpfTest {
 protected:
  void TearDown() override {
    if (told_pipe_[0] >= 0) {
      close(told_pipe_[0]);
      close(told_pipe_[1]);
    }
    BpfTest::TearDown();
  }

  // "client 127.0.0.1:80" to what was told of it, by processes of the scenario and others alike.
  std::map<std::string, TcpCounts>& read() {
    EXPECT_TRUE(kernel_->tcp_health()->read(
        monotonic_ns(), [this](const TcpPeer& peer, const TcpCounts& added) {
          char text[INET6_ADDRSTRLEN] = "";
          inet_ntop(peer.remote.family == 6 ? AF_INET6 : AF_INET, peer.remote.bytes.data(), text,
                    sizeof(text));
          const char* role = peer.role == Role::kClient   ? "client"
                             : peer.role == Role::kServer ? "server"
                                                          : "unknown";
          merge(peers_[fmt::format("{} {}:{}", role, text, peer.remote.port)], added);
          pids_.push_back(static_cast<uint32_t>(peer.pid));
        }));
    return peers_;
  }
  const TcpCounts& client() { return read()[fmt::format("client 127.0.0.1:{}", port_)]; }
  const TcpCounts& server() { return read()[fmt::format("server 127.0.0.1:{}", port_)]; }

  void SetUp() override {
    BpfTest::SetUp();
    if (!IsSkipped()) {
      ASSERT_EQ(pipe2(told_pipe_, O_CLOEXEC), 0);
      if (kernel_) {
        ASSERT_NE(kernel_->tcp_health(), nullptr);
      }
    }
  }

  // From the scenario to the test: what a socket says of itself.
  struct Info {
    uint32_t rtt_us;
    uint32_t retransmits;
  };
  void tell_info(int fd) const {
    tcp_info info{};
    socklen_t size = sizeof(info);
    MUST(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0);
    const Info told{info.tcpi_rtt, info.tcpi_total_retrans};
    MUST(write(told_pipe_[1], &told, sizeof(told)) == sizeof(told));
  }
  Info hear_info() const {
    Info info{};
    EXPECT_EQ(::read(told_pipe_[0], &info, sizeof(info)), static_cast<ssize_t>(sizeof(info)));
    return info;
  }

  int told_pipe_[2] = {-1, -1};
  std::map<std::string, TcpCounts> peers_;
  std::vector<uint32_t> pids_;
};

// Whatever arrives at this socket is lost.
void lose_all(int fd) {
  sock_filter drop{BPF_RET | BPF_K, 0, 0, 0};
  const sock_fprog program{1, &drop};
  MUST(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0);
}

void lose_no_more(int fd) {
  const int ignored = 0;
  MUST(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &ignored, sizeof(ignored)) == 0);
}

sockaddr_in loopback(uint16_t port, uint32_t address = INADDR_LOOPBACK) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(address);
  return to;
}

// Gives the errno.
int try_connect(int fd, const sockaddr_in& to) {
  return ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) == 0 ? 0 : errno;
}

TEST_P(TcpHealthTest, AConnectionThatWorks) {
  run([&](const Wire& wire) {
    const auto [client, server] = wire.pair();
    say(client, "ping");
    MUST(hear(server) == "ping");
    say(server, "pong");
    MUST(hear(client) == "pong");
    close(client);
    MUST(hear(server).empty());
    close(server);
  });
  EXPECT_EQ(sum(client().connects), 1u);
  EXPECT_EQ(sum(client().rtts), 1u);
  EXPECT_EQ(sum(server().connects), 0u);
  EXPECT_EQ(sum(server().rtts), 1u);
  for (const TcpCounts* end : {&client(), &server()}) {
    EXPECT_EQ(sum(end->failures) + sum(end->resets) + end->retransmits, 0u);
  }
  EXPECT_EQ(peers_.size(), 2u);
}

TEST_P(TcpHealthTest, OverIPv6) {
  run([&](const Wire& wire) {
    const int client = wire.connect6("::1");
    const int server = wire.accept6();
    say(client, "ping");
    MUST(hear(server) == "ping");
  });
  EXPECT_EQ(sum(read()[fmt::format("client ::1:{}", port6_)].connects), 1u);
  EXPECT_EQ(sum(read()[fmt::format("server ::1:{}", port6_)].rtts), 1u);
}

// Nothing moves: whoever closes it is whose it was.
TEST_P(TcpHealthTest, AConnectionThatMovesNothing) {
  run([&](const Wire& wire) {
    const auto [client, server] = wire.pair();
    close(client);
    MUST(hear(server).empty());
    close(server);
  });
  EXPECT_EQ(sum(client().connects), 1u);
  EXPECT_EQ(sum(client().rtts), 1u);
  EXPECT_EQ(sum(server().rtts), 1u);
  EXPECT_EQ(pids_.size(), 2u);
  EXPECT_EQ(pids_.front(), pids_.back());
}

TEST_P(TcpHealthTest, RefusedConnects) {
  constexpr unsigned kTimes = 3;
  run([&](const Wire&) {
    for (unsigned i = 0; i < kTimes; i++) {
      const int fd = socket(AF_INET, SOCK_STREAM, 0);
      MUST(try_connect(fd, loopback(client_port_)) == ECONNREFUSED);
      close(fd);
    }
  });
  const TcpCounts& peer = read()[fmt::format("client 127.0.0.1:{}", client_port_)];
  EXPECT_EQ(peer.failures[SONDE_TCP_FAILURE_refused], kTimes);
  EXPECT_EQ(sum(peer.failures), kTimes);
  EXPECT_EQ(sum(peer.connects) + sum(peer.resets), 0u);
}

TEST_P(TcpHealthTest, AConnectNobodyAnswers) {
  run([&](const Wire&) {
    lose_all(listener_.get());
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const int once = 1;
    MUST(setsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &once, sizeof(once)) == 0);
    MUST(try_connect(fd, loopback(port_)) == ETIMEDOUT);
    lose_no_more(listener_.get());
  });
  EXPECT_EQ(client().failures[SONDE_TCP_FAILURE_timeout], 1u);
  EXPECT_EQ(sum(client().failures), 1u);
  EXPECT_GT(client().retransmits, 0u);  // SYNs; how many is the kernel's affair
}

TEST_P(TcpHealthTest, AConnectGivenUp) {
  run([&](const Wire&) {
    lose_all(listener_.get());
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    MUST(try_connect(fd, loopback(port_)) == EINPROGRESS);
    close(fd);
    lose_no_more(listener_.get());
  });
  EXPECT_EQ(client().failures[SONDE_TCP_FAILURE_aborted], 1u);
  EXPECT_EQ(sum(client().failures), 1u);
}

// The time counts from the first SYN, not from the one that was answered.
TEST_P(TcpHealthTest, AConnectWhoseFirstSynIsLost) {
  run([&](const Wire& wire) {
    lose_all(listener_.get());
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    MUST(try_connect(fd, loopback(port_)) == EINPROGRESS);
    lose_no_more(listener_.get());
    const int server = wire.accept();
    MUST(fcntl(fd, F_SETFL, 0) == 0);
    say(fd, "late");
    MUST(hear(server) == "late");
  });
  EXPECT_EQ(sum(client().connects), 1u);
  EXPECT_GT(client().connect_us, 500'000u);
  EXPECT_EQ(client().connects[bucket_of(client().connect_us)], 1u);
  EXPECT_EQ(client().retransmits, 1u);
}

TEST_P(TcpHealthTest, ALivingConnectionIsSweptAndTellsNothingTwice) {
  begin([&](const Wire& wire) {
    const auto [client, server] = wire.pair();
    say(client, "ping");
    MUST(hear(server) == "ping");
    say(server, "pong");
    MUST(hear(client) == "pong");
    usleep(200'000);  // the last acknowledgement is delayed
    tell_info(client);
    tell_info(server);
    wire.pause();
    lose_all(server);
    say(client, "lost at first");
    usleep(300'000);
    lose_no_more(server);
    MUST(hear(server) == "lost at first");
    usleep(200'000);
    tell_info(client);
    wire.pause();
  });
  reach_pause();
  const Info client_said = hear_info();
  const Info server_said = hear_info();
  EXPECT_EQ(sum(client().rtts), 0u);
  for (int twice = 0; twice < 2; twice++) {
    ASSERT_TRUE(kernel_->tcp_health()->sweep());
    EXPECT_EQ(sum(client().rtts), 1u);
    EXPECT_EQ(client().rtt_us, client_said.rtt_us);
    EXPECT_EQ(client().rtts[bucket_of(client_said.rtt_us)], 1u);
    EXPECT_EQ(server().rtt_us, server_said.rtt_us);
    EXPECT_EQ(client().retransmits, 0u);
  }
  resume();
  reach_pause();
  for (int twice = 0; twice < 2; twice++) {
    ASSERT_TRUE(kernel_->tcp_health()->sweep());
    EXPECT_EQ(sum(client().rtts), 2u);
    EXPECT_GT(client().retransmits, 0u);
  }
  const uint64_t retransmits = hear_info().retransmits;
  EXPECT_EQ(client().retransmits, retransmits);
  resume();
  finish();
  EXPECT_EQ(client().retransmits, retransmits);
}

TEST_P(TcpHealthTest, AResetHasTwoSides) {
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    say(client, "ping");
    MUST(hear(server) == "ping");
    say(server, "never read");
    await_event(client, POLLIN);
    close(client);  // with bytes unread: a reset
    MUST(recv(server, nullptr, 0, 0) >= -1);
    close(server);
  });
  EXPECT_EQ(client().resets[SONDE_OUT], 1u);
  EXPECT_EQ(client().resets[SONDE_IN], 0u);
  EXPECT_EQ(server().resets[SONDE_IN], 1u);
  EXPECT_EQ(server().resets[SONDE_OUT], 0u);
  EXPECT_EQ(sum(client().rtts) + sum(server().rtts), 2u);
}

// There is no tracepoint for accept: until it moves a byte or is closed, nobody is known to hold
// it.
TEST_P(TcpHealthTest, AnAcceptedConnectionThatIsResetUnusedIsNobodys) {
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    MUST(setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) == 0);
    close(client);
    MUST(recv(server, nullptr, 0, 0) <= 0);
    close(server);
  });
  EXPECT_EQ(client().resets[SONDE_OUT], 1u);
  EXPECT_EQ(sum(client().connects), 1u);
  EXPECT_EQ(sum(server().resets) + sum(server().rtts), 0u);
  EXPECT_EQ(counted(SONDE_COUNT_tcp_connections_unowned), 1u);
}

TEST_P(TcpHealthTest, AnExcludedProcessIsLeftAlone) {
  begin([&](const Wire& wire) {
    wire.pause();
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    MUST(try_connect(fd, loopback(client_port_)) == ECONNREFUSED);
    const auto [client, server] = wire.pair();
    say(client, "ping");
    MUST(hear(server) == "ping");
    say(server, "never read");
    await_event(client, POLLIN);
    close(client);
  });
  reach_pause();
  ASSERT_TRUE(kernel_->watch_process(Pid{static_cast<uint32_t>(child_)}, false));
  resume();
  finish();
  EXPECT_TRUE(read().empty()) << read().begin()->first;
}

TEST_P(TcpHealthTest, AFullTableLosesNothingSilently) {
  constexpr uint32_t kPeers = SONDE_MAX_TCP_PEERS + 100;
  run([&](const Wire&) {
    for (uint32_t i = 0; i < kPeers; i++) {
      const int fd = socket(AF_INET, SOCK_STREAM, 0);
      MUST(try_connect(fd, loopback(client_port_, 0x7f010000 + i)) == ECONNREFUSED);
      close(fd);
    }
  });
  uint64_t told = 0;
  for (const auto& [peer, counts] : read()) {
    told += counts.failures[SONDE_TCP_FAILURE_refused];
  }
  EXPECT_EQ(told, static_cast<uint64_t>(SONDE_MAX_TCP_PEERS));
  EXPECT_EQ(counted(SONDE_COUNT_tcp_facts_seen), kPeers);
  EXPECT_EQ(counted(SONDE_COUNT_tcp_facts_lost), 100u);
  EXPECT_EQ(counted(SONDE_COUNT_tcp_connects_untracked), 0u);
  // What rests makes room.
  read();
  run([&](const Wire&) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    MUST(try_connect(fd, loopback(client_port_, 0x7f020000)) == ECONNREFUSED);
  });
  EXPECT_EQ(sum(read()[fmt::format("client 127.2.0.0:{}", client_port_)].failures), 1u);
  EXPECT_EQ(counted(SONDE_COUNT_tcp_facts_lost), 100u);
}

class OlderTcpHealthTest : public TcpHealthTest {
 protected:
  OlderTcpHealthTest() { watch_at_once_ = false; }
};

TEST_P(OlderTcpHealthTest, WhatWasBeforeOurTimeDoesNotCount) {
  begin([&](const Wire& wire) {
    const auto [client, server] = wire.pair();
    lose_all(server);
    say(client, "lost at first");
    usleep(300'000);
    lose_no_more(server);
    MUST(hear(server) == "lost at first");
    usleep(200'000);
    tell_info(client);
    wire.pause();
    say(client, "seen");
    MUST(hear(server) == "seen");
    wire.pause();
  });
  reach_pause();
  EXPECT_GT(hear_info().retransmits, 0u);
  watch();
  resume();
  reach_pause();
  ASSERT_TRUE(kernel_->tcp_health()->sweep());
  uint64_t sampled = 0;
  for (const auto& [peer, counts] : read()) {
    sampled += sum(counts.rtts);
    EXPECT_EQ(counts.retransmits, 0u) << peer;
  }
  EXPECT_EQ(sampled, 2u);
  resume();
  finish();
}

// Without the whole kernel side, so that it can be tried on every kernel, by every door there.
TEST(TcpHealthAloneTest, LoadsAndTellsConnects) {
  SONDE_NEEDS_ROOT();
  size_t loaded = 0;
  for (const DoorKind& kind : door_kinds()) {
    MapPool pool;
    std::vector<std::string> missing;
    auto door = Door::open(kind, pool, 1 << 20, 1024, true);
    if (!door) {
      std::printf("%s: %s\n", std::string(kind.name).c_str(), door.error().what.c_str());
      continue;
    }
    const auto sweeps = Sweeps::open(pool, kind, 1 << 20, true, missing);
    auto health = TcpHealth::open(pool, kind, *sweeps, missing);
    ASSERT_TRUE(health) << health.error().what;
    loaded++;
    auto control = ControlPage::map(pool);
    ASSERT_TRUE(control) << control.error().what;
    control->set_tcp_health(true);
    control->set_only_port(0);
    EXPECT_TRUE(missing.empty()) << missing[0];
    const pid_t child = in_child([] {
      const int fd = socket(AF_INET, SOCK_STREAM, 0);
      const int listener = socket(AF_INET, SOCK_STREAM, 0);
      sockaddr_in to = loopback(0);
      socklen_t size = sizeof(to);
      MUST(bind(listener, reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0);
      MUST(getsockname(listener, reinterpret_cast<sockaddr*>(&to), &size) == 0);
      MUST(try_connect(fd, to) == ECONNREFUSED);
      MUST(listen(listener, 1) == 0);
      MUST(try_connect(fd, to) == 0);
    });
    wait_for(child);
    TcpCounts told;
    ASSERT_TRUE((*health)->sweep());
    ASSERT_TRUE((*health)->read(monotonic_ns(), [&](const TcpPeer& peer, const TcpCounts& added) {
      if (static_cast<pid_t>(peer.pid) == child) {
        merge(told, added);
      }
    }));
    EXPECT_EQ(told.failures[SONDE_TCP_FAILURE_refused], 1u);
    EXPECT_EQ(sum(told.failures), 1u);
    EXPECT_EQ(sum(told.connects), 1u);
    for (const ProgramFacts& program : (*health)->programs()) {
      std::printf("%s %s verified %u instructions %u\n", std::string(kind.name).c_str(),
                  program.name.c_str(), program.verified, program.instructions);
    }
  }
  EXPECT_GT(loaded, 0u);
}

SONDE_FOR_EACH_DOOR(TcpHealthTest);
SONDE_FOR_EACH_DOOR(OlderTcpHealthTest);

}  // namespace
}  // namespace sonde
