// SPDX-License-Identifier: Apache-2.0
// A profile as OTLP's request to export profiles (v1development, opentelemetry-proto 1.11.0): what
// is POSTed to /v1development/profiles.
#pragma once

#include <string>

#include "userspace/model/profile.h"

namespace sonde::otlp {

// Not compressed. A resource for each service and container; samples/count, each of the profile's
// period of CPU time, with process.pid, thread.id and thread.name.
std::string encode_profiles(const Profile& profile);

}  // namespace sonde::otlp
