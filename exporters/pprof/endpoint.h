// SPDX-License-Identifier: Apache-2.0
// Profiles over HTTP, asked for as Go's programs are: GET /debug/pprof/profile?seconds=30, which
// `go tool pprof`, Parca and Alloy know how to do; service= and pid= choose of whom, lines=0 leaves
// out lines and inlined functions.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "exporters/http.h"
#include "exporters/profile_source.h"

namespace sonde::pprof {

constexpr uint64_t kMostSeconds = 300;
constexpr uint64_t kUsualSeconds = 30;

// A form in which profiles are offered, and where.
struct ProfileForm {
  std::string path;
  std::string content_type;
  std::string file_name;  // for whoever saves it; empty: it is looked at
  std::function<std::string(const Profile&, const ProfileOrder&)> encode;
  std::string about;
};

// pprof's own.
ProfileForm pprof_form();

// GET path: the answer comes when the profile is made. A client that goes away ends the sampling.
// The source must outlive the server.
HttpRoute profile_route(ProfileSource& source, ProfileForm form);

}  // namespace sonde::pprof
