// SPDX-License-Identifier: Apache-2.0
// Any bytes as a record: what decodes must encode and decode to the same again, inside its bounds.
#include <cstdlib>

#include "userspace/sources/decode.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sonde;
  Event event;
  if (decode({data, size}, event) != DecodeStep::kOk) {
    return 0;
  }
  if (const auto* moved = std::get_if<DataMoved>(&event);
      moved != nullptr && !moved->captured.empty() &&
      (moved->captured.data() < data ||
       moved->captured.data() + moved->captured.size() > data + size)) {
    abort();
  }
  std::vector<uint8_t> once;
  encode(event, once);
  Event again;
  std::vector<uint8_t> twice;
  if (decode(once, again) != DecodeStep::kOk || again.index() != event.index()) {
    abort();
  }
  encode(again, twice);
  if (once != twice) {
    abort();
  }
  return 0;
}
