// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/noise.h"

#include <algorithm>
#include <cstring>

#include "bpf/shared/records.h"

namespace sonde {
namespace {

constexpr uint32_t kHeardOf = 7;           // one in so many: no small power of two, as turns are
constexpr uint64_t kWeightOfRecord = 512;  // what any record costs, in bytes of payload

}  // namespace

void Noise::heard(std::span<const uint8_t> record) {
  sonde_data_record data;
  if (++records_ % kHeardOf != 0 || record.size() < sizeof(data)) {
    return;
  }
  std::memcpy(&data, record.data(), sizeof(data));
  if (data.header.kind == SONDE_RECORD_DATA) {
    add(Pid{data.pid}, kWeightOfRecord + data.captured);
  }
}

// Called once a second, eight of them are what there is to go by.
void Noise::fade() {
  const auto less = [](uint64_t& weight) { weight -= weight / 8 + (weight % 8 != 0 ? 1 : 0); };
  all_ = 0;
  for (Place& place : places_) {
    less(place.weight);
    all_ += place.weight;
  }
}

void Noise::add(Pid pid, uint64_t weight) {
  all_ += weight;
  auto place = std::ranges::find(places_, pid, &Place::pid);
  if (place == places_.end() || place->weight == 0) {
    place = std::ranges::min_element(places_, {}, &Place::weight);
    place->pid = pid;
  }
  place->weight += weight;
}

}  // namespace sonde
