// SPDX-License-Identifier: Apache-2.0
// Any lines as the paths of one service: few routes, printable, without query; and label values
// that are fit to show.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>

#include "userspace/pipeline/label_value.h"
#include "userspace/pipeline/routes.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sonde;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  RouteBudget budget{.nodes = 64};
  std::set<std::string, std::less<>> routes;
  {
    RouteLearner learner(budget);
    while (!rest.empty()) {
      const size_t end = std::min(rest.find('\n'), rest.size());
      const std::string_view path = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      const std::string_view route = learner.route_of(path);
      if (route.find_first_of("?#%\"\\") != std::string_view::npos) {
        std::abort();
      }
      routes.emplace(route);
      std::string label;
      append_label_value(path, label);
      if (label.size() > kMaxLabelBytes) {
        std::abort();
      }
      std::string twice;
      append_label_value(label, twice);
      if (twice != label) {  // a clean value is clean
        std::abort();
      }
    }
    routes.erase("");
    if (routes.size() > kMaxRoutes || budget.nodes > 64) {
      std::abort();
    }
  }
  if (budget.nodes != 64) {
    std::abort();
  }
  return 0;
}
