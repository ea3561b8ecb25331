// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/tcp_health_check.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "userspace/base/clock.h"
#include "userspace/base/fd.h"

namespace sonde::cli {
namespace {

constexpr std::string_view kAffects =
    "failed connects, connect and round-trip times, retransmits and resets";

Check check(CheckState state, std::string finding, std::string_view affects,
            std::string_view remedy) {
  return {.name = "TCP health",
          .state = state,
          .finding = std::move(finding),
          .affects = std::string(affects),
          .remedy = std::string(remedy)};
}

// Connects to a port that is taken, but not listened on.
bool connect_in_vain() {
  const Fd taken(socket(AF_INET, SOCK_STREAM, 0));
  const Fd in_vain(socket(AF_INET, SOCK_STREAM, 0));
  if (!taken.ok() || !in_vain.ok()) {
    return false;
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof(address);
  return bind(taken.get(), generic, size) == 0 && getsockname(taken.get(), generic, &size) == 0 &&
         connect(in_vain.get(), generic, size) != 0;
}

}  // namespace

Check tcp_health_check(KernelSide& kernel) {
  for (const std::string& warning : kernel.warnings()) {
    if (warning.find("TCP") != std::string::npos) {
      return check(CheckState::kDegraded, warning, kAffects,
                   "let it attach tracepoints (CAP_BPF, CAP_PERFMON)");
    }
  }
  TcpHealth* health = kernel.tcp_health();
  if (health == nullptr) {
    return check(CheckState::kOk, "switched off", kAffects, "");
  }
  const pid_t child = fork();
  if (child == 0) {
    _exit(connect_in_vain() ? 0 : 1);
  }
  int status = -1;
  if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
    return check(CheckState::kUnknown, "no child could try a connect", "", "");
  }
  bool told = false;
  const auto read =
      health->read(monotonic_ns(), [&](const TcpPeer& peer, const TcpCounts& /*added*/) {
        told = told || peer.pid == Pid{static_cast<uint32_t>(child)};
      });
  if (!read) {
    return check(CheckState::kDegraded, read.error().what, kAffects, "");
  }
  return told ? check(CheckState::kOk, "a refused connect of a child of ours was told", "", "")
              : check(CheckState::kDegraded, "a refused connect of a child of ours was not told",
                      kAffects, "see `process ids`");
}

}  // namespace sonde::cli
