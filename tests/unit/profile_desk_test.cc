// SPDX-License-Identifier: Apache-2.0
// Profiles over HTTP, from the request to the last byte, made by a fake: one at a time, and nobody
// else waits for them.
#include "userspace/pipeline/profile_desk.h"

#include <gtest/gtest.h>

#include "exporters/pprof/endpoint.h"
#include "tests/support/web_client.h"

namespace sonde {
namespace {

using web::Client;

// Makes a profile when it is let, with what was ordered in its names.
class ProfileDeskTest : public testing::Test {
 protected:
  ProfileDeskTest()
      : desk_(std::make_unique<ProfileDesk>(
            [this](const ProfileOrder& order, const std::atomic<bool>& given_up) {
              return make(order, given_up);
            })),
        server_(web::serve({web::hello(), pprof::profile_route(*desk_, form())})) {}

  static pprof::ProfileForm form() {
    pprof::ProfileForm out = pprof::pprof_form();
    out.encode = [](const Profile& profile, const ProfileOrder& order) {
      return profile.owners[0].service + std::to_string(order.seconds);
    };
    return out;
  }

  Result<Profile> make(const ProfileOrder& order, const std::atomic<bool>& given_up) {
    ++begun_;
    while (!may_end_ && !given_up) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    if (fails_) {
      return fail("as it was told");
    }
    Profile out;
    out.owners = {{.service = order.service + "/" + std::to_string(order.pid) + "/",
                   .container = {},
                   .thread_name = {}}};
    return out;
  }

  std::string ask(const std::string& query) {
    Client client(server_->port());
    client.send(request(query));
    return client.read_all();
  }
  static std::string request(const std::string& query) {
    return "GET /debug/pprof/profile" + query + " HTTP/1.0\r\n\r\n";
  }
  static void await(const auto& condition) {
    for (int left = web::kPatienceS * 1000; left > 0 && !condition(); --left) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    EXPECT_TRUE(condition());
  }
  uint64_t requests(std::string_view outcome) const {
    std::vector<MetricFamily> families;
    desk_->append(families);
    for (const MetricPoint& point : families[0].points) {
      if (point.labels->at(0).second == outcome) {
        return std::get<uint64_t>(point.value);
      }
    }
    return ~uint64_t{0};
  }

  std::atomic<int> begun_{0};
  std::atomic<bool> may_end_{false};
  std::atomic<bool> fails_{false};
  std::unique_ptr<ProfileDesk> desk_;
  std::unique_ptr<web::WebServer> server_;  // does not outlive the desk
};

TEST_F(ProfileDeskTest, WhatIsAskedForIsMade) {
  may_end_ = true;
  const std::string usual = ask("");
  EXPECT_TRUE(usual.starts_with("HTTP/1.1 200 OK\r\n")) << usual;
  EXPECT_NE(usual.find("Content-Type: application/octet-stream\r\n"), std::string::npos) << usual;
  EXPECT_NE(usual.find("filename=\"profile.pb.gz\"\r\n"), std::string::npos) << usual;
  EXPECT_TRUE(usual.ends_with("\r\n\r\n/0/30")) << usual;
  EXPECT_TRUE(ask("?seconds=300&service=a%20b&pid=17").ends_with("\r\n\r\na b/17/300"));
  EXPECT_TRUE(ask("?service=").ends_with("\r\n\r\n/0/30"));
  EXPECT_EQ(requests("made"), 3u);
}

TEST_F(ProfileDeskTest, WhatMakesNoSenseIsRefusedInWords) {
  for (const std::string query :
       {"?seconds=", "?seconds=0", "?seconds=301", "?seconds=1.5", "?seconds=-1", "?seconds=1x",
        "?seconds=99999999999999999999", "?pid=0", "?pid=x", "?second=1", "?seconds=1&seconds=1"}) {
    const std::string answer = ask(query);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 Bad Request\r\n")) << query << answer;
  }
  EXPECT_TRUE(ask("?seconds=%1b[1m")
                  .ends_with("\r\n\r\nseconds=?[1m: want a whole number from 1 to 300\n"));
  EXPECT_TRUE(
      ask("?second=1").ends_with("\r\n\r\nsecond: there are seconds, service, pid and lines\n"));
  EXPECT_EQ(begun_, 0);
}

TEST_F(ProfileDeskTest, OneAtATime) {
  Client first(server_->port());
  first.send(request("?seconds=200"));
  await([&] { return begun_ == 1; });
  const std::string answer = ask("?seconds=1");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ")) << answer;
  const size_t at = answer.find("\r\nRetry-After: ");
  ASSERT_NE(at, std::string::npos) << answer;
  const int wait_s = std::stoi(answer.substr(at + 15));
  EXPECT_TRUE(wait_s > 0 && wait_s <= 201) << answer;
  Client other(server_->port());
  other.send(web::kGetClose);
  EXPECT_TRUE(other.read_all().ends_with("hello \n")) << "nobody else waits";
  may_end_ = true;
  EXPECT_TRUE(first.read_all().ends_with("\r\n\r\n/0/200"));
  EXPECT_TRUE(ask("?seconds=2").ends_with("\r\n\r\n/0/2")) << "at once afterwards";
  EXPECT_EQ(requests("busy"), 1u);
  EXPECT_EQ(requests("made"), 2u);
}

TEST_F(ProfileDeskTest, WhoGoesAwayEndsIt) {
  {
    Client client(server_->port());
    client.send(request("?seconds=300"));
    await([&] { return begun_ == 1; });
  }
  await([&] { return requests("given_up") == 1; });
  may_end_ = true;
  await([&] { return ask("").ends_with("\r\n\r\n/0/30"); });
}

TEST_F(ProfileDeskTest, OneThatFailsEndsWithoutItsEnd) {
  fails_ = may_end_ = true;
  Client client(server_->port());
  client.send("GET /debug/pprof/profile HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_FALSE(client.read_all().ends_with("0\r\n\r\n"));
  EXPECT_EQ(requests("failed"), 1u);
}

TEST_F(ProfileDeskTest, TheEndDoesNotWaitForIt) {
  auto ordered =
      desk_->order({.seconds = 300, .pid = 0, .service = {}, .encode = [](auto&) { return ""; }});
  ASSERT_TRUE(ordered.has_value());
  await([&] { return begun_ == 1; });
  server_.reset();
  desk_.reset();
  EXPECT_EQ((*ordered)->state(), OrderedProfile::State::kFailed);
}

}  // namespace
}  // namespace sonde
