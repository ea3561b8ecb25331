// SPDX-License-Identifier: Apache-2.0
// Takes the addresses out of a profile, so that it may be shown to those who must not know where
// the kernel and other users' programs have their code: offsets in what is no file become 0, and
// names that were made of them lose them.
#pragma once

#include "userspace/model/profile.h"

namespace sonde {

void hide_addresses(Profile& profile);

}  // namespace sonde
