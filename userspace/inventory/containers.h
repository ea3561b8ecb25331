// SPDX-License-Identifier: Apache-2.0
// Containers: which container a control group is, and what people call it. Names come from the
// files of docker, containerd, cri-o, podman, runc and crun, each read to a bound; no daemon is
// asked, so none can keep us waiting. One thread.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "userspace/inventory/container_files.h"

namespace sonde {

// A runtime writes down who a container is before it runs the container's program, but after its
// own first process is in the control group: only a new program proves an answer without a name
// old.
enum class ContainerAsked : uint8_t { kOfProcess, kOfNewProgram };

class Containers {
 public:
  // Of this host, also from inside a container that shares the host's processes.
  Containers();
  // Of the file system below root.
  explicit Containers(std::string root) : root_(std::move(root)) {}

  // Null: no container. user is who may have started it without being root.
  std::shared_ptr<const Container> of(std::string_view cgroup, uint32_t user,
                                      ContainerAsked asked = ContainerAsked::kOfProcess);

 private:
  struct Known {
    std::string cgroup;
    std::shared_ptr<const Container> container;
    uint64_t read_ns;
  };

  std::shared_ptr<const Container> look_up(std::string_view cgroup, uint32_t user);
  void find_name(Container& container, uint32_t user);
  std::string file(const std::string& path, size_t max_bytes) const;
  std::string docker_root();

  std::string root_;
  std::string docker_root_;
  bool docker_root_read_ = false;
  // The latest first.
  std::list<Known> known_;
  std::unordered_map<std::string_view, std::list<Known>::iterator> by_cgroup_;
};

}  // namespace sonde
