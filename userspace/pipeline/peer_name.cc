// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/peer_name.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

namespace sonde {
namespace {

struct Network {
  uint32_t base;
  uint32_t bits;
};

// RFC 1918, 1122 (loopback), 3927 (link-local), 6598 (shared).
constexpr Network kPrivate[] = {
    {0x0a000000, 8},   // 10.0.0.0
    {0xac100000, 12},  // 172.16.0.0
    {0xc0a80000, 16},  // 192.168.0.0
    {0x7f000000, 8},   // 127.0.0.0
    {0xa9fe0000, 16},  // 169.254.0.0
    {0x64400000, 10},  // 100.64.0.0
};
constexpr std::array<uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

std::string text_of(int family, std::span<const uint8_t> bytes) {
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(family, bytes.data(), text, sizeof(text));
  return text;
}

std::string ipv4_name(std::span<const uint8_t, 4> bytes) {
  const uint32_t number = uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 |
                          uint32_t{bytes[2]} << 8 | uint32_t{bytes[3]};
  if (number == 0) {
    return std::string(kLocal);
  }
  const bool own = std::ranges::any_of(kPrivate, [number](const Network& network) {
    return (number ^ network.base) >> (32 - network.bits) == 0;
  });
  return own ? text_of(AF_INET, bytes) : std::string(kInternet);
}

}  // namespace

std::string peer_name(const Address& address) {
  const std::span<const uint8_t, 16> bytes(address.bytes);
  if (address.family == 4) {
    return ipv4_name(bytes.first<4>());
  }
  if (address.family != 6 || std::ranges::all_of(bytes, [](uint8_t b) { return b == 0; })) {
    return std::string(kLocal);
  }
  if (std::ranges::equal(bytes.first<12>(), kMapped)) {
    return ipv4_name(bytes.last<4>());
  }
  const bool unique_local = (bytes[0] & 0xfe) == 0xfc;                    // fc00::/7, RFC 4193
  const bool link_local = bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;  // fe80::/10, RFC 4291
  const bool loopback =
      bytes[15] == 1 && std::ranges::all_of(bytes.first<15>(), [](uint8_t b) { return b == 0; });
  return unique_local || link_local || loopback ? text_of(AF_INET6, bytes) : std::string(kInternet);
}

}  // namespace sonde
