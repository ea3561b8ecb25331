// SPDX-License-Identifier: Apache-2.0
// While nobody has decided about a connection: everything is told, in order, to 64 KiB a direction;
// the rest is counted as cut, and the turns stay exact.
#include <fmt/format.h>

#include "tests/bpf/harness.h"

namespace sonde {
namespace {

class ProbeTest : public BpfTest {
 protected:
  void expect_64_kib_of(size_t bytes) {
    run([&](const Wire& wire) {
      const auto [client, server] = wire.pair();
      const std::string text = pattern(bytes);
      const pid_t reader = in_child([&, s = server] {
        MUST(hear_all(s, bytes, bytes) == text);
        say(s, "done");
      });
      say(client, text);
      MUST(hear(client) == "done");
      wait_for(reader);
    });
    for (const auto& [end, way] : {std::pair(&client(), 1), {&server(), 0}}) {
      EXPECT_TRUE(end->captured[way] == pattern(bytes).substr(0, SONDE_PROBE_LIMIT)) << end->text;
      EXPECT_EQ(end->captured[1 - way], "done");
      EXPECT_EQ(way == 1 ? end->close.position_out : end->close.position_in, bytes);
    }
    EXPECT_EQ(client().bytes[1], bytes);
    EXPECT_NE(client().text.find(fmt::format("turn 2 in @0 4 'done' after {}\n", bytes)),
              std::string::npos);
    EXPECT_NE(server().text.find(fmt::format("turn 2 out @0 4 'done' after {}\n", bytes)),
              std::string::npos);
    EXPECT_EQ(counted(SONDE_COUNT_bytes_cut), 2 * (bytes - SONDE_PROBE_LIMIT));
  }
};

TEST_P(ProbeTest, TellsAllOf64KiBInOneCall) { expect_64_kib_of(65'536); }
TEST_P(ProbeTest, CutsWhatIsBeyond64KiBInOneCall) { expect_64_kib_of(102'400); }

TEST_P(ProbeTest, CountsOverManyCallsAndTurns) {
  constexpr size_t kBytes = 100 * 1000;
  run([](const Wire& wire) {
    const auto [client, server] = wire.pair();
    const std::string text = pattern(kBytes);
    for (size_t at = 0; at < kBytes; at += 1000) {
      say(client, std::string_view(text).substr(at, 1000));
      MUST(hear_all(server, 1000).size() == 1000);
      if (at == 30'000) {
        say(server, "go on");
        MUST(hear(client) == "go on");
      }
    }
    say(server, "done");
    MUST(hear(client) == "done");
  });
  for (const auto& [end, way] : {std::pair(&client(), 1), {&server(), 0}}) {
    EXPECT_TRUE(end->captured[way] == pattern(kBytes).substr(0, SONDE_PROBE_LIMIT));
    EXPECT_EQ(end->captured[1 - way], "go ondone");
    EXPECT_NE(end->text.find(" 4 'done' after 69000\n"), std::string::npos) << end->text;
  }
}

SONDE_FOR_EACH_DOOR(ProbeTest);

}  // namespace
}  // namespace sonde
