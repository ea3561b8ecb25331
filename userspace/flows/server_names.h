// SPDX-License-Identifier: Apache-2.0
// ServerNames: what clients call the servers of this host, up to a number of names for each
// listener. A client can call a server whatever it likes; a label must not grow with that.
#pragma once

#include <tsl/robin_map.h>
#include <tsl/robin_set.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace sonde {

class ServerNames {
 public:
  static constexpr size_t kMaxNames = 100;  // of one listener, with the ports they are given
  static constexpr size_t kMaxListeners = 1024;

  // Is it one of the listener's names? The first ones asked for are; they stay it.
  bool admits(uint32_t network_namespace, uint16_t listener, std::string_view name,
              std::string_view port);

 private:
  tsl::robin_set<std::string> names_;
  tsl::robin_map<uint64_t, size_t> count_;  // by listener
  std::string key_;                         // scratch
};

}  // namespace sonde
