// SPDX-License-Identifier: Apache-2.0
// Advisor: decides how many bytes of each turn the kernel side should ship, learns it per endpoint
// (a server's port, a client's peer), and tells it only when it changes.
#pragma once

#include <tsl/robin_map.h>

#include <array>
#include <cstdint>
#include <list>
#include <optional>

#include "userspace/flows/flows.h"

namespace sonde {

// What the exchanges of a connection or an endpoint have needed so far.
struct Needs {
  uint32_t request_head = 0;     // largest
  uint32_t response_head = 0;    // largest
  uint64_t request_message = 0;  // largest single one, body included
  bool uploads = false;          // request bodies were shipped that nobody looks at
  // News, told to the endpoint once: pipelining, framed bodies, heads beyond what a head policy may
  // ask for; and how much was shipped of bodies whose end was known without.
  bool every_byte = false;
  uint64_t wasted = 0;
};

class Advisor {
 public:
  explicit Advisor(FlowSink& sink) : sink_(sink) {}

  // What its endpoint taught the kernel side to give a connection that opens at that time. Nothing:
  // it probes.
  std::optional<Policy> inherited(const ConnectionFacts& facts, uint64_t opened_ns);

  // Tells the policy that a connection with these needs should have, if it is not the current one,
  // and lets its endpoint learn: it then has the news. The role must be known. Returns the policy
  // now in force.
  Policy advise(const ConnectionFacts& facts, Needs& needs, const Policy& current, uint64_t now_ns);

  // No protocol claims the connection: off, and so its endpoint if this goes on.
  void unclassified(const ConnectionFacts& facts);

  // The connection became something else: how much moves is all that is of interest.
  void count(const ConnectionFacts& facts) {
    sink_.policy(facts, {.mode = PolicyMode::kCount}, false);
  }

  // The connection is of no more interest.
  void off(const ConnectionFacts& facts) { sink_.policy(facts, {.mode = PolicyMode::kOff}, false); }

  // Would these needs change that policy, or are there news?
  static bool suffices(const Policy& policy, Role role, const Needs& needs);

  // Changes whenever some endpoint has learned.
  uint32_t version() const { return version_; }

 private:
  struct Key {
    std::array<uint8_t, 16> address{};  // all zero for a server, unless of AF_UNIX
    uint32_t network_namespace = 0;
    uint16_t port = 0;
    Role role = Role::kUnknown;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    size_t operator()(const Key& key) const;
  };
  static constexpr uint64_t kLeastPatience = uint64_t{32} << 20;
  static constexpr uint64_t kMostPatience = uint64_t{1} << 30;
  struct Endpoint {
    Key key;
    Needs needs;
    Policy told;
    uint64_t told_ns = 0;
    uint64_t patience = kLeastPatience;  // so much may be wasted under full ...
    uint64_t wasted = 0;                 // ... since every byte was needed last
    uint32_t unclassified_in_row = 0;
    bool learned = false;
    bool classified = false;
  };

  static void learn(Endpoint& endpoint, const Needs& needs);

  // False: too little is known of the connection.
  static bool key_of(const ConnectionFacts& facts, Key& key);
  Endpoint* find(const Key& key);
  Endpoint& find_or_add(const Key& key);
  Endpoint& latest(std::list<Endpoint>::iterator endpoint);

  FlowSink& sink_;
  std::list<Endpoint> endpoints_;  // the latest used first
  tsl::robin_map<Key, std::list<Endpoint>::iterator, KeyHash> by_key_;
  uint32_t version_ = 0;
};

}  // namespace sonde
