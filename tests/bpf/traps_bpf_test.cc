// SPDX-License-Identifier: Apache-2.0
// Calls whose bytes do not lie where the registers say: they are counted with their reason, and
// nothing else is ever told in their place.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <csignal>
#include <cstring>

#include "tests/bpf/harness.h"

namespace sonde {
namespace {

class TrapsTest : public BpfTest {};

int file_with(std::string_view text) {
  const int file = memfd_create("scenario", MFD_CLOEXEC);
  MUST(file >= 0 && write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  return file;
}

// Message 0 told twice, or one message as another, was the trap. Inside the call it cannot be told
// which message it is about; after it, all of them are there to be read.
TEST_P(TrapsTest, SeveralMessagesInOneCall) {
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    std::string a = "QUERY-A";
    std::string b = "QUERY-B";
    iovec out[2] = {{a.data(), a.size()}, {b.data(), b.size()}};
    mmsghdr outgoing[2] = {{message_of(&out[0], 1), 0}, {message_of(&out[1], 1), 0}};
    MUST(sendmmsg(client, outgoing, 2, 0) == 2);
    std::string got(14, '-');
    iovec in[2] = {{got.data(), 7}, {got.data() + 7, 7}};
    mmsghdr incoming[2] = {{message_of(&in[0], 1), 0}, {message_of(&in[1], 1), 0}};
    MUST(recvmmsg(server, incoming, 2, 0, nullptr) == 2);
    MUST(got == "QUERY-AQUERY-B");
    say(server, "answer");
    MUST(hear(client) == "answer");
  });
  if (sees_system_calls()) {
    EXPECT_EQ(client().text,
              "turn 1 out @0 14 'QUERY-AQUERY-B'\n"
              "turn 2 in @0 6 'answer' after 14\n"
              "close in 6 out 14 after 6\n");
    EXPECT_EQ(server().text,
              "turn 1 in @0 14 'QUERY-AQUERY-B'\n"
              "turn 2 out @0 6 'answer' after 14\n"
              "close in 14 out 6 after 6\n");
    EXPECT_EQ(counted(SONDE_COUNT_calls_unreadable), 0u);
    return;
  }
  if (sees_functions()) {
    EXPECT_EQ(client().text,
              "turn 1 out @0 7 'QUERY-A'\n"
              "out @7 7 'QUERY-B'\n"
              "turn 2 in @0 6 'answer' after 14\n"
              "close in 6 out 14 after 6\n");
    EXPECT_EQ(server().text,
              "turn 1 in @0 7 'QUERY-A'\n"
              "in @7 7 'QUERY-B'\n"
              "turn 2 out @0 6 'answer' after 14\n"
              "close in 14 out 6 after 6\n");
    EXPECT_EQ(counted(SONDE_COUNT_calls_unreadable), 0u);
    return;
  }
  EXPECT_EQ(client().text,
            "turn 1 out @0 7 unreadable\n"
            "out @7 7 unreadable\n"
            "turn 2 in @0 6 'answer' after 14\n"
            "close in 6 out 14 after 6\n");
  EXPECT_EQ(server().text,
            "turn 1 in @0 7 unreadable\n"
            "in @7 7 unreadable\n"
            "turn 2 out @0 6 'answer' after 14\n"
            "close in 14 out 6 after 6\n");
  EXPECT_EQ(counted(SONDE_COUNT_unreadable_many), 4u);
  EXPECT_EQ(counted(SONDE_COUNT_bytes_unreadable), 28u);
}

// As many as a call may have, over several records; a message may be empty, or fill its buffers in
// part.
TEST_P(TrapsTest, AThousandMessagesInOneCall) {
  constexpr size_t kMessages = 1024;
  constexpr size_t kRoom = 16;
  const std::string text = pattern(kMessages * 6);
  run([&](const Wire& wire) {
    const auto [client, server] = wire.pair();
    std::string sent = text;
    std::string got(kMessages * kRoom, '-');
    std::vector<std::array<iovec, 3>> buffers(kMessages);
    std::vector<mmsghdr> messages(kMessages);
    size_t at = 0;
    for (size_t i = 0; i < kMessages; i++) {
      const size_t size = i % 2 == 0 ? 0 : 12;
      buffers[i] = {{{sent.data() + at, size / 3},
                     {nullptr, 0},
                     {sent.data() + at + size / 3, size - size / 3}}};
      messages[i] = {message_of(buffers[i].data(), 3), 0};
      at += size;
    }
    MUST(at == text.size());
    MUST(sendmmsg(client, messages.data(), kMessages, 0) == kMessages);
    for (size_t i = 0; i < kMessages; i++) {
      buffers[i] = {
          {{got.data() + i * kRoom, 1}, {nullptr, 0}, {got.data() + i * kRoom + 1, kRoom - 1}}};
      messages[i] = {message_of(buffers[i].data(), 3), 0};
    }
    const int count = recvmmsg(server, messages.data(), kMessages, MSG_DONTWAIT, nullptr);
    MUST(count > 1);
    std::string heard;
    for (size_t i = 0; i < static_cast<size_t>(count); i++) {
      heard += got.substr(i * kRoom, messages[i].msg_len);
    }
    MUST(heard == text.substr(0, heard.size()));
    MUST(heard.size() == text.size() ||
         hear_all(server, text.size() - heard.size()) == text.substr(heard.size()));
  });
  EXPECT_EQ(client().close.position_out, text.size());
  EXPECT_EQ(server().close.position_in, text.size());
  if (sees_system_calls() || sees_functions()) {
    EXPECT_TRUE(client().captured[1] == text) << client().text;
    EXPECT_TRUE(server().captured[0] == text) << server().text;
    EXPECT_EQ(counted(SONDE_COUNT_calls_unreadable), 0u);
  } else {
    EXPECT_EQ(client().captured[1], "");
    EXPECT_GT(counted(SONDE_COUNT_unreadable_many), kMessages / 2);
  }
}

TEST_P(TrapsTest, SentFromAFile) {
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    const int file = file_with("contents of a file");
    say(client, "get");
    MUST(hear(server) == "get");
    off_t offset = 0;
    say(server, "head ");
    MUST(sendfile(server, file, &offset, 18) == 18);
    MUST(hear_all(client, 23) == "head contents of a file");
  });
  EXPECT_EQ(server().text,
            "turn 1 in @0 3 'get'\n"
            "turn 2 out @0 5 'head ' after 3\n"
            "out @5 18 unreadable\n"
            "close in 3 out 23 after 23\n");
  EXPECT_EQ(client().captured[0], "head contents of a file");
  EXPECT_EQ(counted(SONDE_COUNT_unreadable_file), 1u);
}

TEST_P(TrapsTest, SplicedFromAPipe) {
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    int pipes[2];
    MUST(pipe(pipes) == 0);
    MUST(write(pipes[1], "out of a pipe", 13) == 13);
    MUST(splice(pipes[0], nullptr, client, nullptr, 13, 0) == 13);
    MUST(hear(server) == "out of a pipe");
  });
  EXPECT_EQ(client().text,
            "turn 1 out @0 13 unreadable\n"
            "close in 0 out 13 after 13\n");
  EXPECT_EQ(counted(SONDE_COUNT_unreadable_file), 1u);
}

// The tracepoints at sockets do not tell of it; the kernel's own numbers do.
TEST_P(TrapsTest, SplicedFromASocketIsAGap) {
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    int pipes[2];
    MUST(pipe(pipes) == 0);
    say(client, "first");
    MUST(hear(server) == "first");
    say(client, "into a pipe");
    MUST(splice(server, nullptr, pipes[1], nullptr, 11, 0) == 11);
    say(client, "last");
    MUST(hear(server) == "last");
  });
  EXPECT_EQ(server().text, sees_splices() ? "turn 1 in @0 5 'first'\n"
                                            "in @5 11 unreadable\n"
                                            "in @16 4 'last'\n"
                                            "close in 20 out 0 after 20\n"
                                          : "turn 1 in @0 5 'first'\n"
                                            "in @16 4 'last'\n"
                                            "close in 20 out 0 after 9\n");
}

// The last that is heard of a connection tells the gap too; what nobody took is none.
TEST_P(TrapsTest, SplicedFromASocketBeforeTheEnd) {
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    int pipes[2];
    MUST(pipe(pipes) == 0);
    say(client, "first");
    MUST(hear(server) == "first");
    say(client, "into a pipe, and left");
    MUST(splice(server, nullptr, pipes[1], nullptr, 11, 0) == 11);
  });
  EXPECT_EQ(server().text, sees_splices() ? "turn 1 in @0 5 'first'\n"
                                            "in @5 11 unreadable\n"
                                            "close in 16 out 0 after 16\n"
                                          : "turn 1 in @0 5 'first'\n"
                                            "close in 16 out 0 after 5\n");
}

// A close that throws away what came (linger 0) makes the kernel's numbers say that all was read.
TEST_P(TrapsTest, ThrownAwayAtTheEndIsNoGap) {
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    int pipes[2];
    MUST(pipe(pipes) == 0);
    say(client, "first");
    MUST(hear(server) == "first");
    say(client, "into a pipe, and thrown away");
    MUST(splice(server, nullptr, pipes[1], nullptr, 11, 0) == 11);
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    MUST(setsockopt(server, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) == 0);
    MUST(close(server) == 0);
  });
  EXPECT_EQ(server().text, sees_splices() ? "turn 1 in @0 5 'first'\n"
                                            "in @5 11 unreadable\n"
                                            "close in 16 out 0 after 16\n"
                                          : "turn 1 in @0 5 'first'\n"
                                            "close in 16 out 0 after 5\n");
}

TEST_P(TrapsTest, TruncatedReceiveShipsNoStaleBytes) {
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    char buffer[64];
    std::memset(buffer, 'S', sizeof(buffer));
    say(client, "thrown away");
    MUST(recv(server, buffer, sizeof(buffer), MSG_TRUNC) == 11);
    MUST(buffer[0] == 'S');
    say(client, "kept");
    MUST(hear(server) == "kept");
  });
  EXPECT_EQ(server().text,
            "turn 1 in @0 11 unreadable\n"
            "in @11 4 'kept'\n"
            "close in 15 out 0 after 15\n");
  EXPECT_EQ(counted(SONDE_COUNT_unreadable_truncated), 1u);
}

// The kernel looks at 32 bits of a descriptor; the rest of the register may hold anything.
TEST_P(TrapsTest, GarbageAboveTheDescriptor) {
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    char buffer[64];
    const long garbage = 0x7eadbeef'00000000;
    MUST(syscall(SYS_write, client | garbage, "ping", 4) == 4);
    MUST(syscall(SYS_read, server | garbage, buffer, sizeof(buffer)) == 4);
  });
  EXPECT_EQ(client().captured[1], "ping");
  EXPECT_EQ(server().captured[0], "ping");
}

#if defined(__x86_64__)
long call32(long number, long a, long b, long c) {
  long result = 0;
  asm volatile("int $0x80"
               : "=a"(result)
               : "a"(number), "b"(a), "c"(b), "d"(c)
               : "memory", "r8", "r9", "r10", "r11");
  return result;
}

constexpr long kGetpid32 = 20;
constexpr long kRead32 = 3;
constexpr long kWrite32 = 4;

bool has_calls32() {
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGSEGV, SIG_DFL);
    _exit(call32(kGetpid32, 0, 0, 0) == getpid() ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// Other numbers, other registers: 4 is write there and stat here, 20 is getpid there and writev
// here.
TEST_P(TrapsTest, CallsOf32Bits) {
  if (!has_calls32()) {
    GTEST_SKIP() << "this kernel has no 32-bit system calls";
  }
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    void* low =
        mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    MUST(low != MAP_FAILED);
    std::memcpy(low, "by 32 bits", 10);
    const long address = reinterpret_cast<long>(low);
    MUST(call32(kWrite32, client, address, 10) == 10);
    MUST(call32(kRead32, server, address + 100, 64) == 10);
    MUST(std::memcmp(static_cast<char*>(low) + 100, "by 32 bits", 10) == 0);
    // The socket's descriptor where a 64-bit writev has it.
    long result = kGetpid32;
    asm volatile("int $0x80"
                 : "+a"(result)
                 : "D"(client), "S"(low), "d"(1)
                 : "memory", "r8", "r9", "r10", "r11");
    MUST(result == getpid());
  });
  if (sees_functions()) {
    EXPECT_EQ(client().captured[1], "by 32 bits");
    EXPECT_EQ(server().captured[0], "by 32 bits");
    EXPECT_EQ(counted(SONDE_COUNT_calls_unreadable), 0u);
    return;
  }
  EXPECT_EQ(client().text,
            "turn 1 out @0 10 unreadable\n"
            "close in 0 out 10 after 10\n");
  EXPECT_EQ(server().text,
            "turn 1 in @0 10 unreadable\n"
            "close in 10 out 0 after 10\n");
  EXPECT_EQ(counted(SONDE_COUNT_unreadable_context), 2u);
}
#endif

TEST_P(TrapsTest, OtherKindsOfSocketsLeaveNoRecords) {
  begin([](const Wire& wire) {
    wire.pause();
    for (const int type : {SOCK_DGRAM, SOCK_SEQPACKET}) {
      int local[2];
      MUST(socketpair(AF_UNIX, type, 0, local) == 0);
      say(local[0], "unix");
      MUST(hear(local[1]) == "unix");
    }
    const int a = socket(AF_INET, SOCK_DGRAM, 0);
    const int b = socket(AF_INET, SOCK_DGRAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    MUST(bind(a, generic, size) == 0 && getsockname(a, generic, &size) == 0);
    MUST(::connect(b, generic, size) == 0);
    say(b, "udp");
    MUST(hear(a) == "udp");
  });
  reach_pause();
  resume();
  finish();
  EXPECT_TRUE(told_.ends.empty());
  EXPECT_EQ(counted(SONDE_COUNT_calls_shipped), 0u);
}

class RawSocketTest : public BpfTest {
 protected:
  RawSocketTest() {
    more_ports_ = {IPPROTO_TCP};
  }  // what stands where the port of a connection would be
};

// It has TCP's protocol number and hears every segment of the host, but it is no connection: none
// of TCP's fields are behind it.
TEST_P(RawSocketTest, OfProtocolTcpIsNoConnection) {
  run([](const Wire& wire) {
    const int raw = socket(AF_INET, SOCK_RAW, IPPROTO_TCP);
    MUST(raw >= 0);
    const auto [client, server] = wire.pair();
    say(client, "ping");
    MUST(hear(server) == "ping");
    for (int i = 0; i < 4; i++) {  // the handshake and the data
      MUST(!hear(raw).empty());
    }
  });
  EXPECT_EQ(told_.ends.size(), 2u);
  EXPECT_EQ(client().captured[1], "ping");
  EXPECT_EQ(server().captured[0], "ping");
  EXPECT_EQ(counted(SONDE_COUNT_connections_untracked), 0u);
  EXPECT_EQ(counted(SONDE_COUNT_calls_lost), 0u);
}

TEST_P(TrapsTest, BufferThatIsNotThere) {
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    // A file's page that was never touched: the kernel faults it in for itself; for us it may stay
    // away.
    const int file = file_with(pattern(8192));
    void* cold = mmap(nullptr, 8192, PROT_READ, MAP_PRIVATE, file, 0);
    MUST(cold != MAP_FAILED);
    MUST(write(client, static_cast<char*>(cold) + 100, 200) == 200);
    MUST(hear(server) == pattern(8192).substr(100, 200));
  });
  // After the kernel's own copy it is in memory: told like any other.
  EXPECT_EQ(client().captured[1], pattern(8192).substr(100, 200));
}

SONDE_FOR_EACH_DOOR(TrapsTest);
SONDE_FOR_EACH_DOOR(RawSocketTest);

}  // namespace
}  // namespace sonde
