// SPDX-License-Identifier: Apache-2.0
#include "tests/bpf/harness.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>

namespace sonde {
namespace {

constexpr int kPatienceMs = 60'000;  // for a scenario; only a failure waits so long
constexpr int kSettlingMs = 3'000;   // for the last records
constexpr unsigned kScenarioSeconds = 60;

std::string quoted(std::span<const uint8_t> bytes) {
  constexpr size_t kShown = 64;
  if (bytes.size() > kShown) {
    return fmt::format("[{}]", bytes.size());
  }
  return fmt::format("'{}'",
                     std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

const char* word(Direction direction) { return direction == Direction::kIn ? "in" : "out"; }

Fd listen_on(int family, uint16_t* port) {
  Fd fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 address{};
  socklen_t size = family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  generic->sa_family =
      static_cast<sa_family_t>(family);  // the address stays "any": v4-mapped ones come in too
  if (bind(fd.get(), generic, size) != 0 || listen(fd.get(), 64) != 0 ||
      getsockname(fd.get(), generic, &size) != 0) {
    ADD_FAILURE() << "no listener";
  }
  *port = ntohs(address.sin6_port);
  return fd;
}

// A free port that nobody listens on.
uint16_t free_port() {
  uint16_t port = 0;
  listen_on(AF_INET, &port);
  return port;
}

uint32_t network_namespace() {
  struct stat facts{};
  EXPECT_EQ(stat("/proc/self/ns/net", &facts), 0);
  return static_cast<uint32_t>(facts.st_ino);
}

bool balanced(const KernelCounts& c) {
  return c[SONDE_COUNT_calls_seen] == c[SONDE_COUNT_calls_shipped] + c[SONDE_COUNT_calls_counted] +
                                          c[SONDE_COUNT_calls_off] + c[SONDE_COUNT_calls_lost] +
                                          c[SONDE_COUNT_calls_unreadable] &&
         c[SONDE_COUNT_bytes_seen] == c[SONDE_COUNT_bytes_shipped] + c[SONDE_COUNT_bytes_cut] +
                                          c[SONDE_COUNT_bytes_off] + c[SONDE_COUNT_bytes_lost] +
                                          c[SONDE_COUNT_bytes_unreadable] &&
         c[SONDE_COUNT_calls_unreadable] ==
             c[SONDE_COUNT_unreadable_file] + c[SONDE_COUNT_unreadable_many] +
                 c[SONDE_COUNT_unreadable_truncated] + c[SONDE_COUNT_unreadable_context] +
                 c[SONDE_COUNT_unreadable_fault];
}

std::string told_counts(const KernelCounts& c) {
  std::string out;
#define X(name, help) out += fmt::format("  {} {}\n", #name, c[SONDE_COUNT_##name]);
  SONDE_KERNEL_COUNTERS(X)
#undef X
  return out;
}

}  // namespace

std::vector<size_t> doors_under_test() {
  const bool functions = std::getenv("SONDE_TEST_FUNCTIONS") != nullptr;
  std::vector<size_t> doors;
  for (size_t i = 0; i < door_kinds().size(); i++) {
    if (functions || !door_kinds()[i].name.starts_with("fexit")) {
      doors.push_back(i);
    }
  }
  return doors;
}

std::string door_of_suite(const testing::TestParamInfo<size_t>& door) {
  std::string name(door_kinds()[door.param].name);
  for (char& c : name) {
    c = c == '-' ? '_' : c;
  }
  return name;
}

void Collector::record(std::span<const uint8_t> bytes) {
  read++;
  if (decode_to(bytes, *this) != DecodeStep::kOk) {
    undecoded++;
  }
}

ToldEnd* Collector::end_of(ConnectionId id) {
  return only_namespace != 0 && !ends.contains(id) ? nullptr : &ends[id];
}

void Collector::on(const ConnectionOpened& event) {
  if (only_namespace != 0 && only_namespace != event.network_namespace) {
    return;
  }
  ToldEnd& end = ends[event.connection];
  end.opened = event;
  end.unix_name = event.unix_name;
  order.push_back(event.connection);
}

void Collector::on(const DataMoved& event) {
  ToldEnd* const found = end_of(event.connection);
  if (found == nullptr) {
    return;
  }
  ToldEnd& end = *found;
  const auto d = static_cast<size_t>(event.direction);
  if (event.new_turn) {
    end.text += fmt::format("turn {} ", event.state.turn);
  }
  end.text += fmt::format("{} @{} {}", word(event.direction), event.position, event.bytes);
  if (!event.captured.empty()) {
    end.text += ' ' + quoted(event.captured);
  }
  if (event.new_turn && event.state.turn > 1) {
    end.text += fmt::format(" after {}", event.state.last_turn_bytes);
  }
  if (event.unreadable) {
    end.text += " unreadable";
  }
  if (event.unread) {
    end.text += " unread";
    end.unread++;
  }
  if (event.state.lost_records != 0) {
    end.text += fmt::format(" lost {}", event.state.lost_records);
  }
  end.text += '\n';
  end.captured[d].append(reinterpret_cast<const char*>(event.captured.data()),
                         event.captured.size());
  end.bytes[d] += event.bytes;
  end.pids.push_back(static_cast<uint32_t>(event.pid));
  end.lost_records = event.state.lost_records;
}

void Collector::on(const TurnProgress& event) {
  if (ToldEnd* const end = end_of(event.connection)) {
    end->text += fmt::format("progress {} @{} {}\n", word(event.direction), event.position,
                             event.turn_bytes);
  }
}

void Collector::on(const ConnectionClosed& event) {
  ToldEnd* const found = end_of(event.connection);
  if (found == nullptr) {
    return;
  }
  ToldEnd& end = *found;
  end.closed = true;
  end.close = event;
  end.lost_records = event.state.lost_records;
  end.text += fmt::format("close in {} out {} after {}", event.position_in, event.position_out,
                          event.state.last_turn_bytes);
  end.text += event.reset ? " reset" : "";
  end.text += event.timeout ? " timeout" : "";
  if (event.state.lost_records != 0) {
    end.text += fmt::format(" lost {}", event.state.lost_records);
  }
  end.text += '\n';
}

void Collector::on(const ProcessChanged& event) {
  const auto pid = static_cast<uint32_t>(event.pid);
  switch (event.change) {
    case ProcessChange::kFork:
      processes.push_back(fmt::format("fork {} of {}", pid, static_cast<uint32_t>(event.parent)));
      return;
    case ProcessChange::kExec:
      processes.push_back(fmt::format("exec {} {}", pid, event.name));
      return;
    case ProcessChange::kExit:
      processes.push_back(fmt::format("exit {}", pid));
  }
}

void BpfTest::SetUp() {
  SONDE_NEEDS_ROOT();
  options_.door = door_kinds()[GetParam()].choice;
  listener_ = listen_on(AF_INET, &port_);
  listener6_ = listen_on(AF_INET6, &port6_);
  client_port_ = free_port();
  if (watch_at_once_) {
    watch();
  }
}

void BpfTest::TearDown() {
  if (child_ > 0) {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  if (kernel_ && !IsSkipped()) {
    expect_balance();
  }
}

void BpfTest::watch() {
  auto kernel = KernelSide::open(options_);
  ASSERT_TRUE(kernel) << kernel.error().what;
  kernel_ = std::move(*kernel);
  EXPECT_TRUE(kernel_->warnings().empty()) << kernel_->warnings()[0];
  // Whatever else this host does stays out of the way.
  std::bitset<65536> off;
  off.set();
  off.reset(port_).reset(port6_).reset(client_port_);
  for (const uint16_t port : more_ports_) {
    off.reset(port);
  }
  off.set(0, !watch_unix_);
  ASSERT_TRUE(kernel_->set_ports_off(off));
  ASSERT_TRUE(kernel_->start(told_));
  // What was sent and not read by us was read by the self-test. Processes of the host begin and end
  // meanwhile.
  for (;;) {
    const uint64_t before = (*kernel_->counters())[SONDE_COUNT_records_sent];
    drain();
    at_start_ = *kernel_->counters();
    if (before == at_start_[SONDE_COUNT_records_sent]) {
      break;
    }
  }
  sent_before_ = at_start_[SONDE_COUNT_records_sent] - told_.read;
}

void BpfTest::run(const Scenario& scenario) {
  begin(scenario);
  finish();
}

void BpfTest::begin(const Scenario& scenario) {
  int out[2];
  int in[2];
  ASSERT_EQ(pipe2(out, O_CLOEXEC), 0);
  ASSERT_EQ(pipe2(in, O_CLOEXEC), 0);
  (void)signal(SIGPIPE, SIG_IGN);  // of a scenario that ended: a failure, and others go on
  child_ = fork();
  ASSERT_GE(child_, 0);
  if (child_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)signal(SIGPIPE, SIG_DFL);
    alarm(kScenarioSeconds);
    close(out[0]);
    close(in[1]);
    if (watch_unix_) {
      MUST(unshare(CLONE_NEWNET) == 0);
      const uint32_t here = network_namespace();
      MUST(write(out[1], &here, sizeof(here)) == sizeof(here));
    }
    scenario(Wire(listener_.get(), listener6_.get(), client_port_, out[1], in[0]));
    _exit(0);
  }
  close(out[1]);
  close(in[0]);
  from_child_.reset(out[0]);
  to_child_.reset(in[1]);
  if (watch_unix_) {
    uint32_t& there = told_.only_namespace;
    ASSERT_EQ(read(from_child_.get(), &there, sizeof(there)), ssize_t{sizeof(there)});
  }
}

void BpfTest::reach_pause() {
  for (int waited = 0; waited < kPatienceMs; waited++) {
    pollfd readable{from_child_.get(), POLLIN, 0};
    if (poll(&readable, 1, 1) == 1) {
      char byte = 0;
      ASSERT_EQ(read(from_child_.get(), &byte, 1), 1) << "the scenario ended before its pause";
      drain();
      return;
    }
    drain();
  }
  FAIL() << "the scenario does not reach its pause";
}

void BpfTest::resume() { ASSERT_EQ(write(to_child_.get(), "r", 1), 1); }

void BpfTest::finish() {
  bool ended = false;
  for (int waited = 0; waited < kPatienceMs && !ended; waited++) {
    ended = child_ended();
    drain();
    usleep(1000);
  }
  ASSERT_TRUE(ended) << "the scenario does not end";
  draining_ = true;
  settle();
}

bool BpfTest::child_ended() {
  int status = 0;
  if (waitpid(child_, &status, WNOHANG) != child_) {
    return false;
  }
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0)
      << "the scenario failed, status " << status;
  child_ = -1;
  return true;
}

// Until each connection that opened has closed.
void BpfTest::settle() {
  for (int waited = 0; waited < kSettlingMs; waited++) {
    sweep_unix();
    drain();
    bool open = false;
    for (const auto& [id, end] : told_.ends) {
      open = open || !end.closed;
    }
    if (!open) {
      return;
    }
    usleep(1000);
  }
}

void BpfTest::drain() {
  if (draining_ && kernel_) {
    kernel_->drain(65536);
    if (kernel_->has_waiting_ends()) {
      kernel_->tell_waiting_ends(told_);
    }
  }
}

void BpfTest::sweep_unix() {
  if (watch_unix_) {
    ASSERT_TRUE(kernel_->sweep_unix(told_));
  }
}

const ToldEnd& BpfTest::client(size_t nth) { return end_of(Role::kClient, nth); }
const ToldEnd& BpfTest::server(size_t nth) { return end_of(Role::kServer, nth); }

const ToldEnd& BpfTest::end_of(Role role, size_t nth) {
  static const ToldEnd none;
  for (const ConnectionId id : told_.order) {
    const ToldEnd& end = told_.ends[id];
    if (end.opened.role == role && nth-- == 0) {
      return end;
    }
  }
  ADD_FAILURE() << "no such end was told; there are " << told_.ends.size();
  return none;
}

uint64_t BpfTest::counted(sonde_kernel_counter counter) {
  return (*kernel_->counters())[counter] - at_start_[counter];
}

void BpfTest::expect_joined(const ToldEnd& a, const ToldEnd& b) {
  EXPECT_EQ(a.opened.sequence_in, b.opened.sequence_out);
  EXPECT_EQ(a.opened.sequence_out, b.opened.sequence_in);
  EXPECT_EQ(a.opened.near_end, b.opened.far_end);
  EXPECT_EQ(a.opened.far_end, b.opened.near_end);
  EXPECT_NE(a.opened.near_end, 0u);
  EXPECT_EQ(a.opened.local, b.opened.remote);
  EXPECT_EQ(a.opened.remote, b.opened.local);
  EXPECT_EQ(a.opened.network_namespace, b.opened.network_namespace);
  EXPECT_NE(a.opened.connection, b.opened.connection);
}

// Other connections of this host, although not watched, are being counted meanwhile: each instant
// may show a call half booked. A book that is wrong stays so.
void BpfTest::expect_balance() {
  KernelCounts counts{};
  bool even = false;
  bool all_read = false;
  for (int tries = 0; tries < 1000 && !(even && all_read); tries++) {
    counts = *kernel_->counters();
    even = even || balanced(counts);
    drain();
    all_read = all_read || sent_before_ + told_.read ==
                               counts[SONDE_COUNT_records_sent] + counts[SONDE_COUNT_records_swept];
    usleep(1000);
  }
  EXPECT_TRUE(even) << "the ledger does not balance:\n" << told_counts(counts);
  EXPECT_TRUE(all_read) << "read " << sent_before_ + told_.read << " records; the ledger:\n"
                        << told_counts(counts);
  EXPECT_EQ(told_.undecoded, 0u);
}

}  // namespace sonde
