// SPDX-License-Identifier: Apache-2.0
// The paths are those of docker, containerd, cri-o, podman and Kubernetes with either cgroup driver
// (cgroupfs: /docker/ID, systemd: /system.slice/docker-ID.scope), of lxc, and of systemd.
#include "userspace/inventory/cgroup_path.h"

#include <algorithm>

namespace sonde {
namespace {

constexpr size_t kIdBytes = 64;        // hexadecimal digits: SHA-256
constexpr size_t kTaskIdBytes = 32;    // hexadecimal digits of an ECS task; "-" and a number follow
constexpr size_t kUidBytes = 36;       // of a pod
constexpr size_t kMaxComponents = 64;  // looked at from the end

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view without_suffix(std::string_view text, std::string_view suffix) {
  return text.ends_with(suffix) ? text.substr(0, text.size() - suffix.size()) : text;
}

struct Prefix {
  std::string_view text;
  std::string_view runtime;
};
// What stands before an id in its component.
constexpr Prefix kScopes[] = {
    {"docker", "docker"},      {"cri-containerd", "containerd"},
    {"nerdctl", "containerd"}, {"containerd", "containerd"},
    {"crio", "cri-o"},         {"cri-o", "cri-o"},
    {"libpod", "podman"},      {"libpod-payload", "podman"},
    {"podman", "podman"},
};
// The component before that of a bare id.
constexpr Prefix kParents[] = {{"docker", "docker"}, {"default", "containerd"}, {"ecs", "docker"}};

std::string_view runtime_of(std::string_view word, const auto& table) {
  const auto* found = std::ranges::find(table, word, &Prefix::text);
  return found == std::end(table) ? std::string_view() : found->runtime;
}

// "docker-ID.scope", "libpod-ID", "x.slice:cri-containerd:ID", "ID". A monitor beside the container
// (crio-conmon-ID.scope) is not in it.
bool read_container(std::string_view component, CgroupFacts& facts) {
  const std::string_view text = without_suffix(component, ".scope");
  if (text.size() >= kIdBytes) {
    const std::string_view id = text.substr(text.size() - kIdBytes);
    std::string_view before = text.substr(0, text.size() - kIdBytes);
    if (std::ranges::all_of(id, is_hex) &&
        (before.empty() || before.back() == '-' || before.back() == ':')) {
      before.remove_suffix(before.empty() ? 0 : 1);
      if (before.ends_with("conmon")) {
        return false;
      }
      facts.container_id = id;
      facts.runtime = runtime_of(before.substr(before.rfind(':') + 1), kScopes);  // npos + 1 is 0
      return true;
    }
  }
  if (text.size() > kTaskIdBytes + 1 && text[kTaskIdBytes] == '-' &&
      std::ranges::all_of(text.substr(0, kTaskIdBytes), is_hex) &&
      std::ranges::all_of(text.substr(kTaskIdBytes + 1), is_digit)) {
    facts.container_id = text;
    return true;
  }
  return false;
}

// "pod1234-...", "kubepods-burstable-pod1234_....slice"; systemd allows no dashes in the uid.
bool read_pod(std::string_view component, CgroupFacts& facts) {
  std::string_view text = without_suffix(component, ".slice");
  text = text.substr(0, text.find(':'));
  text = without_suffix(text, ".slice");
  const size_t at = text.rfind("pod");
  if (at == std::string_view::npos || text.size() - at - 3 != kUidBytes ||
      (at > 0 && text[at - 1] != '-')) {
    return false;
  }
  std::string uid(text.substr(at + 3));
  std::ranges::replace(uid, '_', '-');
  if (!std::ranges::all_of(uid, [](char c) { return is_hex(c) || c == '-'; })) {
    return false;
  }
  facts.pod_uid = std::move(uid);
  return true;
}

// Whole systems in containers: the component is their name.
bool read_machine(std::string_view component, std::string_view parent, CgroupFacts& facts) {
  for (const std::string_view prefix : {"lxc.payload.", "lxc.payload/", "machine-"}) {
    const std::string_view text = without_suffix(component, ".scope");
    const bool scope = text.size() != component.size();
    if (text.size() > prefix.size() && text.starts_with(prefix) &&
        (prefix != "machine-" || (scope && parent == "machine.slice"))) {
      facts.container_name = text.substr(prefix.size());
    }
  }
  if (parent == "lxc" && !component.empty()) {
    facts.container_name = component;
  }
  return !facts.container_name.empty();
}

// The unit that the component is, if it is one. Scopes are what other programs asked for (a login,
// a container), user@1000.service is the manager of a user's own units.
bool read_unit(std::string_view component, CgroupFacts& facts) {
  if (component.ends_with(".scope")) {
    return true;
  }
  if (!component.ends_with(".service")) {
    return false;
  }
  if (!component.starts_with("user@")) {
    facts.unit = component;
  }
  return true;
}

}  // namespace

CgroupFacts read_cgroup_path(std::string_view path) {
  CgroupFacts facts;
  bool unit_decided = false;
  std::string_view rest = path;
  for (size_t i = 0; i < kMaxComponents && !rest.empty(); ++i) {
    const size_t slash = rest.rfind('/');
    const std::string_view component = rest.substr(slash + 1);  // npos + 1 is 0
    rest = slash == std::string_view::npos ? std::string_view() : rest.substr(0, slash);
    const std::string_view parent = rest.substr(rest.rfind('/') + 1);
    // The innermost container counts, and the innermost unit.
    if (facts.container_id.empty() && read_container(component, facts)) {
      if (facts.runtime.empty()) {
        facts.runtime = runtime_of(parent, kParents);
      }
    }
    if (facts.container_id.empty() && facts.container_name.empty() &&
        read_machine(component, parent, facts)) {
      facts.runtime = component.starts_with("machine-") ? "" : "lxc";
    }
    if (facts.pod_uid.empty()) {
      read_pod(component, facts);
    }
    if (!unit_decided) {
      unit_decided = read_unit(component, facts);
    }
  }
  return facts;
}

UnitName read_unit_name(std::string_view unit) {
  const std::string_view stem = without_suffix(unit, ".service");
  std::string decoded;
  for (size_t i = 0; i < stem.size(); ++i) {
    const auto digit = [&](size_t at) {
      return stem[at] <= '9' ? stem[at] - '0' : stem[at] - 'a' + 10;
    };
    if (stem.substr(i).starts_with("\\x") && i + 3 < stem.size() && is_hex(stem[i + 2]) &&
        is_hex(stem[i + 3])) {
      decoded += static_cast<char>(digit(i + 2) * 16 + digit(i + 3));
      i += 3;
    } else {
      decoded += stem[i];
    }
  }
  // systemd-run draws run-u42, run-r0123..., run-p1-i2.
  const std::string_view text = decoded;
  if (text.starts_with("run-") && text.size() > 5 &&
      (((text[4] == 'u' || text[4] == 'p') && is_digit(text[5])) ||
       (text[4] == 'r' && std::ranges::all_of(text.substr(5), is_hex)))) {
    return {};
  }
  const size_t at = text.find('@');
  if (at == std::string_view::npos || at == 0) {
    return {.name = decoded, .instance = {}};
  }
  return {.name = decoded.substr(0, at), .instance = decoded.substr(at + 1)};
}

}  // namespace sonde
