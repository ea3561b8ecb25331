// SPDX-License-Identifier: Apache-2.0
#include "userspace/inventory/cgroup_path.h"

#include <gtest/gtest.h>

namespace sonde {
namespace {

constexpr const char* kId = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
constexpr const char* kUid = "11111111-2222-3333-4444-555555555555";

std::string with_id(std::string path) {
  const auto put = [&](const std::string& mark, const std::string& value) {
    for (size_t at = path.find(mark); at != std::string::npos; at = path.find(mark)) {
      path.replace(at, mark.size(), value);
    }
  };
  put("ID", kId);
  put("UID_", "11111111_2222_3333_4444_555555555555");
  put("UUU", kUid);
  return path;
}

TEST(CgroupPath, Containers) {
  struct Case {
    const char* path;
    const char* runtime;
    bool pod;
  };
  for (const Case& c : {
           Case{"/docker/ID", "docker", false},
           Case{"/docker/ID/init", "docker", false},
           Case{"/system.slice/docker-ID.scope", "docker", false},
           Case{"/user.slice/user-1000.slice/user@1000.service/user.slice/docker-ID.scope",
                "docker", false},
           Case{"/default/ID", "containerd", false},
           Case{"/system.slice/nerdctl-ID.scope", "containerd", false},
           Case{"/kubepods/burstable/podUUU/ID", "", true},
           Case{"/kubepods/podUUU/ID", "", true},
           Case{"/kubepods.slice/kubepods-pod11111111_2222_3333_4444_555555555555.slice/"
                "cri-containerd-ID.scope",
                "containerd", true},
           Case{"/kubepods.slice/kubepods-burstable.slice/"
                "kubepods-burstable-pod11111111_2222_3333_4444_555555555555.slice/crio-ID.scope",
                "cri-o", true},
           Case{"/system.slice/containerd.service/"
                "kubepods-besteffort-pod11111111_2222_3333_4444_555555555555.slice:cri-containerd:"
                "ID",
                "containerd", true},
           Case{"/machine.slice/libpod-ID.scope", "podman", false},
           Case{"/machine.slice/libpod-ID.scope/container", "podman", false},
           Case{"/libpod_parent/libpod-ID", "podman", false},
           Case{"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope",
                "podman", false},
           Case{"/ecs/0123456789abcdef0123456789abcdef/ID", "", false},
           Case{"/../../docker/ID", "docker", false},
       }) {
    const std::string path = with_id(c.path);
    const CgroupFacts facts = read_cgroup_path(path);
    EXPECT_EQ(facts.container_id, kId) << path;
    EXPECT_EQ(facts.runtime, c.runtime) << path;
    EXPECT_EQ(facts.pod_uid, c.pod ? kUid : "") << path;
  }
  const CgroupFacts task =
      read_cgroup_path("/ecs/0123456789abcdef0123456789abcdef/0123456789abcdef0123456789abcdef-7");
  EXPECT_EQ(task.container_id, "0123456789abcdef0123456789abcdef-7");
}

TEST(CgroupPath, MachinesAreTheirNames) {
  EXPECT_EQ(read_cgroup_path("/lxc/web").container_name, "web");
  EXPECT_EQ(read_cgroup_path("/lxc.payload.web/system.slice/nginx.service").container_name, "web");
  EXPECT_EQ(read_cgroup_path("/machine.slice/machine-web.scope").container_name, "web");
}

TEST(CgroupPath, MonitorsAreNotInTheContainer) {
  for (const char* path :
       {"/machine.slice/libpod-conmon-ID.scope", "/system.slice/crio-conmon-ID"}) {
    const std::string whole = with_id(path);
    EXPECT_EQ(read_cgroup_path(whole).container_id, "") << path;
  }
}

TEST(CgroupPath, NoContainers) {
  for (const char* path : {"", "/", "//", "/docker", "/docker/abc", "/system.slice/docker.service",
                           "/init.scope", "/0123456789abcdef"}) {
    const CgroupFacts facts = read_cgroup_path(path);
    EXPECT_EQ(facts.container_id, "") << path;
    EXPECT_EQ(facts.container_name, "") << path;
  }
}

TEST(CgroupPath, Units) {
  const std::pair<const char*, const char*> cases[] = {
      {"/system.slice/nginx.service", "nginx.service"},
      {"/system.slice/nginx.service/workers", "nginx.service"},
      {"/system.slice/system-postgresql.slice/postgresql@15-main.service",
       "postgresql@15-main.service"},
      {"/user.slice/user-1000.slice/user@1000.service/app.slice/shop.service", "shop.service"},
      {"/user.slice/user-1000.slice/user@1000.service/init.scope", ""},
      {"/user.slice/user-1000.slice/user@1000.service", ""},
      {"/user.slice/user-1000.slice/session-3.scope", ""},
      {"/system.slice/ssh.service/session-3.scope", ""},
      {"/init.scope", ""},
      {"/", ""},
  };
  for (const auto& [path, unit] : cases) {
    EXPECT_EQ(read_cgroup_path(path).unit, unit) << path;
  }
}

TEST(UnitName, WithoutInstanceSuffixAndEscapes) {
  EXPECT_EQ(read_unit_name("nginx.service").name, "nginx");
  EXPECT_EQ(read_unit_name("postgresql@15-main.service").name, "postgresql");
  EXPECT_EQ(read_unit_name("postgresql@15-main.service").instance, "15-main");
  EXPECT_EQ(read_unit_name("a\\x2db.service").name, "a-b");
  EXPECT_EQ(read_unit_name("a\\x2.service").name, "a\\x2");
  for (const char* drawn :
       {"run-u42.service", "run-r0123456789abcdef.service", "run-p1-i2.service"}) {
    EXPECT_EQ(read_unit_name(drawn).name, "") << drawn;
  }
  EXPECT_EQ(read_unit_name("run-parts.service").name, "run-parts");
}

}  // namespace
}  // namespace sonde
