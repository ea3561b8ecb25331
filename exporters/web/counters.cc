// SPDX-License-Identifier: Apache-2.0
#include "exporters/web/counters.h"

#include <memory>
#include <string>

namespace sonde::web {
namespace {

MetricFamily counter(std::string name, std::string help) {
  return {.name = std::move(name),
          .unit = "",
          .help = std::move(help),
          .kind = MetricKind::kCounter,
          .bounds = nullptr,
          .points = {}};
}

std::shared_ptr<const Labels> one_label(std::string name, std::string value) {
  return std::make_shared<const Labels>(Labels{{std::move(name), std::move(value)}});
}

}  // namespace

void Counters::answered(int status) {
  size_t place = 0;
  while (place + 1 < kStatuses.size() && kStatuses[place] != status) {
    ++place;
  }
  add(answered_[place]);
}

std::vector<MetricFamily> Counters::metrics() const {
  MetricFamily connections =
      counter("sonde.web.connections", "Connections that the web server accepted.");
  connections.points.push_back({std::make_shared<const Labels>(), connections_.load()});

  MetricFamily requests = counter("sonde.web.requests", "Requests that the web server answered.");
  for (size_t i = 0; i < kStatuses.size(); ++i) {
    const uint64_t count = answered_[i].load();
    if (count != 0 || kStatuses[i] == 200) {
      requests.points.push_back({one_label("status", std::to_string(kStatuses[i])), count});
    }
  }

  MetricFamily dropped =
      counter("sonde.web.dropped", "Connections that the web server ended, by reason.");
  for (size_t i = 0; i < kDropNames.size(); ++i) {
    dropped.points.push_back({one_label("reason", std::string(kDropNames[i])), dropped_[i].load()});
  }
  std::vector<MetricFamily> out;
  out.push_back(std::move(connections));
  out.push_back(std::move(requests));
  out.push_back(std::move(dropped));
  return out;
}

}  // namespace sonde::web
