// SPDX-License-Identifier: Apache-2.0
#include "userspace/flows/advisor.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace sonde {
namespace {

constexpr size_t kMaxEndpoints = 4096;
constexpr uint32_t kMaxHeadPolicy = 65536;
constexpr uint32_t kLeastResponseHead = 512;  // a first answer may be the shortest of all
constexpr uint32_t kLeastRequestHead = 4096;
constexpr uint64_t kLeastBurst = 512;
constexpr uint64_t kLargestBurst = 1u << 31;
constexpr uint32_t kUnclassifiedBeforeOff = 3;
// Wasted bytes of a connection worth telling its endpoint.
constexpr uint64_t kLeastWaste = 16 * 1024;
// A connection that opens so soon after its endpoint learned may not have got the policy yet.
constexpr uint64_t kPolicyTakesHoldNs = 1'000'000'000;

constexpr size_t request_direction(Role role) {
  return static_cast<size_t>(role == Role::kServer ? Direction::kIn : Direction::kOut);
}

// A quarter more than was ever needed.
constexpr uint64_t with_margin(uint64_t bytes) { return bytes + bytes / 4; }

Policy wanted(Role role, const Needs& needs) {
  if (needs.every_byte || with_margin(needs.response_head) > kMaxHeadPolicy) {
    return {.mode = PolicyMode::kFull};
  }
  const auto response = static_cast<uint32_t>(std::bit_ceil(with_margin(needs.response_head)));
  const auto request = std::bit_ceil(std::min<uint64_t>(needs.request_head, kMaxHeadPolicy) * 2);
  const uint64_t burst = std::bit_ceil(std::min(needs.request_message * 2, kLargestBurst));
  Policy policy{.mode = PolicyMode::kHead};
  const size_t asks = request_direction(role);
  policy.head[1 - asks] = std::max(response, kLeastResponseHead);
  policy.head[asks] =
      needs.uploads
          ? static_cast<uint32_t>(std::clamp<uint64_t>(request, kLeastRequestHead, kMaxHeadPolicy))
          : kMaxHeadPolicy;
  policy.burst = static_cast<uint32_t>(std::max(burst, kLeastBurst));
  return policy;
}

}  // namespace

size_t Advisor::KeyHash::operator()(const Key& key) const {
  uint64_t hash = 0xcbf29ce484222325ull;
  const auto mix = [&](uint64_t value) {
    hash = (hash ^ value) * 0x9e3779b97f4a7c15ull;
    hash ^= hash >> 29;
  };
  std::array<uint64_t, 2> address{};
  static_assert(sizeof(address) == sizeof(key.address));
  std::memcpy(address.data(), key.address.data(), sizeof(address));
  mix(address[0]);
  mix(address[1]);
  mix(key.network_namespace);
  mix((static_cast<uint64_t>(key.port) << 8) | static_cast<uint64_t>(key.role));
  return hash;
}

bool Advisor::key_of(const ConnectionFacts& facts, Key& key) {
  const Address& address = facts.role == Role::kServer ? facts.local : facts.remote;
  key.network_namespace = facts.network_namespace;
  key.port = address.port;
  key.role = facts.role;
  const bool is_unix = address.family == kUnixFamily;
  if (is_unix || facts.role == Role::kClient) {
    key.address = address.bytes;
  }
  const bool named = is_unix ? key.address != Key().address : key.port != 0;
  return facts.role != Role::kUnknown && named;
}

Advisor::Endpoint& Advisor::latest(std::list<Endpoint>::iterator endpoint) {
  endpoints_.splice(endpoints_.begin(), endpoints_, endpoint);
  return endpoints_.front();
}

Advisor::Endpoint* Advisor::find(const Key& key) {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : &latest(found->second);
}

Advisor::Endpoint& Advisor::find_or_add(const Key& key) {
  if (Endpoint* const known = find(key)) {
    return *known;
  }
  if (endpoints_.size() >= kMaxEndpoints) {
    by_key_.erase(endpoints_.back().key);
    endpoints_.pop_back();
  }
  endpoints_.emplace_front().key = key;
  by_key_[key] = endpoints_.begin();
  return endpoints_.front();
}

std::optional<Policy> Advisor::inherited(const ConnectionFacts& facts, uint64_t opened_ns) {
  Key key;
  const Endpoint* endpoint = key_of(facts, key) ? find(key) : nullptr;
  const bool holds = endpoint != nullptr && endpoint->learned &&
                     opened_ns > endpoint->told_ns + kPolicyTakesHoldNs;
  return holds ? std::optional(endpoint->told) : std::nullopt;
}

// Full is left when it has been for nothing for long, and is then come back to less easily: where
// both kinds of messages mix, the bodies that a return costs their size get rare.
void Advisor::learn(Endpoint& endpoint, const Needs& needs) {
  Needs& known = endpoint.needs;
  known.request_head = std::max(known.request_head, needs.request_head);
  known.response_head = std::max(known.response_head, needs.response_head);
  known.request_message = std::max(known.request_message, needs.request_message);
  known.uploads |= needs.uploads;
  if (needs.every_byte) {
    known.every_byte = true;
    endpoint.wasted = 0;
    return;
  }
  endpoint.wasted += needs.wasted;
  if (known.every_byte && endpoint.wasted >= endpoint.patience) {
    known.every_byte = false;
    endpoint.wasted = 0;
    endpoint.patience = std::min(2 * endpoint.patience, kMostPatience);
  }
}

Policy Advisor::advise(const ConnectionFacts& facts, Needs& needs, const Policy& current,
                       uint64_t now_ns) {
  Key key;
  if (!key_of(facts, key)) {
    needs.wasted = 0;  // without an endpoint what was needed once stays needed
    const Policy policy = wanted(facts.role, needs);
    if (policy != current) {
      sink_.policy(facts, policy, false);
    }
    return policy;
  }
  Endpoint& endpoint = find_or_add(key);
  endpoint.classified = true;
  learn(endpoint, needs);
  needs.every_byte = false;
  needs.wasted = 0;
  const Policy policy = wanted(facts.role, endpoint.needs);
  if (!endpoint.learned || endpoint.told != policy) {
    endpoint.learned = true;
    endpoint.told = policy;
    endpoint.told_ns = now_ns;
    ++version_;
    sink_.policy(facts, policy, true);
  } else if (policy != current) {
    sink_.policy(facts, policy, false);
  }
  return policy;
}

void Advisor::unclassified(const ConnectionFacts& facts) {
  Key key;
  bool learn = false;
  if (key_of(facts, key)) {
    Endpoint& endpoint = find_or_add(key);
    learn = ++endpoint.unclassified_in_row == kUnclassifiedBeforeOff && !endpoint.classified;
  }
  sink_.policy(facts, {.mode = PolicyMode::kOff}, learn);
}

bool Advisor::suffices(const Policy& policy, Role role, const Needs& needs) {
  if (policy.mode == PolicyMode::kFull) {
    return !needs.every_byte && needs.wasted < kLeastWaste;
  }
  const size_t asks = request_direction(role);
  return policy.mode == PolicyMode::kHead && !needs.every_byte &&
         with_margin(needs.response_head) <= policy.head[1 - asks] &&
         std::min(needs.request_message * 2, kLargestBurst) <= policy.burst &&
         (needs.uploads
              ? policy.head[asks] < kMaxHeadPolicy || needs.request_head * 2ull > kMaxHeadPolicy / 2
              : true) &&
         (policy.head[asks] == kMaxHeadPolicy || needs.request_head * 2ull <= policy.head[asks]);
}

}  // namespace sonde
