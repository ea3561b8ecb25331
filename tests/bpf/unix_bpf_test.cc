// SPDX-License-Identifier: Apache-2.0
// AF_UNIX streams: who serves, under which name, which two ends belong together, and which are not
// watched.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/un.h>

#include <map>

#include "tests/bpf/unix_harness.h"

namespace sonde {
namespace {

constexpr size_t kMaxName = sizeof(sockaddr_un::sun_path);

TEST_P(UnixTest, OpeningTellsWhoAndWhere) {
  run([this](const Wire&) {
    const int listener = listen_on(path_);
    const int client = connect_to(path_);
    exchange(client, accept_at(listener));
  });
  ASSERT_EQ(told_.ends.size(), 2u);
  EXPECT_EQ(client().text, kAsClient);
  EXPECT_EQ(server().text, kAsServer);
  for (const ToldEnd* end : {&client(), &server()}) {
    EXPECT_EQ(end->unix_name, path_);
    EXPECT_EQ(end->opened.local.family, kUnixFamily);
    EXPECT_EQ(end->opened.remote.family, kUnixFamily);
    EXPECT_EQ(end->opened.local.port, 0);
    EXPECT_FALSE(end->opened.midway);
    EXPECT_FALSE(end->close.reset);
  }
  EXPECT_EQ(client().opened.remote, server().opened.local);
  EXPECT_EQ(client().opened.local, server().opened.remote);
  EXPECT_NE(client().opened.local, client().opened.remote);
  expect_joined(client(), server());
  EXPECT_EQ(counted(SONDE_COUNT_connections_untracked), 0u);
}

TEST_P(UnixTest, AnAbstractName) {
  run([this](const Wire&) {
    const int listener = listen_on(abstract_);
    const int client = connect_to(abstract_);
    exchange(client, accept_at(listener));
  });
  EXPECT_EQ(client().unix_name, abstract_);
  EXPECT_EQ(server().unix_name, abstract_);
  expect_joined(client(), server());
}

TEST_P(UnixTest, TheLongestName) {
  const std::string name = path_ + std::string(kMaxName - path_.size(), 'x');
  run([&](const Wire&) {
    const int listener = listen_on(name);  // without a byte behind it
    const int client = connect_to(name);
    exchange(client, accept_at(listener));
    MUST(unlink(name.c_str()) == 0);
  });
  EXPECT_EQ(client().unix_name, name);
  EXPECT_EQ(server().unix_name, name);
}

// Who asked and who answered is then told by the bytes.
TEST_P(UnixTest, ASocketPairHasNoNameAndNoRoles) {
  run([](const Wire&) {
    int pair[2];
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    exchange(pair[0], pair[1]);
  });
  ASSERT_EQ(told_.order.size(), 2u);
  const ToldEnd& first = told_.ends[told_.order[0]];
  const ToldEnd& second = told_.ends[told_.order[1]];
  for (const ToldEnd* end : {&first, &second}) {
    EXPECT_EQ(end->opened.role, Role::kUnknown);
    EXPECT_EQ(end->unix_name, "");
  }
  EXPECT_EQ(first.text, kAsClient);
  EXPECT_EQ(second.text, kAsServer);
  expect_joined(first, second);
}

TEST_P(UnixTest, AClientWithANameOfItsOwn) {
  const std::string own = path_ + ".client";
  run([&](const Wire&) {
    const int listener = listen_on(path_);
    const int client = connect_to(path_, unix_socket(own));
    exchange(client, accept_at(listener));
    MUST(unlink(own.c_str()) == 0);
  });
  EXPECT_EQ(client().text, kAsClient);
  EXPECT_EQ(server().text, kAsServer);
  EXPECT_EQ(client().unix_name, path_);
  EXPECT_EQ(server().unix_name, path_);
}

// Addresses of sockets are used again at once; ids are not.
TEST_P(UnixTest, ManyShortConnections) {
  constexpr size_t kConnections = 300;
  run([this](const Wire&) {
    const int listener = listen_on(path_);
    for (size_t i = 0; i < kConnections; i++) {
      const int client = connect_to(path_);
      const int server = accept_at(listener);
      exchange(client, server);
      close(i % 2 == 0 ? client : server);
      close(i % 2 == 0 ? server : client);
    }
  });
  ASSERT_EQ(told_.ends.size(), kConnections * 2);
  for (size_t nth = 0; nth < kConnections; nth++) {
    EXPECT_EQ(client(nth).text, kAsClient);
    EXPECT_EQ(server(nth).text, kAsServer);
    expect_joined(client(nth), server(nth));
  }
  EXPECT_EQ(counted(SONDE_COUNT_connections_opened), kConnections * 2);
  EXPECT_EQ(counted(SONDE_COUNT_connections_closed), kConnections * 2);
}

// The answer is read before the tracepoint at the question's send has come: each end makes both.
TEST_P(UnixTest, BothEndsAtOnceStillJoin) {
  constexpr size_t kConnections = 500;
  run([this](const Wire&) {
    const int listener = listen_on(abstract_);
    const pid_t other = in_child([&] {
      for (size_t i = 0; i < kConnections; i++) {
        const int server = accept_at(listener);
        MUST(hear(server) == "ping");
        say(server, "pong");
        MUST(hear(server).empty());
        close(server);
      }
    });
    for (size_t i = 0; i < kConnections; i++) {
      const int client = connect_to(abstract_);
      say(client, "ping");
      MUST(hear(client) == "pong");
      close(client);
    }
    wait_for(other);
  });
  ASSERT_EQ(told_.ends.size(), kConnections * 2);
  std::map<uint64_t, uint64_t> far_of;
  for (const auto& [id, end] : told_.ends) {
    EXPECT_TRUE(far_of.emplace(end.opened.near_end, end.opened.far_end).second);
    EXPECT_EQ(end.text, end.opened.role == Role::kClient ? kAsClient : kAsServer);
  }
  for (const auto& [near, far] : far_of) {
    EXPECT_EQ(far_of[far], near);
  }
}

TEST_P(UnixTest, AcceptedByTheParentServedByAChild) {
  run([this](const Wire&) {
    const int listener = listen_on(path_);
    const int client = connect_to(path_);
    const int server = accept_at(listener);
    const pid_t worker = in_child([&] {
      MUST(hear(server) == "ping");
      say(server, "pong");
    });
    close(server);
    say(client, "ping");
    MUST(hear(client) == "pong");
    wait_for(worker);
  });
  EXPECT_EQ(server().text, kAsServer);
  EXPECT_NE(server().opened.pid, client().opened.pid);
}

TEST_P(UnixTest, OfAnExcludedProcess) {
  begin([this](const Wire& wire) {
    const int listener = listen_on(path_);
    const int client = connect_to(path_);
    const int server = accept_at(listener);
    wire.pause();
    exchange(client, server);
  });
  reach_pause();
  ASSERT_TRUE(kernel_->watch_process(Pid{static_cast<uint32_t>(child_)}, false));
  resume();
  finish();
  EXPECT_TRUE(told_.ends.empty());
}

TEST_P(UnixTest, PolicyLearnedForAName) {
  begin([this](const Wire& wire) {
    for (int i = 0; i < 2; i++) {
      const int listener = listen_on(path_);
      const int client = connect_to(path_);
      exchange(client, accept_at(listener));
      MUST(unlink(path_.c_str()) == 0);  // another listener, the same name
      if (i == 0) {
        wire.pause();
      }
    }
  });
  reach_pause();
  for (const ToldEnd* end : {&client(), &server()}) {
    const ConnectionOpened& opened = end->opened;
    ASSERT_TRUE(kernel_->learn_policy(opened.role, opened.local, opened.remote,
                                      opened.network_namespace,
                                      {.mode = PolicyMode::kHead, .head = {1, 2}}));
  }
  resume();
  finish();
  EXPECT_EQ(client(1).captured[0], "p");
  EXPECT_EQ(client(1).captured[1], "pi");
  EXPECT_EQ(server(1).captured[0], "p");
  EXPECT_EQ(server(1).captured[1], "po");
}

class UnixMidwayTest : public UnixTest {
 protected:
  UnixMidwayTest() { watch_at_once_ = false; }
};

// Where its streams stand is not known, but that it does not stand at the beginning.
TEST_P(UnixMidwayTest, OpenBeforeWeCame) {
  begin([this](const Wire& wire) {
    const int listener = listen_on(path_);
    const int client = connect_to(path_);
    const int server = accept_at(listener);
    exchange(client, server);
    wire.pause();
    exchange(client, server);
    const int later = connect_to(path_);
    exchange(later, accept_at(listener));
  });
  reach_pause();
  watch();
  resume();
  finish();
  ASSERT_EQ(told_.ends.size(), 4u);
  for (const auto* end : {&client(0), &server(0)}) {
    EXPECT_TRUE(end->opened.midway);
    EXPECT_EQ(end->opened.opened_ns, 0u);
  }
  EXPECT_EQ(client(0).text, kAsClient);
  EXPECT_EQ(server(0).text, kAsServer);
  expect_joined(client(0), server(0));
  EXPECT_FALSE(client(1).opened.midway) << "it was opened later";
  EXPECT_FALSE(server(1).opened.midway);
}

class NoUnixTest : public UnixTest {
 protected:
  void SetUp() override {
    UnixTest::SetUp();
    std::bitset<65536> off;
    ASSERT_TRUE(IsSkipped() || kernel_->set_ports_off(off.set()));
  }
};

// Rules that all name ports leave out what has none.
TEST_P(NoUnixTest, WhereOnlyPortsAreWanted) {
  run([this](const Wire&) {
    const int listener = listen_on(path_);
    const int client = connect_to(path_);
    exchange(client, accept_at(listener));
  });
  EXPECT_TRUE(told_.ends.empty());
}

// Without a buffer: the bytes are counted by whoever sees them move, and what is read is told.
TEST_P(UnixTest, FromAFileAndIntoAPipe) {
  run([this](const Wire&) {
    const int listener = listen_on(path_);
    const int client = connect_to(path_);
    const int server = accept_at(listener);
    const int file = memfd_create("scenario", MFD_CLOEXEC);
    MUST(file >= 0 && write(file, "of a file", 9) == 9);
    off_t offset = 0;
    int pipes[2];
    MUST(pipe(pipes) == 0);
    say(client, "get");
    MUST(splice(server, nullptr, pipes[1], nullptr, 3, 0) == 3);
    MUST(sendfile(server, file, &offset, 9) == 9);
    MUST(hear(client) == "of a file");
    say(client, "thanks");
    MUST(hear(server) == "thanks");
  });
  EXPECT_EQ(client().captured[0], "of a file");
  EXPECT_EQ(client().captured[1], "getthanks");
  EXPECT_EQ(server().captured[0], "thanks");
  EXPECT_EQ(server().captured[1], "");
  EXPECT_EQ(server().bytes[1], 9u);
  EXPECT_EQ(server().bytes[0], sees_splices() ? 9u : 6u);
}

SONDE_FOR_EACH_DOOR(UnixTest);
SONDE_FOR_EACH_DOOR(UnixMidwayTest);
SONDE_FOR_EACH_DOOR(NoUnixTest);

}  // namespace
}  // namespace sonde
