// SPDX-License-Identifier: Apache-2.0
// A profile in pprof's format: what `go tool pprof`, Parca, Pyroscope and speedscope read.
#pragma once

#include <string>

#include "userspace/model/profile.h"

namespace sonde::pprof {

// Gzipped, as the format asks. Sample types: samples/count, as they were taken, and
// cpu/nanoseconds, the default: what they stand for.
// Labels of each sample: service, pid, thread, comm, container (those that are known). Functions
// that were inlined are lines of the location of the one that they are in; a mapping says that it
// has files, lines or inlined functions if some place of it has.
std::string encode(const Profile& profile);

// The same before gzip.
std::string encode_plain(const Profile& profile);

}  // namespace sonde::pprof
