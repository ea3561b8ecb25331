// SPDX-License-Identifier: Apache-2.0
#include "userspace/flows/server_names.h"

namespace sonde {

bool ServerNames::admits(uint32_t network_namespace, uint16_t listener, std::string_view name,
                         std::string_view port) {
  const uint64_t place = (static_cast<uint64_t>(network_namespace) << 16) | listener;
  key_.assign(reinterpret_cast<const char*>(&place), sizeof(place));
  key_.append(name).append(1, '\0').append(port);
  if (names_.contains(key_)) {
    return true;
  }
  const auto found = count_.find(place);
  if (found == count_.end() && count_.size() >= kMaxListeners) {
    return false;
  }
  size_t& count = count_[place];
  if (count >= kMaxNames) {
    return false;
  }
  ++count;
  names_.insert(key_);
  return true;
}

}  // namespace sonde
