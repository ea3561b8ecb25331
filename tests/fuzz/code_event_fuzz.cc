// SPDX-License-Identifier: Apache-2.0
// Any records of perf's side-band, and what is known of processes after them.
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "userspace/base/bytes.h"
#include "userspace/pipeline/live_mappings.h"
#include "userspace/sources/code_event_record.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sonde::Bytes input(std::span(data, size));
  sonde::LiveMappings live;
  uint8_t length = 0;
  while (input.read(length)) {
    const auto record = input.take(length);
    if (!record) {
      break;
    }
    const auto event =
        sonde::read_code_event({reinterpret_cast<const uint8_t*>(record->data()), record->size()});
    if (!event) {
      continue;
    }
    live.apply(*event);
    const auto known = live.of(event->pid);
    if ((live.change_of(event->pid) != 0) != known.has_value()) {
      abort();
    }
    uint64_t end = 0;
    for (const sonde::Mapping& each : known ? known->all() : std::vector<sonde::Mapping>()) {
      if (each.start < end || each.end <= each.start) {
        abort();
      }
      end = each.end;
    }
  }
  return 0;
}
