// SPDX-License-Identifier: Apache-2.0
#include "userspace/extraction/fetcher.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <iterator>
#include <utility>

#include "userspace/base/clock.h"
#include "userspace/confine/call_filter.h"
#include "userspace/confine/capabilities.h"
#include "userspace/extraction/message.h"

namespace sonde::extraction {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr uint64_t kMillisecondNs = 1'000'000;
constexpr uint32_t kConnectSeconds = 10;
constexpr uint32_t kSilentSeconds = 30;  // a server may have to unpack a package first
constexpr uint32_t kGraceSeconds = 2;    // for curl to end by itself
constexpr size_t kMaxSaid = 1024;
constexpr int kNoSuchProgram = 127;

// Never looked for by PATH.
constexpr const char* kCurls[] = {"/usr/bin/curl", "/usr/local/bin/curl",
                                  "/run/current-system/sw/bin/curl"};
// All that curl is told of our environment: how this host reaches others, and whom it trusts.
constexpr const char* kTold[] = {"http_proxy",   "https_proxy",   "HTTPS_PROXY", "all_proxy",
                                 "ALL_PROXY",    "no_proxy",      "NO_PROXY",    "SSL_CERT_FILE",
                                 "SSL_CERT_DIR", "CURL_CA_BUNDLE"};

const char* find_curl() {
  const auto* const found =
      std::ranges::find_if(kCurls, [](const char* each) { return ::access(each, X_OK) == 0; });
  return found != std::end(kCurls) ? *found : nullptr;
}

// A process that starts a program which talks to others. What it still may not do, its program may
// not either.
bool talks(const confine::CallRule& rule) {
  constexpr std::array<std::string_view, 14> kNeeded = {
      "execve", "clone",      "fork",    "vfork", "mmap", "mprotect", "pkey_mprotect",
      "socket", "socketpair", "connect", "bind",  "kill", "tgkill",   "setpriority"};
  return std::ranges::find(kNeeded, rule.name) != kNeeded.end();
}

// Empty: it is. Who is no user of his own already stays who he is.
std::string become_nobody() {
  constexpr id_t kNobody = 65534;
  if (::geteuid() == 0 &&
      (::setgroups(0, nullptr) != 0 || ::setresgid(kNobody, kNobody, kNobody) != 0 ||
       ::setresuid(kNobody, kNobody, kNobody) != 0)) {
    return "root cannot become nobody here";
  }
  if (::chdir("/") != 0) {
    return "no way to /";
  }
  if (auto done = confine::keep_only(0); !done) {
    return done.error().what;
  }
  auto filtered = confine::filter_calls(talks);
  return filtered ? "" : filtered.error().what;
}

struct CurlEnd {
  int status = 0;  // as wait() tells it
  bool late = false;
  std::string said;
};

struct Limits {
  uint32_t seconds;
  uint64_t bytes;
};

void limit(int what, uint64_t most) {
  const rlimit both{.rlim_cur = most, .rlim_max = most};
  ::setrlimit(static_cast<__rlimit_resource>(what), &both);
}

[[noreturn]] void be_curl(const char* path, const std::string& url, int out, int said,
                          const Limits& limits) {
  constexpr uint64_t kMemory = uint64_t{2} << 30;
  constexpr int kLow = 10;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::setpriority(PRIO_PROCESS, 0, kLow);
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_FSIZE, limits.bytes);
  limit(RLIMIT_AS, kMemory);
  ::signal(SIGPIPE, SIG_DFL);
  if (::dup2(out, STDOUT_FILENO) < 0 || ::dup2(said, STDERR_FILENO) < 0) {
    ::_exit(kNoSuchProgram);
  }
  // A server that is spoken to in secret does not send us to one that is not.
  const std::string schemes = url.starts_with("https://") ? "=https" : "=http,https";
  std::vector<std::string> words = {path,
                                    "--disable",
                                    "--silent",
                                    "--show-error",
                                    "--fail",
                                    "--globoff",
                                    "--location",
                                    "--max-redirs",
                                    "4",
                                    "--proto",
                                    schemes,
                                    "--proto-redir",
                                    schemes,
                                    "--user-agent",
                                    "sonde",
                                    "--connect-timeout",
                                    std::to_string(std::min(kConnectSeconds, limits.seconds)),
                                    "--speed-limit",
                                    "1",
                                    "--speed-time",
                                    std::to_string(kSilentSeconds),
                                    "--max-time",
                                    std::to_string(limits.seconds),
                                    "--max-filesize",
                                    std::to_string(limits.bytes),
                                    "--url",
                                    url};
  std::vector<std::string> told = {"PATH=/usr/bin:/bin", "LC_ALL=C"};
  for (const char* name : kTold) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): it is alone
    if (const char* value = std::getenv(name); value != nullptr) {
      told.push_back(fmt::format("{}={}", name, value));
    }
  }
  const auto pointers = [](std::vector<std::string>& texts) {
    std::vector<char*> out_pointers;
    out_pointers.reserve(texts.size() + 1);
    for (std::string& each : texts) {
      out_pointers.push_back(each.data());
    }
    out_pointers.push_back(nullptr);
    return out_pointers;
  };
  ::execve(path, pointers(words).data(), pointers(told).data());
  ::_exit(kNoSuchProgram);
}

// Reads what it says until it is silent for good; kills it if that is not soon enough, or nobody
// waits for it any more. (A parent of another user may not have it killed when it ends.)
CurlEnd wait_for(pid_t child, const Fd& says, uint32_t seconds, int owner) {
  CurlEnd end;
  const uint64_t deadline = monotonic_ns() + seconds * kSecondNs;
  while (true) {
    const uint64_t now = monotonic_ns();
    pollfd ready[] = {{.fd = says.get(), .events = POLLIN, .revents = 0},
                      {.fd = owner, .events = POLLRDHUP, .revents = 0}};
    const int left = now < deadline ? static_cast<int>((deadline - now) / kMillisecondNs) + 1 : 0;
    const int found = ::poll(ready, std::size(ready), left);
    if (found < 0 && errno == EINTR) {
      continue;
    }
    end.late = found <= 0 || ready[0].revents == 0;
    std::array<char, kMaxSaid> piece{};
    const ssize_t n = end.late ? 0 : ::read(says.get(), piece.data(), piece.size());
    if (n <= 0) {
      break;
    }
    end.said.append(piece.data(), std::min(static_cast<size_t>(n), kMaxSaid - end.said.size()));
  }
  ::kill(child, SIGKILL);  // it has ended, or it is late; nobody has waited for it yet
  while (::waitpid(child, &end.status, 0) < 0 && errno == EINTR) {
  }
  return end;
}

CurlEnd run_curl(const char* path, const std::string& url, int out, const Limits& limits,
                 int owner) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    return {.status = -1, .late = false, .said = "no pipe"};
  }
  const Fd says(ends[0]);
  Fd said(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) {
    return {.status = -1, .late = false, .said = "no process"};
  }
  if (child == 0) {
    be_curl(path, url, out, said.get(), limits);
  }
  said.reset();
  return wait_for(child, says, limits.seconds + kGraceSeconds, owner);
}

// "curl: (22) The requested URL returned error: 404"
int http_error(std::string_view said) {
  constexpr std::string_view kBefore = "returned error: ";
  const size_t at = said.find(kBefore);
  int code = 0;
  if (at != std::string_view::npos) {
    said.remove_prefix(at + kBefore.size());
    std::from_chars(said.data(), said.data() + said.size(), code);
  }
  return code;
}

Fetcher::Got meaning_of(const CurlEnd& end, const std::string& server, const Limits& limits) {
  using What = Fetcher::What;
  constexpr int kTooLarge = 63;
  constexpr int kLate = 28;
  constexpr int kNotFound = 404;
  constexpr int kGone = 410;
  const bool exited = WIFEXITED(end.status);
  const int code = exited ? WEXITSTATUS(end.status) : -1;
  if (code == 0 && !end.late) {
    return {.what = What::kWhole, .why = {}};
  }
  if (const int error = http_error(end.said); error == kNotFound || error == kGone) {
    return {.what = What::kAbsent, .why = {}};
  }
  std::string why;
  if (code == kTooLarge || (!exited && WTERMSIG(end.status) == SIGXFSZ)) {
    why = fmt::format("is larger than {} MiB", std::max<uint64_t>(limits.bytes >> 20, 1));
  } else if (end.late || code == kLate) {
    why = fmt::format("took too long ({} s)", limits.seconds);
  } else if (code == kNoSuchProgram) {
    why = "curl could not be started";
  } else {
    const std::string_view said = end.said;
    why = said.empty() ? "curl ended" : said.substr(0, said.find('\n'));
  }
  return {.what = What::kFailed, .why = fmt::format("{}: {}", server, why)};
}

Fetcher::Got ask_all(const char* curl, const FetchOptions& options, std::string_view build_id,
                     int out, uint32_t seconds, int owner) {
  const uint64_t began = monotonic_ns();
  Fetcher::Got got{.what = Fetcher::What::kAbsent, .why = {}};
  for (const std::string& server : options.servers) {
    const auto passed = static_cast<uint32_t>((monotonic_ns() - began) / kSecondNs);
    if (passed >= seconds) {
      return {.what = Fetcher::What::kFailed, .why = "other servers took too long"};
    }
    const Limits limits{.seconds = seconds - passed, .bytes = options.bytes};
    const std::string url =
        fmt::format("{}{}buildid/{}/debuginfo", server, server.ends_with('/') ? "" : "/", build_id);
    auto one = meaning_of(run_curl(curl, url, out, limits, owner), server, limits);
    if (one.what == Fetcher::What::kWhole) {
      return one;
    }
    if (::ftruncate(out, 0) != 0 || ::lseek(out, 0, SEEK_SET) != 0) {
      return {.what = Fetcher::What::kFailed, .why = "no room to keep it"};
    }
    if (one.what == Fetcher::What::kFailed) {
      got = std::move(one);
    }
  }
  return got;
}

[[noreturn]] void serve(int socket, const FetchOptions& options) {
  ::prctl(PR_SET_NAME, "sonde-fetch");
  // Whoever waits for our parent to end shall not wait for us.
  const auto own = static_cast<unsigned>(socket);
  ::syscall(SYS_close_range, STDERR_FILENO + 1u, own - 1, 0);
  ::syscall(SYS_close_range, own + 1, ~0u, 0);
  std::string wrong = become_nobody();
  const char* const curl = find_curl();
  if (wrong.empty() && curl == nullptr) {
    wrong = "there is no curl on this host, which asks servers";
  }
  send(socket, 0, wrong);
  while (wrong.empty()) {
    const auto request = receive(socket, -1);
    if (!request) {
      break;
    }
    const auto got =
        ask_all(curl, options, request->text, request->files[0].get(), request->kind, socket);
    if (!send(socket, static_cast<uint32_t>(got.what), got.why)) {
      break;
    }
  }
  ::_exit(EXIT_SUCCESS);
}

}  // namespace

Result<Fetcher> Fetcher::start(const FetchOptions& options) {
  constexpr int kStartMs = 10'000;
  auto ends = socket_pair();
  if (!ends) {
    return std::unexpected(ends.error());
  }
  const pid_t child = ::fork();
  if (child < 0) {
    return fail_errno("start the process that asks servers", errno);
  }
  if (child == 0) {
    ends->first.reset();
    serve(ends->second.get(), options);
  }
  ends->second.reset();
  Fetcher out(std::move(ends->first), child);
  const auto ready = receive(out.socket_.get(), kStartMs);
  if (!ready || !ready->text.empty()) {
    return fail(ready ? ready->text : "the process that asks servers did not start");
  }
  return out;
}

Fetcher::Fetcher(Fetcher&& other) noexcept
    : socket_(std::move(other.socket_)), child_(std::exchange(other.child_, 0)) {}

Fetcher::~Fetcher() {
  socket_.reset();
  if (child_ > 0) {
    ::kill(child_, SIGKILL);
    while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
}

Fetcher::Got Fetcher::fetch(std::string_view build_id, const Fd& out, uint32_t seconds, int owner) {
  const auto failed = [&](std::string why) {
    socket_.reset();  // what it may still answer would be of another question
    return Got{.what = What::kFailed, .why = std::move(why)};
  };
  if (!socket_.ok() || !send(socket_.get(), seconds, build_id, {out.get(), -1})) {
    return failed("the process that asks servers is gone");
  }
  const uint64_t deadline = monotonic_ns() + (seconds + 2 * kGraceSeconds) * kSecondNs;
  while (true) {
    pollfd ready[] = {{.fd = socket_.get(), .events = POLLIN, .revents = 0},
                      {.fd = owner, .events = POLLRDHUP, .revents = 0}};
    const uint64_t now = monotonic_ns();
    const int left = now < deadline ? static_cast<int>((deadline - now) / kMillisecondNs) + 1 : 0;
    const int found = ::poll(ready, std::size(ready), left);
    if (found < 0 && errno == EINTR) {
      continue;
    }
    if (found <= 0 || ready[0].revents == 0) {
      return failed(found > 0 ? "nobody waits for it" : "the process that asks servers hangs");
    }
    auto answer = receive(socket_.get(), 0);
    if (!answer) {
      return failed("the process that asks servers ended");
    }
    return {.what = static_cast<What>(answer->kind), .why = std::move(answer->text)};
  }
}

}  // namespace sonde::extraction
