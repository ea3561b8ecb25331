// SPDX-License-Identifier: Apache-2.0
// Redactor: what of one connection's bytes may be kept on a tape. It sees both streams as they
// pass, in any pieces, and overwrites in place all that it does not positively know to be harmless;
// lengths and framing stay. What it let through cannot be taken back, so it judges each byte by
// those before it alone.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "userspace/model/ids.h"

namespace sonde {

// Stands for bytes that were overwritten. A letter, so that a token stays a token.
constexpr uint8_t kRedacted = 'x';

class Redactor {
 public:
  virtual ~Redactor() = default;
  // A turn begins in that direction: the next bytes may be the first of a message.
  virtual void turn(Direction direction) = 0;
  // The next bytes of that direction's stream.
  virtual void redact(Direction direction, std::span<uint8_t> bytes) = 0;
  // The next n bytes of it are not there: cut, lost or unreadable.
  virtual void skip(Direction direction, uint64_t n) = 0;
  // It is not known where in its stream that direction stands.
  virtual void lost(Direction direction) = 0;
};

using MakeRedactor = std::unique_ptr<Redactor> (*)();

}  // namespace sonde
