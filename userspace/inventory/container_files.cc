// SPDX-License-Identifier: Apache-2.0
#include "userspace/inventory/container_files.h"

#include <algorithm>
#include <array>
#include <vector>

#include "userspace/inventory/json_strings.h"
#include "userspace/inventory/printable.h"

namespace sonde {
namespace {

std::string shown(std::string_view name) { return printable(name, kMaxContainerName); }

// Names as the kubelet makes them: k8s_CONTAINER_POD_NAMESPACE_UID_ATTEMPT. The container of the
// pod itself is called POD.
void take_name(std::string_view name, Container& container) {
  if (name.starts_with('/')) {
    name.remove_prefix(1);
  }
  constexpr std::string_view kKubelet = "k8s_";
  if (name.starts_with(kKubelet)) {
    std::array<std::string_view, 4> parts;
    std::string_view rest = name.substr(kKubelet.size());
    size_t n = 0;
    for (; n < parts.size(); ++n) {
      const size_t end = rest.find('_');
      if (end == std::string_view::npos) {
        break;
      }
      parts[n] = rest.substr(0, end);
      rest.remove_prefix(end + 1);
    }
    if (n == parts.size()) {
      container.name = shown(parts[0]);
      container.pod = shown(parts[1]);
      container.name_space = shown(parts[2]);
      container.pod_uid = shown(parts[3]);
      return;
    }
  }
  container.name = shown(name);
}

struct Known {
  std::string_view key;
  std::string Container::* field;
};
// Of two for one field the later is the better.
constexpr Known kDockerLabels[] = {
    {"com.docker.swarm.service.name", &Container::service},
    {"com.docker.stack.namespace", &Container::name_space},
    {"com.docker.compose.service", &Container::service},
    {"com.docker.compose.project", &Container::name_space},
};
constexpr Known kAnnotations[] = {
    {"nerdctl/name", &Container::name},
    {"io.kubernetes.cri.container-name", &Container::name},
    {"io.kubernetes.cri.sandbox-name", &Container::pod},
    {"io.kubernetes.cri.sandbox-namespace", &Container::name_space},
    {"io.kubernetes.cri.sandbox-uid", &Container::pod_uid},
    {"io.kubernetes.container.name", &Container::name},
    {"io.kubernetes.pod.name", &Container::pod},
    {"io.kubernetes.pod.namespace", &Container::name_space},
    {"io.kubernetes.pod.uid", &Container::pod_uid},
};

void take_known(std::span<const Known> table, const JsonStrings& json, Container& container) {
  const std::string_view key = json.path().back();
  const auto found = std::ranges::find(table, key, &Known::key);
  if (found != table.end()) {
    container.*(found->field) = shown(json.value());
  }
}

}  // namespace

void read_docker_config(std::string_view text, Container& container) {
  for (JsonStrings json(text); json.next();) {
    if (json.at("Name")) {
      take_name(json.value(), container);
    } else if (json.path().size() == 3 && json.path()[0] == "Config" &&
               json.path()[1] == "Labels") {
      take_known(kDockerLabels, json, container);
    }
  }
}

void read_bundle_config(std::string_view text, Container& container) {
  for (JsonStrings json(text); json.next();) {
    if (json.path().size() == 2 && json.path()[0] == "annotations") {
      take_known(kAnnotations, json, container);
    }
  }
}

void read_storage_list(std::string_view text, Container& container) {
  bool ours = false;
  for (JsonStrings json(text); json.next();) {
    if (json.at("", "id")) {
      ours = json.value() == container.id;
    } else if (ours && json.at("", "names", "")) {
      take_name(json.value(), container);
      return;
    }
  }
}

bool has_cgroup(std::string_view text, std::string_view cgroup) {
  for (JsonStrings json(text); json.next();) {
    const bool place =
        (json.path().size() == 2 && json.path()[0] == "cgroup_paths") || json.at("cgroup-path");
    if (place && json.value().ends_with(cgroup)) {
      return true;
    }
  }
  return false;
}

std::string read_docker_root(std::string_view text) {
  for (JsonStrings json(text); json.next();) {
    if (json.at("data-root")) {
      return json.value();
    }
  }
  return {};
}

}  // namespace sonde
