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
  // More was asked than is kept: nothing is known of the answers, until forget().
  bool overflown() const { return overflown_; }

  void become_tunnel() { tunnel_ = true; }
  bool tunnel() const { return tunnel_; }

 private:
  std::vector<Asked> asked_;
  size_t answered_ = 0;
  uint64_t early_ = 0;  // answers seen before their requests (two threads may be told of in the
                        // wrong order), or without
  bool overflown_ = false;
  bool tunnel_ = false;
};

}  // namespace sonde::http1_redact
