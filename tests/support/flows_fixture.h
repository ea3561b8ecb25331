// SPDX-License-Identifier: Apache-2.0
// The stage of the flows' unit tests: flows, a stand-in for the kernel side, and what they hand on.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/support/kernel_side.h"
#include "userspace/flows/flows.h"

namespace sonde::test {

inline const std::string kGet = "GET /a HTTP/1.1\r\nHost: shop\r\n\r\n";

inline std::string ok(size_t body, const std::string& extra = "") {
  return "HTTP/1.1 200 OK\r\n" + extra + "Content-Length: " + std::to_string(body) + "\r\n\r\n";
}

class FlowsTest : public testing::Test {
 protected:
  FlowsTest() { start({}); }
  void TearDown() override { EXPECT_TRUE(balances(*flows)); }

  void start(const FlowLimits& limits) {
    flows = std::make_unique<Flows>(recorder, limits);
    kernel = std::make_unique<Kernel>(*flows, recorder, Role::kServer);
  }
  void exchange(Kernel& k, size_t body = 100) {
    k.ask(kGet);
    k.answer(ok(body) + std::string(body, 'x'));
  }
  // One exchange, after which the policy is settled.
  void open_and_settle() {
    kernel->open();
    exchange(*kernel);
    ASSERT_EQ(recorder.finished.size(), 1u);
  }
  const FlowCounters& counters() const { return flows->counters(); }
  const Request& last() const { return recorder.finished.back().request; }

  Recorder recorder;
  std::unique_ptr<Flows> flows;
  std::unique_ptr<Kernel> kernel;
};

}  // namespace sonde::test
