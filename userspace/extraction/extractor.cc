// SPDX-License-Identifier: Apache-2.0
#include "userspace/extraction/extractor.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <tuple>
#include <utility>

#include "symbolizer/store/store.h"
#include "userspace/base/clock.h"
#include "userspace/base/log.h"
#include "userspace/extraction/message.h"

namespace sonde {
namespace {

constexpr uint32_t kGraceSeconds = 15;  // to be told that nothing came, and to look at what did

std::pair<std::string, std::string> halves_of(std::string text) {
  const size_t end = text.find('\0');
  std::string second = end != std::string::npos ? text.substr(end + 1) : "";
  text.resize(std::min(end, text.size()));
  return {std::move(text), std::move(second)};
}

int ms(uint32_t seconds) { return static_cast<int>(seconds) * 1000; }

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
  const bool fetches = !options.fetch.servers.empty();
  Extractor out(
      std::move(ends->first), child,
      extraction::kLongestAnswerSeconds + (fetches ? options.fetch.seconds + kGraceSeconds : 0));
  auto ready = extraction::receive(out.socket_.get(), ms(out.longest_s_));
  if (!ready) {
    return fail("the process that reads symbols did not start");
  }
  std::tie(out.why_not_kept_, out.why_not_fetched_) = halves_of(std::move(ready->text));
  return out;
}

Result<Extractor> Extractor::start(extraction::FetchOptions fetch) {
  return start({.folder = Store::default_path(),
                .max_bytes = Store::kDefaultBytes,
                .fetch = std::move(fetch)});
}

Extractor::Extractor(Extractor&& other) noexcept
    : socket_(std::move(other.socket_)),
      child_(std::exchange(other.child_, 0)),
      longest_s_(other.longest_s_),
      lost_ns_(other.lost_ns_),
      why_not_kept_(std::move(other.why_not_kept_)),
      why_not_fetched_(std::move(other.why_not_fetched_)),
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
  auto answer = extraction::receive(socket_.get(), ms(longest_s_));
  if (!answer) {
    end();
    return fail("the process that reads symbols ended, or took too long");
  }
  const auto what = static_cast<extraction::Answer>(answer->kind & 0xff);
  auto [why, why_not_fetched] = halves_of(std::move(answer->text));
  count(static_cast<extraction::Fetch>(answer->kind >> 8 & 0xff), why_not_fetched, request);
  if (what == extraction::Answer::kFailed || !answer->files[0].ok()) {
    return fail(std::move(why));
  }
  (what == extraction::Answer::kFound ? counts_.found : counts_.made)++;
  return std::move(answer->files[0]);
}

void Extractor::count(extraction::Fetch fetch, std::string_view why,
                      const extraction::Request& request) {
  const std::string_view file = request.path.empty() ? request.build_id : request.path;
  switch (fetch) {
    case extraction::Fetch::kNotAsked:
      return;
    case extraction::Fetch::kFetched:
      counts_.fetched++;
      return;
    case extraction::Fetch::kAbsent:
      counts_.absent++;
      return;
    case extraction::Fetch::kFailed:
      counts_.not_fetched++;
      log::warn("no debug file of {}: {}", file, why);
      return;
    case extraction::Fetch::kSpent:
      if (counts_.not_asked++ == 0) {
        log::warn("no debug file of {}, nor of others, is asked for: {}", file, why);
      }
      return;
  }
}

}  // namespace sonde
