// SPDX-License-Identifier: Apache-2.0
// The calls by which the self-test moves bytes: those that programs use, each of which a door must
// tell exactly.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace sonde {

// How a message travels: the sender's call, the receiver's call, and whether the sender's bytes can
// be read.
struct Trial {
  const char* name;
  bool (*send)(int fd, std::string_view text);
  bool (*receive)(int fd, size_t bytes);
  bool readable;
};

// On a TCP connection; and on an AF_UNIX one, where not every kernel lets a door see a file's
// bytes.
std::span<const Trial> tcp_trials();
std::span<const Trial> unix_trials();

// A call of 32 bits, made while the registers hold what a writev of 64 bits to this descriptor
// would: it moves nothing.
void tempt(int fd);

}  // namespace sonde
