// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/feature_checks.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "exporters/web/listen.h"
#include "userspace/sources/decode.h"

namespace sonde::cli {
namespace {

constexpr size_t kMostShown = 5;    // process ids in a finding
constexpr int kPatienceMs = 2'000;  // what the kernel side may take to tell of a child

Check ok(std::string_view name, std::string finding) {
  return {.name = std::string(name),
          .state = CheckState::kOk,
          .finding = std::move(finding),
          .affects = {},
          .remedy = {}};
}

Check not_ok(std::string_view name, CheckState state, std::string finding, std::string affects,
             std::string remedy) {
  return {.name = std::string(name),
          .state = state,
          .finding = std::move(finding),
          .affects = std::move(affects),
          .remedy = std::move(remedy)};
}

// Waits for the news of one process.
class NewsOf : public RecordReader {
 public:
  explicit NewsOf(uint32_t pid) : pid_(pid) {}
  void record(std::span<const uint8_t> bytes) override { decode_to(bytes, *this); }
  void on(const ProcessChanged& change) {
    if (change.pid == Pid{pid_}) {
      begun_ |= change.change == ProcessChange::kFork;
      ended_ |= change.change == ProcessChange::kExit;
    }
  }
  void on(const auto& /*other*/) {}
  bool complete() const { return begun_ && ended_; }
  void look_for(uint32_t pid) { pid_ = pid; }

 private:
  uint32_t pid_;
  bool begun_ = false;
  bool ended_ = false;
};

// The child that is to be told of waits for the end of a pipe, so that its number is known first.
class Child {
 public:
  Child() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) {
      return;
    }
    const Fd wait_end(ends[0]);
    go_ = Fd(ends[1]);
    pid_ = fork();
    if (pid_ == 0) {
      close(ends[1]);
      char byte = 0;
      (void)!read(ends[0], &byte, 1);
      _exit(0);
    }
  }
  ~Child() { end(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  void end() {
    go_ = Fd();
    if (pid_ > 0) {
      waitpid(pid_, nullptr, 0);
      pid_ = -1;
    }
  }

 private:
  Fd go_;
  pid_t pid_ = -1;
};

}  // namespace

Check new_processes_check(KernelSide& kernel) {
  constexpr std::string_view kName = "new processes";
  constexpr std::string_view kAffects =
      "names of processes that live for moments; others are found when they first speak";
  for (const std::string& warning : kernel.warnings()) {
    if (warning.starts_with("new processes")) {
      return not_ok(kName, CheckState::kDegraded, warning, std::string(kAffects),
                    "let it attach raw tracepoints (CAP_BPF, CAP_PERFMON)");
    }
  }
  NewsOf news(0);
  if (auto started = kernel.start(news); !started) {
    return not_ok(kName, CheckState::kUnknown, started.error().what, "", "");
  }
  kernel.set_reader_state(SONDE_READER_IDLE);
  Child child;
  if (child.pid() < 0) {
    return not_ok(kName, CheckState::kUnknown, "no child could be started", "", "");
  }
  news.look_for(static_cast<uint32_t>(child.pid()));
  child.end();
  pollfd readable{.fd = kernel.poll_fd(), .events = POLLIN, .revents = 0};
  for (int left = kPatienceMs; left > 0 && !news.complete(); left -= 10) {
    kernel.set_reader_state(SONDE_READER_IDLE);
    poll(&readable, 1, 10);
    kernel.drain(65536);
  }
  return news.complete() ? ok(kName, "told at once, named even if they live for milliseconds")
                         : not_ok(kName, CheckState::kDegraded, "a child of ours was not told of",
                                  std::string(kAffects), "see `process ids`");
}

Check names_check(const ProcRoot& proc) {
  constexpr std::string_view kName = "names";
  size_t programs = 0;
  size_t nameless = 0;
  std::string first;  // of them
  const auto miss = [&](Pid pid) {
    if (nameless++ < kMostShown) {
      first += fmt::format("{}{}", first.empty() ? "" : ", ", static_cast<uint32_t>(pid));
    }
  };
  const auto visited = proc.for_each([&](Pid pid) {
    const auto process = proc.read(pid);
    if (!process) {
      if (process.error() == ProcFailure::kDenied) {
        ++programs;
        miss(pid);
      }
    } else if (!process->command_line.empty()) {  // not a thread of the kernel's
      ++programs;
      if (process->executable.empty()) {
        miss(pid);
      }
    }
    return true;
  });
  if (!visited) {
    return not_ok(kName, CheckState::kBlocked, visited.error().what, "the names of all services",
                  "mount /proc");
  }
  if (nameless == 0) {
    return ok(kName, fmt::format("all {} programs that run now can be read", programs));
  }
  return not_ok(kName, CheckState::kDegraded,
                fmt::format("{} of {} programs that run now cannot be read: {}{}", nameless,
                            programs, first, nameless > kMostShown ? " ..." : ""),
                "their services have the kernel's short names",
                "grant CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH; mount /proc without hidepid");
}

Check declared_names_check(const ProcRoot& proc) {
  constexpr std::string_view kName = "declared names";
  size_t programs = 0;
  size_t shut = 0;
  const auto visited = proc.for_each([&](Pid pid) {
    const auto process = proc.read(pid);
    if (process && !process->command_line.empty()) {
      ++programs;
      shut += proc.may_read_environment(pid) ? 0 : 1;
    }
    return true;
  });
  if (!visited || shut == 0) {
    return ok(kName, "the environment of every program can be read");
  }
  return not_ok(kName, CheckState::kDegraded,
                fmt::format("the environment of {} of {} programs cannot be read", shut, programs),
                "names and labels that they declare by OpenTelemetry's variables, if Sonde started "
                "later than they",
                "grant CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH");
}

Check process_ids_check(uint32_t known_as, uint32_t own) {
  constexpr std::string_view kName = "process ids";
  if (known_as == own) {
    return ok(kName, "/proc and the kernel side count alike");
  }
  return not_ok(kName, CheckState::kBlocked,
                fmt::format("the kernel side knows us as {}, /proc as {}: we are in a container "
                            "with processes of its own",
                            known_as, own),
                "the names of all services", "let it see the host's processes (hostPID: true)");
}

Check metrics_check(std::string_view listen) {
  constexpr std::string_view kName = "metrics";
  const auto listener = web::listen_on(listen);
  if (listener) {
    return ok(kName, fmt::format("{} is free", listen));
  }
  return not_ok(kName, CheckState::kBlocked, listener.error().what, "everything that is served",
                listener.error().code == EACCES
                    ? "choose one from 1024 on with --listen, or grant CAP_NET_BIND_SERVICE"
                    : "choose another with --listen, or end who has it");
}

Check company_check(const ProcRoot& proc, uint32_t own) {
  constexpr std::string_view kName = "company";
  std::string others;
  (void)proc.for_each([&](Pid pid) {
    if (pid != Pid{own}) {
      if (const auto process = proc.read(pid); process && process->executable.ends_with("/sonde")) {
        others += fmt::format("{}{}", others.empty() ? "" : ", ", static_cast<uint32_t>(pid));
      }
    }
    return true;
  });
  if (others.empty()) {
    return ok(kName, "no other Sonde runs");
  }
  return not_ok(kName, CheckState::kDegraded, fmt::format("another Sonde runs: {}", others),
                "nothing, but every request is paid for twice",
                "end one, or let each watch its own (--include)");
}

}  // namespace sonde::cli
