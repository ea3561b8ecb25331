// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/profile_series.h"

#include <fmt/core.h>

#include "exporters/pprof/encode.h"
#include "userspace/base/log.h"
#include "userspace/cli/command.h"
#include "userspace/cli/profile_folder.h"
#include "userspace/cli/profile_session.h"

namespace sonde::cli {
namespace {

struct SeriesCounts {
  uint64_t written = 0;
  uint64_t lost = 0;     // profiles that could not be written
  uint64_t samples = 0;  // in those that were
  uint64_t samples_lost = 0;
};

// A disk that stays full is told once, and its end.
void store(ProfileFolder& folder, const ProfileSession::Made& made, SeriesCounts& counts,
           bool& failing) {
  const uint64_t samples = made.profile.samples();
  counts.samples_lost += made.counts.kernel[SONDE_SAMPLES_ring_full] + made.counts.misread;
  const auto stored = folder.store(made.profile.start_wall_ns, pprof::encode(made.profile));
  if (!stored) {
    counts.lost++;
    counts.samples_lost += samples;
    if (!failing) {
      log::error("profiles are lost: {}", stored.error().what);
    }
  } else {
    counts.written++;
    counts.samples += samples;
    if (failing) {
      log::info("profiles are written again lost={}", counts.lost);
    }
  }
  failing = !stored;
}

int failed(const Error& error) {
  log::error("{}", error.what);
  return kFailure;
}

}  // namespace

int profile_series(const Config& config) {
  const ProfileConfig& wish = config.profile;
  auto folder = ProfileFolder::open(wish.output, {.files = wish.keep, .bytes = wish.keep_bytes});
  if (!folder) {
    return failed(folder.error());
  }
  auto session = ProfileSession::open(config);
  if (!session) {
    return failed(session.error());
  }
  log::info("profiles of {} s each go to {}", wish.every, wish.output);
  SeriesCounts counts;
  bool failing = false;
  bool ended = false;
  while (!ended) {
    const auto made = (*session)->make(wish.every, false);
    if (!made) {
      return failed(made.error());
    }
    store(*folder, *made, counts, failing);
    ended = made->ended;
  }
  fmt::print(stderr, "sonde: {} profiles written, {} lost; {} samples in them, {} lost\n",
             counts.written, counts.lost, counts.samples, counts.samples_lost);
  return counts.lost == 0 ? kOk : kFailure;
}

}  // namespace sonde::cli
