// SPDX-License-Identifier: Apache-2.0
// Flows over AF_UNIX: endpoints and addresses that are names.
#include "tests/support/flows_fixture.h"

namespace sonde::test {
namespace {

// By its name: it has no port.
TEST_F(FlowsTest, LaterConnectionsOfAUnixSocketNeedNoAdvice) {
  for (const Role role : {Role::kServer, Role::kClient}) {
    start({});
    recorder.advice.clear();
    for (uint64_t id = 1; id < 10; ++id) {
      Kernel k(*flows, recorder, role, id);
      k.now = kernel->now + id * 2'000'000'000;
      k.unix_name = "/run/shop.sock";
      k.policy = recorder.advice.empty() ? Policy() : recorder.advice[0].policy;
      k.open();
      exchange(k, 9000);
      k.close();
    }
    ASSERT_EQ(recorder.advice.size(), 1u);
    EXPECT_TRUE(recorder.advice[0].learn);
    EXPECT_EQ(counters().requests_finished, 9u);
  }
}

TEST_F(FlowsTest, AUnixSocketsServerAddressIsItsName) {
  const std::string get = "GET / HTTP/1.0\r\n\r\n";  // without a host of its own
  for (const auto& [bound, told] :
       {std::pair<std::string, std::string>("/run/shop.sock", "/run/shop.sock"),
        {std::string("\0shop\0x", 7), "@shop@x"}}) {
    for (const Role role : {Role::kServer, Role::kClient}) {
      Kernel k(*flows, recorder, role, 2);
      k.unix_name = bound;
      k.open();
      k.ask(get);
      k.answer(ok(0));
      EXPECT_EQ(recorder.finished.back().value("server.address"), told);
      EXPECT_EQ(recorder.finished.back().value("server.port"), "");
      k.close();
    }
  }
}

}  // namespace
}  // namespace sonde::test
