// SPDX-License-Identifier: Apache-2.0
// The list of protocols: a new one adds its declaration and its line.
#include "userspace/protocols/protocol.h"

namespace sonde {

extern const Protocol kHttp1;

std::span<const Protocol> protocols() {
  static const std::array kAll = {kHttp1};
  return kAll;
}

}  // namespace sonde
