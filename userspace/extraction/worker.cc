// SPDX-License-Identifier: Apache-2.0
#include "userspace/extraction/worker.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "userspace/confine/capabilities.h"
#include "userspace/confine/landlock.h"
#include "userspace/confine/only_calls.h"
#include "userspace/extraction/message.h"

namespace sonde::extraction {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
#else
constexpr bool kSanitized = false;
#endif

// What a worker answers: that it is done, or a reason and kFailed with its errno on top.
enum Answer : uint32_t { kDone, kFailed };

void limit(int what, uint64_t most) {
  const rlimit both{.rlim_cur = most, .rlim_max = most};
  ::setrlimit(static_cast<__rlimit_resource>(what), &both);
}

void be_limited(const WorkerLimits& limits) {
  constexpr uint64_t kFiles = 64;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_NAME, "sonde-reader");
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_CPU, limits.cpu_seconds);
  limit(RLIMIT_FSIZE, limits.file);
  limit(RLIMIT_NOFILE, kFiles);
  if (!kSanitized) {
    limit(RLIMIT_AS, limits.memory);
  }
  // What the run time says of an exception that nobody caught is told by how the process ended.
  if (const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC); nowhere >= 0) {
    ::dup2(nowhere, STDERR_FILENO);
  }
}

// What throws in a worker (no memory) ends it, and does not come back as its parent.
[[noreturn]] void be_worker(int answer, const WorkerLimits& limits,
                            const std::function<Result<Fd>()>& work) noexcept {
  be_limited(limits);
  const Result<Fd> done = work();
  if (done) {
    send(answer, kDone, {}, {done->get(), -1});
  } else {
    send(answer, kFailed + static_cast<uint32_t>(done.error().code), done.error().what);
  }
  ::_exit(EXIT_SUCCESS);
}

}  // namespace

Result<Fd> in_worker(const WorkerLimits& limits, const std::function<Result<Fd>()>& work) {
  constexpr int kMillisecond = 1000;
  auto ends = socket_pair();
  if (!ends) {
    return std::unexpected(ends.error());
  }
  const pid_t child = ::fork();
  if (child < 0) {
    return fail_errno("start a process to read a file", errno);
  }
  if (child == 0) {
    be_worker(ends->second.get(), limits, work);
  }
  ends->second.reset();
  auto answer = receive(ends->first.get(), static_cast<int>(limits.seconds) * kMillisecond);
  // Nobody has waited for it yet, so it is the child that is meant. One that has answered has
  // nothing left to do, and a hostile file may have it stay.
  ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (answer && answer->kind == kDone) {
    return std::move(answer->files[0]);
  }
  if (answer) {
    return fail(std::move(answer->text), static_cast<int>(answer->kind - kFailed));
  }
  if (!WIFSIGNALED(status)) {
    return fail("its reader ended without a word");
  }
  return fail(WTERMSIG(status) == SIGKILL
                  ? "its reader took too long"
                  : fmt::format("its reader was ended by signal {}", WTERMSIG(status)));
}

void give_up_everything() {
  if (kSanitized) {
    return;
  }
  (void)confine::keep_only(0);
  (void)confine::shut_file_system();
  (void)confine::allow_only(confine::calls_of_a_reader());
}

}  // namespace sonde::extraction
