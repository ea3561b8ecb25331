// SPDX-License-Identifier: Apache-2.0
// What tests of AF_UNIX streams have in common: the calls of their scenarios, and what a plain
// exchange is told as.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "tests/bpf/harness.h"

namespace sonde {

// For scenarios; they end with the first call that does not do as it must. Names are as they are
// bound: an abstract one begins with a zero byte, an empty one is none.
int unix_socket(std::string_view name);
int listen_on(std::string_view name);
// by: the socket that connects; -1: one without a name.
int connect_to(std::string_view name, int by = -1);
int accept_at(int listener);
// A ping and a pong.
void exchange(int client, int server);

constexpr std::string_view kAsClient =
    "turn 1 out @0 4 'ping'\n"
    "turn 2 in @0 4 'pong' after 4\n"
    "close in 4 out 4 after 4\n";
constexpr std::string_view kAsServer =
    "turn 1 in @0 4 'ping'\n"
    "turn 2 out @0 4 'pong' after 4\n"
    "close in 4 out 4 after 4\n";

class UnixTest : public BpfTest {
 protected:
  UnixTest() { watch_unix_ = true; }

  void TearDown() override {
    BpfTest::TearDown();
    unlink(path_.c_str());
  }

  // Both ends tell of one connection.
  static void expect_joined(const ToldEnd& a, const ToldEnd& b) {
    EXPECT_NE(a.opened.near_end, 0u);
    EXPECT_NE(a.opened.near_end, a.opened.far_end);
    EXPECT_EQ(a.opened.near_end, b.opened.far_end);
    EXPECT_EQ(a.opened.far_end, b.opened.near_end);
  }

  const std::string path_ = fmt::format("/tmp/sonde-unix-test-{}.sock", getpid());
  const std::string abstract_ = std::string("\0a name without a file", 22);
};

}  // namespace sonde
