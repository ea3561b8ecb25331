// SPDX-License-Identifier: Apache-2.0
#include "userspace/confine/landlock.h"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "userspace/base/fd.h"

namespace sonde::confine {
namespace {

constexpr uint32_t kAskVersion = 1;

// As the kernel's header has it since version 6; older kernels take the beginning of it.
struct RulesetAttributes {
  uint64_t files = 0;
  uint64_t network = 0;
  uint64_t scoped = 0;
};

// What each version added to what can be given up: the first so many bits of each.
struct Offer {
  int version;
  int files;
  int network;
  int scoped;
  size_t size;  // of the attributes
};
constexpr Offer kOffers[] = {{1, 13, 0, 0, 8},  {2, 14, 0, 0, 8},  {3, 15, 0, 0, 8},
                             {4, 15, 2, 0, 16}, {5, 16, 2, 0, 16}, {6, 16, 2, 2, 24}};

constexpr uint64_t first_bits(int count) { return (uint64_t{1} << count) - 1; }

}  // namespace

int landlock_version() {
  return static_cast<int>(
      std::max(0L, ::syscall(SYS_landlock_create_ruleset, nullptr, 0, kAskVersion)));
}

Result<> shut_file_system() {
  const int version = landlock_version();
  if (version == 0) {
    return fail("this kernel has no Landlock");
  }
  const Offer* offer =
      std::ranges::find_if(kOffers, [&](const Offer& each) { return each.version == version; });
  if (offer == std::end(kOffers)) {
    offer = std::end(kOffers) - 1;  // a newer one takes what it took before
  }
  // Without a rule nothing of what is handled is allowed.
  const RulesetAttributes attributes{.files = first_bits(offer->files),
                                     .network = first_bits(offer->network),
                                     .scoped = first_bits(offer->scoped)};
  const Fd ruleset(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, offer->size, 0)));
  if (!ruleset.ok()) {
    return fail_errno("make a Landlock ruleset", errno);
  }
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) {
    return fail_errno("restrict a thread by Landlock", errno);
  }
  return {};
}

}  // namespace sonde::confine
