// SPDX-License-Identifier: Apache-2.0
// The files of container runtimes, and who a container is by them.
#include "userspace/inventory/containers.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "userspace/inventory/json_strings.h"

namespace sonde {
namespace {

namespace fs = std::filesystem;

const std::string kId = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

TEST(JsonStrings, AllWithTheirKeys) {
  JsonStrings json(R"({"a": "x", "b": {"c": ["y", {"d": "z\n\u00e9"}], "e": 1}, "f": "w"})");
  std::string found;
  while (json.next()) {
    for (const std::string_view key : json.path()) {
      found += '/' + std::string(key);
    }
    found += '=' + json.value() + ';';
  }
  EXPECT_EQ(found, "/a=x;/b/c/=y;/b/c//d=z\n\xc3\xa9;/f=w;");
}

TEST(JsonStrings, EndsWhereJsonEnds) {
  const auto count = [](std::string_view text) {
    JsonStrings json(text);
    size_t n = 0;
    while (json.next()) {
      ++n;
    }
    return n;
  };
  EXPECT_EQ(count(""), 0u);
  EXPECT_EQ(count(R"(["a", "b)"), 1u);
  EXPECT_EQ(count(R"(["a"}, "b"])"), 1u);
  EXPECT_EQ(count(std::string(1000, '[') + "\"a\""), 0u) << "too deep";
  EXPECT_EQ(count(R"("a\\")"), 1u);
  EXPECT_EQ(count("\"a\\"), 0u);
}

class ContainersTest : public testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  ~ContainersTest() override { fs::remove_all(root_); }

  const fs::path root_ = fs::path(testing::TempDir()) / ("sonde_run_" + std::to_string(::getpid()));
  Containers containers_{root_.string()};
};

TEST_F(ContainersTest, Docker) {
  write("var/lib/docker/containers/" + kId + "/config.v2.json",
        R"({"State":{"Name":"no"},"ID":"x","Name":"/web","Config":{"Labels":{
           "com.docker.compose.project":"shop","com.docker.compose.service":"front"}}})");
  const auto found = containers_.of("/system.slice/docker-" + kId + ".scope", 0);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->id, kId);
  EXPECT_EQ(found->name, "web");
  EXPECT_EQ(found->service, "front");
  EXPECT_EQ(found->name_space, "shop");
  EXPECT_EQ(containers_.of("/system.slice/docker-" + kId + ".scope", 0), found) << "one object";
}

TEST_F(ContainersTest, DockerElsewhere) {
  write("etc/docker/daemon.json", R"({"data-root": "/data/docker"})");
  write("data/docker/containers/" + kId + "/config.v2.json",
        R"({"Name":"/k8s_cart_cart-7d4b_shop_1111-22_0"})");
  const auto found = containers_.of("/docker/" + kId, 0);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->name, "cart");
  EXPECT_EQ(found->pod, "cart-7d4b");
  EXPECT_EQ(found->name_space, "shop");
}

TEST_F(ContainersTest, Containerd) {
  write("run/containerd/io.containerd.runtime.v2.task/k8s.io/" + kId + "/config.json",
        R"({"process":{"env":["X=y"]},"annotations":{"io.kubernetes.cri.container-name":"cart",
           "io.kubernetes.cri.sandbox-name":"cart-0","io.kubernetes.cri.sandbox-namespace":"shop"}})");
  const auto found = containers_.of("/kubepods/podx/" + kId, 0);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->name, "cart");
  EXPECT_EQ(found->pod, "cart-0");
}

TEST_F(ContainersTest, PodmanOfRootAndOfAUser) {
  const std::string list =
      R"([{"id":"other","names":["no"]},{"id":")" + kId + R"(","names":["web"],"layer":"x"}])";
  write("var/lib/containers/storage/overlay-containers/containers.json", list);
  EXPECT_EQ(containers_.of("/machine.slice/libpod-" + kId + ".scope", 0)->name, "web");
  fs::remove_all(root_);
  write("etc/passwd", "root:x:0:0::/root:/bin/sh\njane:x:1000:1000:Jane:/home/jane:/bin/sh\n");
  write("home/jane/.local/share/containers/storage/overlay-containers/containers.json", list);
  EXPECT_EQ(containers_.of("/user.slice/libpod-" + kId + ".scope", 1000)->name, "web");
}

TEST_F(ContainersTest, RuntimesWithoutAnEngine) {
  write(
      "run/runc/web/state.json",
      R"({"id":"web","cgroup_paths":{"cpu":"/sys/fs/cgroup/cpu/web","":"/sys/fs/cgroup/unified/web"}})");
  write("run/crun/cart/status", R"({"pid": 7, "cgroup-path": "/system.slice/crun-cart/cart"})");
  EXPECT_EQ(containers_.of("/web", 0)->name, "web");
  EXPECT_EQ(containers_.of("/web", 0)->runtime, "runc");
  EXPECT_EQ(containers_.of("/system.slice/crun-cart/cart", 0)->name, "cart");
  EXPECT_EQ(containers_.of("/elsewhere/web", 0), nullptr) << "of the same name, another group";
}

// The runtime's own first process is in the control group before its state is written.
TEST_F(ContainersTest, ANewProgramMayBeInAContainerThatWasNoneBefore) {
  EXPECT_EQ(containers_.of("/early", 0), nullptr);
  write("run/runc/early/state.json", R"({"cgroup_paths":{"": "/sys/fs/cgroup/early"}})");
  EXPECT_EQ(containers_.of("/early", 0), nullptr) << "asked a moment ago";
  const auto found = containers_.of("/early", 0, ContainerAsked::kOfNewProgram);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->name, "early");
  EXPECT_EQ(containers_.of("/early", 0), found);
}

TEST_F(ContainersTest, ThoseThatNobodyNamed) {
  const auto found = containers_.of("/docker/" + kId, 0);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->name, "");
  EXPECT_EQ(containers_.of("/", 0), nullptr);
  EXPECT_EQ(containers_.of("/..", 0), nullptr);
  EXPECT_EQ(containers_.of("/system.slice/nginx.service", 0), nullptr);
}

// What is written there is anybody's: not a regular file, too large, not JSON.
TEST_F(ContainersTest, OddFilesAreNoNames) {
  const fs::path place = root_ / ("var/lib/docker/containers/" + kId);
  fs::create_directories(place / "config.v2.json");
  EXPECT_EQ(containers_.of("/docker/" + kId, 0)->name, "");
  write("run/runc/web/state.json", "nonsense");
  EXPECT_EQ(containers_.of("/web", 0), nullptr);
}

}  // namespace
}  // namespace sonde
