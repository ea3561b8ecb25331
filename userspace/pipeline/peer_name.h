// SPDX-License-Identifier: Apache-2.0
// What a client is called that is not on this host.
#pragma once

#include <string>
#include <string_view>

#include "userspace/model/events.h"

namespace sonde {

// One name for all of the internet: its addresses say nothing, and there are many.
inline constexpr std::string_view kInternet = "internet";
// Neither IPv4 nor IPv6 nor known.
inline constexpr std::string_view kLocal = "local";

// The address, if it is one that networks use among themselves (private, loopback, link-local,
// shared, unique local); IPv4 within IPv6 is IPv4.
std::string peer_name(const Address& address);

}  // namespace sonde
