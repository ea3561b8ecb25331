// SPDX-License-Identifier: Apache-2.0
// Messages between the processes of extraction, with open files, over a pair of sockets that keeps
// messages whole.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "userspace/base/fd.h"
#include "userspace/base/result.h"

namespace sonde::extraction {

inline constexpr size_t kMaxText = 8192;

struct Message {
  uint32_t kind = 0;  // whose meaning is the receiver's
  std::string text;
  std::array<Fd, 2> files;
};

Result<std::pair<Fd, Fd>> socket_pair();

// Never waits long: the other end reads, or is gone.
bool send(int socket, uint32_t kind, std::string_view text, std::array<int, 2> files = {-1, -1});

// Nothing: the other end is gone, what came is no message, or nothing came in time (-1: waits).
std::optional<Message> receive(int socket, int wait_ms);

}  // namespace sonde::extraction
