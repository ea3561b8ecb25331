// SPDX-License-Identifier: Apache-2.0
// io_uring moves bytes where no call of the socket is in progress: they are counted, and never
// taken for what the registers happen to point to. A door that sees system calls only sees a gap;
// one at the kernel's functions sees all, and whose it is.
#include <fmt/format.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include <cstring>

#include "tests/bpf/harness.h"
#include "tests/bpf/io_uring.h"

namespace sonde {
namespace {

class IoUringTest : public BpfTest {
 protected:
  void SetUp() override {
    SONDE_NEEDS_ROOT();
    if (!Uring::available()) {
      GTEST_SKIP() << "this kernel has no io_uring, or forbids it";
    }
    BpfTest::SetUp();
  }

  // The exchange was told as this door can. readable: by one that sees functions.
  void expect_told(bool readable = true) {
    if (sees_system_calls()) {
      EXPECT_EQ(client().text,
                "turn 1 out @4 4 'last'\n"
                "close in 4 out 8 after 4\n");
      EXPECT_EQ(server().text,
                "turn 1 in @4 4 'last'\n"
                "close in 8 out 0 after 4\n");
      // What it sent unseen, the record of what it heard next tells.
      EXPECT_EQ(server().opened.position_in, 4u);
      EXPECT_TRUE(client().opened.midway && server().opened.midway);
      return;
    }
    const bool read = sees_functions() && readable;
    const char* ping = read ? "'ping'" : "unreadable";
    const char* pong = read ? "'pong' after 4" : "after 4 unreadable";
    EXPECT_EQ(client().text, fmt::format("turn 1 out @0 4 {}\n"
                                         "turn 2 in @0 4 {}\n"
                                         "turn 3 out @4 4 'last' after 4\n"
                                         "close in 4 out 8 after 4\n",
                                         ping, pong));
    EXPECT_EQ(server().text, fmt::format("turn 1 in @0 4 {}\n"
                                         "turn 2 out @0 4 {}\n"
                                         "turn 3 in @4 4 'last' after 4\n"
                                         "close in 8 out 4 after 4\n",
                                         ping, pong));
    EXPECT_EQ(counted(SONDE_COUNT_unreadable_context), read ? 0u : 4u);
    if (sees_functions()) {
      expect_all_by_the_process();
    }
  }

  // Whichever thread did the work: the last bytes were moved by the process itself.
  void expect_all_by_the_process() {
    for (const ToldEnd* end : {&client(), &server()}) {
      for (const uint32_t pid : end->pids) {
        EXPECT_EQ(pid, end->pids.back());
      }
    }
  }
};

void exchange(unsigned ring_flags, uint8_t sqe_flags, const Wire& wire) {
  const auto [client, server] = wire.pair();
  Uring ring(ring_flags);
  for (const auto& [from, to, text] :
       {std::tuple(client, server, "ping"), {server, client, "pong"}}) {
    char got[64] = {};
    ring.submit(IORING_OP_SEND, from, const_cast<char*>(text), 4, sqe_flags, 1);
    MUST(ring.take() == 4);
    ring.submit(IORING_OP_RECV, to, got, sizeof(got), sqe_flags, 1);
    MUST(ring.take() == 4 && std::strcmp(got, text) == 0);
  }
  say(client, "last");
  MUST(hear(server) == "last");
}

TEST_P(IoUringTest, InlineSubmission) {
  run([](const Wire& wire) { exchange(0, 0, wire); });
  expect_told();
}

TEST_P(IoUringTest, ByAWorker) {
  run([](const Wire& wire) { exchange(0, IOSQE_ASYNC, wire); });
  expect_told();
}

// By a thread of the kernel's that looks for what is submitted.
TEST_P(IoUringTest, BySubmissionPolling) {
  if (!Uring::available(IORING_SETUP_SQPOLL)) {
    GTEST_SKIP() << "this kernel polls no submissions";
  }
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    Uring ring(IORING_SETUP_SQPOLL);
    ring.register_files({client, server});
    for (const auto& [from, to, text] : {std::tuple(0, 1, "ping"), {1, 0, "pong"}}) {
      char got[64] = {};
      ring.submit(IORING_OP_SEND, from, const_cast<char*>(text), 4, IOSQE_FIXED_FILE, 1);
      MUST(ring.take() == 4);
      ring.submit(IORING_OP_RECV, to, got, sizeof(got), IOSQE_FIXED_FILE, 1);
      MUST(ring.take() == 4 && std::strcmp(got, text) == 0);
    }
    say(client, "last");
    MUST(hear(server) == "last");
  });
  expect_told();
}

// The kernel goes over their pages: no door reads them.
TEST_P(IoUringTest, RegisteredBuffers) {
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    Uring ring(0);
    alignas(4096) static char buffer[4096];
    ring.register_buffer(buffer, sizeof(buffer));
    for (const auto& [from, to, text] :
         {std::tuple(client, server, "ping"), {server, client, "pong"}}) {
      std::memcpy(buffer, text, 4);
      ring.submit(IORING_OP_WRITE_FIXED, from, buffer, 4, 0, 1);
      MUST(ring.take() == 4);
      ring.submit(IORING_OP_READ_FIXED, to, buffer + 64, 64, 0, 1);
      MUST(ring.take() == 4 && std::memcmp(buffer + 64, text, 4) == 0);
    }
    say(client, "last");
    MUST(hear(server) == "last");
  });
  expect_told(false);
}

TEST_P(IoUringTest, SeveralBuffersInOneOperation) {
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    Uring ring(0);
    char ping[] = "ping";
    char got[64] = {};
    iovec out[3] = {{ping, 1}, {ping, 0}, {ping + 1, 3}};
    iovec in[3] = {{got, 2}, {got, 0}, {got + 2, 30}};
    ring.submit(IORING_OP_WRITEV, client, out, 3, 0, 1);
    MUST(ring.take() == 4);
    ring.submit(IORING_OP_READV, server, in, 3, 0, 1);
    MUST(ring.take() == 4 && std::strcmp(got, "ping") == 0);
    say(server, "last");
    MUST(hear(client) == "last");
  });
  if (sees_functions()) {
    EXPECT_EQ(client().captured[1], "ping");
    EXPECT_EQ(server().captured[0], "ping");
    expect_all_by_the_process();
  } else {
    EXPECT_EQ(client().captured[1], "");
    EXPECT_EQ(server().captured[0], "");
  }
}

// Two processes that need a processor each; with one there is nothing to choose.
void stay_on(int processor) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(processor, &one);
  (void)sched_setaffinity(0, sizeof(one), &one);
}

// The receive is completed on the way out of whatever call the thread makes next: its registers are
// that call's. Here a read of a pipe, whose bytes would be told as the socket's.
TEST_P(IoUringTest, CompletedBehindAReadOfAPipe) {
  constexpr int kWanted = 20;
  constexpr int kRounds = 2000;
  if (!Uring::available(IORING_SETUP_COOP_TASKRUN)) {
    GTEST_SKIP() << "on this kernel no completion waits for the next call";
  }
  int results[2];
  ASSERT_EQ(pipe(results), 0);
  run([&](const Wire& wire) {
    const auto [client, server] = wire.pair();
    auto* shared = static_cast<volatile int*>(
        mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    MUST(shared != MAP_FAILED);
    int go[2];
    int data[2];
    MUST(pipe(go) == 0 && pipe(data) == 0);
    const pid_t sender = in_child([&, fd = server] {
      char byte = 0;
      stay_on(1);
      close(go[1]);
      for (int round = 1; read(go[0], &byte, 1) == 1; round++) {
        say(fd, "right bytes");
        __atomic_store_n(&shared[0], round, __ATOMIC_SEQ_CST);
      }
    });
    stay_on(0);
    close(go[0]);
    Uring ring(IORING_SETUP_COOP_TASKRUN);  // completions wait for the next call
    int hits = 0;
    for (int round = 1; round <= kRounds && hits < kWanted; round++) {
      char received[64] = {};
      char buffer[64] = {};
      MUST(write(data[1], "WRONG-BUFFER-WRONG", 18) == 18);
      ring.submit(IORING_OP_RECV, client, received, sizeof(received), 0, 0);
      MUST(write(go[1], "g", 1) == 1);
      while (__atomic_load_n(&shared[0], __ATOMIC_SEQ_CST) != round) {
      }
      const bool waiting = ring.ready() == 0;
      MUST(read(data[0], buffer, sizeof(buffer)) == 18);
      hits += waiting && ring.ready() == 1 ? 1 : 0;
      while (ring.ready() == 0) {
        usleep(100);
      }
      MUST(ring.take() == 11 && std::strcmp(received, "right bytes") == 0);
    }
    close(go[1]);
    wait_for(sender);
    MUST(write(results[1], &hits, sizeof(hits)) == sizeof(hits));
  });
  int hits = 0;
  ASSERT_EQ(read(results[0], &hits, sizeof(hits)), static_cast<ssize_t>(sizeof(hits)));
  if (sees_system_calls()) {
    EXPECT_EQ(told_.ends.size(), 1u) << "the client made no call on its socket";
    EXPECT_EQ(server().captured[1].find("WRONG"), std::string::npos);
  } else if (sees_functions()) {
    const std::string right = "right bytes";
    std::string all;
    while (all.size() < client().bytes[0]) {
      all += right;
    }
    EXPECT_EQ(client().captured[0], all);
    EXPECT_EQ(counted(SONDE_COUNT_bytes_unreadable), 0u);
  } else {
    EXPECT_EQ(client().captured[0], "");
    EXPECT_GT(client().bytes[0], 0u);
    EXPECT_EQ(counted(SONDE_COUNT_bytes_unreadable), client().bytes[0]);
  }
  if (hits == 0) {
    GTEST_SKIP() << "no completion ran behind the read of the pipe";
  }
}

SONDE_FOR_EACH_DOOR(IoUringTest);

}  // namespace
}  // namespace sonde
