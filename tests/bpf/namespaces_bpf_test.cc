// SPDX-License-Identifier: Apache-2.0
// Connections in other network namespaces than ours: seen, with their roles, and the two ends of
// one joined whatever lies between them.
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>

#include <cstdlib>

#include "tests/bpf/harness.h"

namespace sonde {
namespace {

constexpr std::string_view kAsServer =
    "turn 1 in @0 4 'ping'\n"
    "turn 2 out @0 4 'pong' after 4\n"
    "close in 4 out 4 after 4\n";

void exchange(int client, int server) {
  say(client, "ping");
  MUST(hear(server) == "ping");
  say(server, "pong");
  MUST(hear(client) == "pong");
}

// A network of its own for this process, with nothing but loopback.
void enter_new_network() {
  MUST(unshare(CLONE_NEWNET) == 0);
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  ifreq loopback{};
  loopback.ifr_name[0] = 'l';
  loopback.ifr_name[1] = 'o';
  loopback.ifr_flags = IFF_UP;
  MUST(ioctl(fd, SIOCSIFFLAGS, &loopback) == 0);
  close(fd);
}

sockaddr_in6 address_of(const char* text, uint16_t port) {
  sockaddr_in6 address{};
  if (inet_pton(AF_INET6, text, &address.sin6_addr) == 1) {
    address.sin6_family = AF_INET6;
  } else {
    auto& ipv4 = reinterpret_cast<sockaddr_in&>(address);
    ipv4.sin_family = AF_INET;
    MUST(inet_pton(AF_INET, text, &ipv4.sin_addr) == 1);
  }
  address.sin6_port = htons(port);
  return address;
}

int listen_at(const char* text, uint16_t port, int backlog = 8) {
  const sockaddr_in6 address = address_of(text, port);
  const int fd = socket(address.sin6_family, SOCK_STREAM, 0);
  MUST(fd >= 0);
  MUST(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  MUST(listen(fd, backlog) == 0);
  return fd;
}

int connect_to(const char* text, uint16_t port) {
  const sockaddr_in6 address = address_of(text, port);
  const int fd = socket(address.sin6_family, SOCK_STREAM, 0);
  MUST(fd >= 0);
  MUST(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  return fd;
}

int accept_at(int listener) {
  const int fd = accept(listener, nullptr, nullptr);
  MUST(fd >= 0);
  return fd;
}

bool succeeds(const std::string& command) {
  return system(command.c_str()) == 0;  // NOLINT(concurrency-mt-unsafe): there is one thread
}

void run_command(const std::string& command) { MUST(succeeds(command)); }

bool has_program(const char* name) {
  return succeeds(std::string("command -v ") + name + " >/dev/null");
}

class NamespacesTest : public BpfTest {
 protected:
  static void expect_joined(const ToldEnd& a, const ToldEnd& b) {
    EXPECT_NE(a.opened.near_end, 0u);
    EXPECT_EQ(a.opened.near_end, b.opened.far_end);
    EXPECT_EQ(a.opened.far_end, b.opened.near_end);
  }

  // The client in one network, the server in another, a cable between them.
  void run_over_a_cable(const char* client_setup, const char* connect_at, const char* listen_on) {
    if (!has_program("ip")) {
      GTEST_SKIP() << "ip (iproute2) is not there to lay the cable";
    }
    run([&](const Wire&) {
      enter_new_network();
      int ready[2];
      int laid[2];
      MUST(pipe(ready) == 0 && pipe(laid) == 0);
      const pid_t other = in_child([&] {
        enter_new_network();
        say(ready[1], "r");
        MUST(hear(laid[0], 1) == "l");
        run_command(
            "ip addr add 192.0.2.2/24 dev end && ip addr add 2001:db8::2/64 dev end nodad && "
            "ip link set end up");
        const int listener = listen_at(listen_on, port_);
        say(ready[1], "r");
        const int server = accept_at(listener);
        MUST(hear(server) == "ping");
        say(server, "pong");
        MUST(hear(server).empty());
      });
      MUST(hear(ready[0], 1) == "r");
      run_command("ip link add end type veth peer name end netns " + std::to_string(other) +
                  " && ip addr add 192.0.2.1/24 dev end"
                  " && ip addr add 2001:db8::1/64 dev end nodad && ip link set end up");
      run_command(client_setup);
      say(laid[1], "l");
      MUST(hear(ready[0], 1) == "r");
      const int client = connect_to(connect_at, port_);
      say(client, "ping");
      MUST(hear(client) == "pong");
      close(client);
      wait_for(other);
    });
    ASSERT_EQ(told_.ends.size(), 2u);
    EXPECT_EQ(server().text, kAsServer);
    EXPECT_NE(client().opened.network_namespace, server().opened.network_namespace);
    expect_joined(client(), server());
  }
};

TEST_P(NamespacesTest, LoopbackOfAnotherNamespace) {
  run([this](const Wire&) {
    enter_new_network();
    const int listener = listen_at("127.0.0.1", port_);
    const int client = connect_to("127.0.0.1", port_);
    exchange(client, accept_at(listener));
  });
  ASSERT_EQ(told_.ends.size(), 2u);
  EXPECT_EQ(server().text, kAsServer);
  EXPECT_EQ(client().opened.network_namespace, server().opened.network_namespace);
  expect_joined(client(), server());
}

TEST_P(NamespacesTest, FromOneToAnother) { run_over_a_cable("true", "192.0.2.2", "0.0.0.0"); }

TEST_P(NamespacesTest, FromOneToAnotherByIpv6) { run_over_a_cable("true", "2001:db8::2", "::"); }

TEST_P(NamespacesTest, FromOneToAnotherByMappedIpv4) {
  run_over_a_cable("true", "::ffff:192.0.2.2", "::");
  EXPECT_EQ(client().opened.remote.family, 4);
}

// Neither end sees the address that the other one has.
TEST_P(NamespacesTest, FromOneToAnotherByTranslatedAddresses) {
  if (!has_program("iptables")) {
    GTEST_SKIP() << "iptables is not there to translate";
  }
  run_over_a_cable(
      "ip route add 198.51.100.0/24 via 192.0.2.2"
      " && ip addr add 192.0.2.77/24 dev end"
      " && iptables -t nat -A OUTPUT -d 198.51.100.9 -j DNAT --to-destination 192.0.2.2"
      " && iptables -t nat -A POSTROUTING -p tcp -j SNAT --to-source 192.0.2.77:20000-20999",
      "198.51.100.9", "0.0.0.0");
  EXPECT_NE(client().opened.remote, server().opened.local);
  EXPECT_NE(client().opened.local, server().opened.remote);
}

class OlderNamespacesTest : public NamespacesTest {
 protected:
  OlderNamespacesTest() { watch_at_once_ = false; }
};

// A listener that let nobody wait leaves no trace in what it accepted: it must be found itself.
TEST_P(OlderNamespacesTest, TheServerIsKnownByItsListener) {
  begin([this](const Wire& wire) {
    enter_new_network();
    const int listener = listen_at("127.0.0.1", port_, 0);
    const int client = connect_to("127.0.0.1", port_);
    const int server = accept_at(listener);
    exchange(client, server);
    wire.pause();
    exchange(client, server);
  });
  reach_pause();
  watch();
  resume();
  finish();
  EXPECT_EQ(server().text,
            "turn 1 in @4 4 'ping'\n"
            "turn 2 out @4 4 'pong' after 4\n"
            "close in 8 out 8 after 4\n");
  EXPECT_TRUE(server().opened.midway);
}

SONDE_FOR_EACH_DOOR(NamespacesTest);
SONDE_FOR_EACH_DOOR(OlderNamespacesTest);

}  // namespace
}  // namespace sonde
