// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/served_profiles.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "userspace/confine/capabilities.h"
#include "userspace/pipeline/hide_addresses.h"

namespace sonde::cli {
namespace {

HttpResponse ask(ServedProfiles& profiles, std::string_view path, std::string_view query) {
  const auto routes = profiles.routes();
  const auto route = std::ranges::find(routes, path, &HttpRoute::path);
  return route->handler({.path = path, .query = query, .headers = {}});
}

TEST(ServedProfiles, WhereThereIsNoSamplerTheReasonIsTold) {
  std::unique_ptr<ServedProfiles> profiles;
  std::thread([&] {
    (void)confine::keep_only(0);  // of this thread
    profiles = std::make_unique<ServedProfiles>(ProfileConfig{}, SymbolsConfig{}, SamplingRates());
  }).join();
  const HttpResponse refused = ask(*profiles, "/debug/pprof/profile", "seconds=1");
  EXPECT_EQ(refused.status, 503);
  EXPECT_TRUE(refused.body->starts_with("no profiles here: ")) << *refused.body;
  EXPECT_GT(refused.body->size(), std::string_view("no profiles here: \n").size());
  EXPECT_TRUE(refused.headers.empty()) << "to ask again is of no use";
  EXPECT_EQ(profiles->check().state, CheckState::kDegraded);
  std::vector<MetricFamily> metrics;
  profiles->append(metrics);
  EXPECT_TRUE(metrics.empty());
  EXPECT_EQ(ask(*profiles, "/debug/pprof/profile", "seconds=x").status, 400);
  const HttpResponse index = ask(*profiles, "/debug/pprof/", "");
  EXPECT_NE(index.body->find("/debug/pprof/profile"), std::string::npos) << *index.body;
}

TEST(HideAddresses, OnlyThoseInFilesStay) {
  Profile profile;
  profile.modules = {{.path = "/bin/a", .build_id = {}},
                     {.path = "[kernel]", .build_id = {}, .in_kernel = true},
                     {.path = "[jit]", .build_id = {}}};
  profile.frames = {
      {.module = 0, .offset = 0x10, .function = "a+0x10"},
      {.module = 1, .offset = 0xffffffff81000000, .function = "do_work"},
      {.module = 1, .offset = 0xffffffff81000001, .function = "[kernel]+0xffffffff81000001"},
      {.module = 2, .offset = 0x7f0000000000, .function = "[jit]+0x7f0000000000"}};
  hide_addresses(profile);
  std::string out;
  for (const ProfileFrame& frame : profile.frames) {
    out += frame.function + " " + std::to_string(frame.offset) + "\n";
  }
  EXPECT_EQ(out, "a+0x10 16\ndo_work 0\n[kernel] 0\n[jit] 0\n");
}

}  // namespace
}  // namespace sonde::cli
