// SPDX-License-Identifier: Apache-2.0
// What the redactors of a connection's two directions must know of each other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace sonde::http1_redact {

enum class Asked : uint8_t { kOther, kHead, kConnect };

// What the two directions must know of each other: which requests are unanswered (an answer's
// framing depends on its request), and whether the connection has become a tunnel.
class Exchange {
 public:
  void ask(Asked what);
  // What the next answer answers; nothing: it is not known.
  std::optional<Asked> answer();
  void forget();

  void become_tunnel() { tunnel_ = true; }
  bool tunnel() const { return tunnel_; }

 private:
  std::vector<Asked> asked_;
  size_t answered_ = 0;
  bool overflown_ = false;
  bool tunnel_ = false;
};

}  // namespace sonde::http1_redact
