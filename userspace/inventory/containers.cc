// SPDX-License-Identifier: Apache-2.0
#include "userspace/inventory/containers.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>

#include "userspace/base/clock.h"
#include "userspace/base/fd.h"
#include "userspace/inventory/cgroup_path.h"
#include "userspace/inventory/printable.h"
#include "userspace/inventory/rule_match.h"

namespace sonde {
namespace {

constexpr size_t kMaxKnown = 4096;
constexpr size_t kMaxConfig = 1 << 20;
constexpr size_t kMaxStorageList = 8 << 20;
constexpr size_t kMaxPasswd = 4 << 20;
constexpr size_t kMaxRuntimeId = 256;
// A name may be written a moment after the first process runs, and may be changed.
constexpr uint64_t kUnnamedNs = 1'000'000'000;
constexpr uint64_t kNamedNs = 60'000'000'000;

// The world as the first process sees it, if we may look.
std::string first_process_root() {
  const std::string root = "/proc/1/root";
  const Fd fd(::open((root + "/").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  return fd.ok() ? root : std::string();
}

std::string_view last_component(std::string_view path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

Containers::Containers() : root_(first_process_root()) {}

// Empty if it cannot be read, or is longer. Only regular files: nothing may keep us waiting.
std::string Containers::file(const std::string& path, size_t max_bytes) const {
  std::string text;
  const Fd fd(::open((root_ + path).c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  const off_t size = fd.ok() ? ::lseek(fd.get(), 0, SEEK_END) : -1;
  if (size <= 0 || static_cast<uint64_t>(size) > max_bytes) {
    return text;
  }
  text.resize(static_cast<size_t>(size));
  size_t used = 0;
  while (used < text.size()) {
    const ssize_t n =
        ::pread(fd.get(), text.data() + used, text.size() - used, static_cast<off_t>(used));
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n <= 0) {
      break;
    }
    used += static_cast<size_t>(n);
  }
  text.resize(used);
  return text;
}

std::string Containers::docker_root() {
  if (!docker_root_read_) {
    docker_root_read_ = true;
    docker_root_ = read_docker_root(file("/etc/docker/daemon.json", kMaxConfig));
    docker_root_ = docker_root_.empty() ? "/var/lib/docker" : docker_root_;
  }
  return docker_root_;
}

std::shared_ptr<const Container> Containers::of(std::string_view cgroup, uint32_t user,
                                                ContainerAsked asked) {
  if (cgroup.size() <= 1) {
    return nullptr;  // the root is no container
  }
  const uint64_t now = monotonic_ns();
  if (const auto found = by_cgroup_.find(cgroup); found != by_cgroup_.end()) {
    Known& known = *found->second;
    known_.splice(known_.begin(), known_, found->second);
    const bool named = known.container != nullptr && !known.container->name.empty();
    const bool may_be_old = !named && asked == ContainerAsked::kOfNewProgram;
    if (!may_be_old && now - known.read_ns < (named ? kNamedNs : kUnnamedNs)) {
      return known.container;
    }
    std::shared_ptr<const Container> again = look_up(cgroup, user);
    // What is gone by now keeps the name it had; what is the same stays one object.
    const bool worse = named && (again == nullptr || again->name.empty());
    const bool same = again != nullptr && known.container != nullptr && *again == *known.container;
    if (!worse && !same) {
      known.container = std::move(again);
    }
    known.read_ns = now;
    return known.container;
  }
  if (known_.size() == kMaxKnown) {
    by_cgroup_.erase(known_.back().cgroup);
    known_.pop_back();
  }
  known_.push_front({std::string(cgroup), look_up(cgroup, user), now});
  by_cgroup_.emplace(known_.front().cgroup, known_.begin());
  return known_.front().container;
}

std::shared_ptr<const Container> Containers::look_up(std::string_view cgroup, uint32_t user) {
  const CgroupFacts facts = read_cgroup_path(cgroup);
  Container container;
  container.runtime = facts.runtime;
  container.pod_uid = facts.pod_uid;
  if (!facts.container_id.empty()) {
    container.id = facts.container_id;
    find_name(container, user);
    return std::make_shared<const Container>(std::move(container));
  }
  if (!facts.container_name.empty()) {
    container.id = container.name = printable(facts.container_name, kMaxContainerName);
    return std::make_shared<const Container>(std::move(container));
  }
  // Without an engine above it a runtime's container has the id that its user gave it, and the
  // control group ends with it; the runtime's own state proves it.
  const std::string id(last_component(cgroup));
  if (id.empty() || id.size() > kMaxRuntimeId || id.starts_with('.')) {
    return nullptr;
  }
  struct State {
    const char* runtime;
    const char* file;
  };
  constexpr State kStates[] = {{"runc", "state.json"}, {"crun", "status"}, {"youki", "state.json"}};
  for (const State& state : kStates) {
    const std::string text =
        file(fmt::format("/run/{}/{}/{}", state.runtime, id, state.file), kMaxConfig);
    if (has_cgroup(text, cgroup)) {
      container.runtime = state.runtime;
      container.id = container.name = printable(id, kMaxContainerName);
      return std::make_shared<const Container>(std::move(container));
    }
  }
  return nullptr;
}

// Engine by engine until one knows it; the path may not have said which it is.
void Containers::find_name(Container& container, uint32_t user) {
  const auto is = [&](std::string_view runtime) {
    return container.runtime.empty() || container.runtime == runtime;
  };
  const auto unnamed = [&] { return container.name.empty(); };
  const std::string& id = container.id;
  if (is("docker")) {
    read_docker_config(
        file(fmt::format("{}/containers/{}/config.v2.json", docker_root(), id), kMaxConfig),
        container);
  }
  if (unnamed() && (is("containerd") || is("docker"))) {
    for (const char* space : {"k8s.io", "default"}) {
      read_bundle_config(
          file(fmt::format("/run/containerd/io.containerd.runtime.v2.task/{}/{}/config.json", space,
                           id),
               kMaxConfig),
          container);
    }
  }
  if (unnamed() && (is("cri-o") || is("podman"))) {
    read_bundle_config(
        file(fmt::format("/run/containers/storage/overlay-containers/{}/userdata/config.json", id),
             kMaxConfig),
        container);
  }
  constexpr std::string_view kList = "containers/storage/overlay-containers/containers.json";
  if (unnamed() && (is("podman") || is("cri-o"))) {
    read_storage_list(file(fmt::format("/var/lib/{}", kList), kMaxStorageList), container);
  }
  if (unnamed() && is("podman") && user != 0) {
    const std::string home = home_in_passwd(file("/etc/passwd", kMaxPasswd), user);
    if (!home.empty()) {
      read_storage_list(file(fmt::format("{}/.local/share/{}", home, kList), kMaxStorageList),
                        container);
    }
  }
}

}  // namespace sonde
