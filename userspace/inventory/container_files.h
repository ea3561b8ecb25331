// SPDX-License-Identifier: Apache-2.0
// The files in which container runtimes keep what they call a container, from bytes; apart from
// their reading, since they are fuzzed. Pure. What a text does not say stays as it is.
#pragma once

#include <string>
#include <string_view>

namespace sonde {

constexpr size_t kMaxContainerName = 128;  // bytes, of each of these

// Immutable once published. Names are fit to be shown.
struct Container {
  std::string id = {};
  std::string runtime =
      {};                 // "docker", "containerd", "cri-o", "podman", "runc", "lxc"; may be empty
  std::string name = {};  // container.name; empty: it has none that anybody gave it
  std::string service = {};     // what it is a part of or the same as its name; empty: as name
  std::string name_space = {};  // of the service: a compose project, a pod's namespace; empty: none
  std::string pod = {};         // k8s.pod.name; empty: no pod
  std::string pod_uid = {};
  bool operator==(const Container&) const = default;
};

// /var/lib/docker/containers/ID/config.v2.json
void read_docker_config(std::string_view json, Container& container);
// config.json of a bundle as containerd and cri-o write it: names stand in annotations.
void read_bundle_config(std::string_view json, Container& container);
// overlay-containers/containers.json of podman and cri-o: all containers, ours among them by id.
void read_storage_list(std::string_view json, Container& container);
// state.json of runc, status of crun: true if it is that of the container with this control group.
bool has_cgroup(std::string_view json, std::string_view cgroup);
// "/etc/docker/daemon.json"; empty: the usual place.
std::string read_docker_root(std::string_view json);

}  // namespace sonde
