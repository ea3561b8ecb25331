// SPDX-License-Identifier: Apache-2.0
// What processes tell of themselves: the first byte chooses a file of /proc/PID; the rest is its
// text.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "userspace/inventory/cgroup_path.h"
#include "userspace/inventory/container_files.h"
#include "userspace/inventory/declared.h"
#include "userspace/inventory/printable.h"
#include "userspace/inventory/proc_root.h"
#include "userspace/inventory/selection.h"
#include "userspace/inventory/service_name.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sonde;
  if (size == 0) {
    return 0;
  }
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0]) {
    case 's':
      parse_stat(text);
      break;
    case 'u':
      parse_effective_user(text);
      break;
    case 'g':
      if (const std::string_view path = parse_cgroup(text); !path.empty() && path[0] != '/') {
        abort();
      }
      break;
    case 'p':
      user_in_passwd(text, "root");
      home_in_passwd(text, 0);
      break;
    case 'e':
      if (const auto declared = read_declared(text)) {
        if (declared->others.size() > kMaxDeclaredLabels ||
            printable(declared->name, kMaxLabelValue) != declared->name) {
          abort();
        }
        // What tells of an environment says the same as all of it.
        if (read_declared(telling_variables(text)) != declared) {
          abort();
        }
      }
      break;
    case 'c': {
      const CgroupFacts facts = read_cgroup_path(text);
      if (facts.container_id.size() > text.size() || facts.unit.size() > text.size()) {
        abort();
      }
      read_unit_name(text);
      break;
    }
    case 'j': {
      Container container;
      read_docker_config(text, container);
      read_bundle_config(text, container);
      read_storage_list(text, container);
      has_cgroup(text, "/x");
      read_docker_root(text);
      if (container.name.size() > kMaxContainerName ||
          printable(container.name, kMaxContainerName) != container.name) {
        abort();
      }
      break;
    }
    default: {  // the executable, then the words
      const size_t end = text.find('\0');
      const std::string_view executable = text.substr(0, end);
      const std::string_view words = end == std::string_view::npos ? "" : text.substr(end + 1);
      const std::string name = service_name(executable, split_arguments(words), "x");
      // Fit to be shown once means fit to be shown: a second pass changes nothing.
      if (name.empty() || name.size() > kMaxServiceName ||
          printable(name, kMaxServiceName) != name) {
        abort();
      }
    }
  }
  return 0;
}
