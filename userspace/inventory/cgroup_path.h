// SPDX-License-Identifier: Apache-2.0
// What a control group's path says of the processes in it: which container, pod or systemd unit
// they belong to. Pure; paths are hostile. Views borrow from the path.
#pragma once

#include <string>
#include <string_view>

namespace sonde {

struct CgroupFacts {
  std::string_view container_id;  // as the runtime draws ids; empty: none is recognised
  // "docker", "containerd", "cri-o", "podman", "lxc"; empty: the path does not say
  std::string_view runtime;
  std::string_view container_name;  // lxc and machines: their ids are names
  std::string pod_uid;              // "1234abcd-..."; empty: no pod
  std::string_view unit;            // "nginx.service"; empty: none that is a service
};

CgroupFacts read_cgroup_path(std::string_view path);

// The name of a service by its unit: "nginx.service" is nginx, "postgresql@15-main.service" is
// postgresql, its instance 15-main. Escapes (\x2d) are decoded. Empty for a unit whose name was
// drawn (systemd-run).
struct UnitName {
  std::string name;
  std::string instance;
};
UnitName read_unit_name(std::string_view unit);

}  // namespace sonde
