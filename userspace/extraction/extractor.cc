// SPDX-License-Identifier: Apache-2.0
#include "userspace/extraction/extractor.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "symbolizer/store/store.h"
#include "userspace/base/clock.h"
#include "userspace/extraction/message.h"

namespace sonde {
namespace {

constexpr int kWaitMs = static_cast<int>(extraction::kLongestAnswerSeconds) * 1000;

}  // namespace

Result<Extractor> Extractor::start(const extraction::ServiceOptions& options) {
  auto ends = extraction::socket_pair();
  if (!ends) {
    return std::unexpected(ends.error());
  }
  const pid_t child = ::fork();
  if (child < 0) {
    return fail_errno("start the process that reads symbols", errno);
  }
  if (child == 0) {
    ends->first.reset();
    extraction::serve(ends->second.get(), options);
  }
  Extractor out(std::move(ends->first), child);
  auto ready = extraction::receive(out.socket_.get(), kWaitMs);
  if (!ready) {
    return fail("the process that reads symbols did not start");
  }
  out.why_not_kept_ = std::move(ready->text);
  return out;
}

Result<Extractor> Extractor::start() {
  return start({.folder = Store::default_path(), .max_bytes = Store::kDefaultBytes});
}

Extractor::Extractor(Extractor&& other) noexcept
    : socket_(std::move(other.socket_)),
      child_(std::exchange(other.child_, 0)),
      lost_ns_(other.lost_ns_),
      why_not_kept_(std::move(other.why_not_kept_)),
      counts_(other.counts_) {}

Extractor::~Extractor() { end(); }

void Extractor::end() {
  socket_.reset();
  if (child_ > 0) {
    // Who is confined may not kill it: it ends with the socket, after what it is busy with.
    const int how = ::kill(child_, SIGKILL) == 0 ? 0 : WNOHANG;
    while (::waitpid(child_, nullptr, how) < 0 && errno == EINTR) {
    }
    child_ = 0;
  }
}

Result<Fd> Extractor::table(const extraction::Request& request) {
  const uint64_t began = monotonic_ns();
  auto out = ask(request);
  if (!out) {
    counts_.failed++;
    lost_ns_ += request.seconds == 0 ? monotonic_ns() - began : 0;
  }
  return out;
}

Result<Fd> Extractor::ask(const extraction::Request& request) {
  if (!socket_.ok()) {
    return fail("the process that reads symbols is gone");
  }
  if (request.seconds == 0 && lost_ns_ > kPatienceNs) {
    return fail("other files took too long");
  }
  const std::string text = std::string(request.build_id) + '\0' + std::string(request.path);
  const uint32_t kind = static_cast<uint32_t>(request.kind) | (request.anew ? 0x100u : 0u) |
                        uint32_t{request.seconds} << 16;
  if (!extraction::send(socket_.get(), kind, text, {request.file, request.root})) {
    end();
    return fail("the process that reads symbols is gone");
  }
  auto answer = extraction::receive(socket_.get(), kWaitMs);
  if (!answer) {
    end();
    return fail("the process that reads symbols ended, or took too long");
  }
  const auto what = static_cast<extraction::Answer>(answer->kind);
  if (what == extraction::Answer::kFailed || !answer->files[0].ok()) {
    return fail(std::move(answer->text));
  }
  (what == extraction::Answer::kFound ? counts_.found : counts_.made)++;
  return std::move(answer->files[0]);
}

}  // namespace sonde
