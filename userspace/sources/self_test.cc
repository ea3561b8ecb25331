// SPDX-License-Identifier: Apache-2.0
#include "userspace/sources/self_test.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <string_view>

#include "userspace/base/fd.h"
#include "userspace/kernel/ring.h"
#include "userspace/sources/decode.h"
#include "userspace/sources/self_test_calls.h"

namespace sonde {
namespace {

// First the client, then the server's end.
using Pair = std::pair<Fd, Fd>;

Result<Pair> connect_and_accept(int family, const Fd& listener, const sockaddr* to,
                                socklen_t size) {
  Fd client(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!client.ok() || connect(client.get(), to, size) != 0) {
    return fail_errno("connect", errno);
  }
  Fd server(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!server.ok()) {
    return fail_errno("accept", errno);
  }
  return Pair(std::move(client), std::move(server));
}

// On loopback.
Result<Pair> connect_tcp(ControlPage& control) {
  const Fd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (!listener.ok() || bind(listener.get(), generic, size) != 0 ||
      listen(listener.get(), 1) != 0 || getsockname(listener.get(), generic, &size) != 0) {
    return fail_errno("listen on loopback", errno);
  }
  control.set_only_port(ntohs(address.sin_port));
  return connect_and_accept(AF_INET, listener, generic, size);
}

Result<uint32_t> inode_of(const Fd& fd) {
  struct stat facts{};
  if (fstat(fd.get(), &facts) != 0) {
    return fail_errno("stat of a socket", errno);
  }
  return static_cast<uint32_t>(facts.st_ino);
}

// On an abstract name of the kernel's choice, which is told.
Result<Pair> connect_unix(ControlPage& control, std::string& name) {
  const Fd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof(address.sun_family);
  if (!listener.ok() || bind(listener.get(), generic, size) != 0 ||
      listen(listener.get(), 1) != 0) {
    return fail_errno("listen", errno);
  }
  size = sizeof(address);
  if (getsockname(listener.get(), generic, &size) != 0) {
    return fail_errno("the name of a socket", errno);
  }
  name.assign(address.sun_path, size - sizeof(address.sun_family));
  auto pair = connect_and_accept(AF_UNIX, listener, generic, size);
  if (!pair) {
    return pair;
  }
  const auto client = inode_of(pair->first);
  const auto server = inode_of(pair->second);
  if (!client || !server) {
    return std::unexpected(client ? server.error() : client.error());
  }
  control.set_only_unix({*client, *server});
  return pair;
}

// What one end told.
struct End {
  ConnectionOpened opened;  // without its name
  std::string unix_name;
  std::vector<DataMoved> moved;
  std::vector<std::string> payloads;
  bool closed = false;
};

class Collector : public RecordReader {
 public:
  void record(std::span<const uint8_t> bytes) override {
    records_++;
    if (decode_to(bytes, *this) != DecodeStep::kOk) {
      undecoded_++;
    }
  }
  void on(const ConnectionOpened& event) {
    End& end = ends_[event.connection];
    end.opened = event;
    end.unix_name = event.unix_name;
    end.opened.unix_name = {};
  }
  void on(const DataMoved& event) {
    End& end = ends_[event.connection];
    end.moved.push_back(event);
    end.payloads.emplace_back(reinterpret_cast<const char*>(event.captured.data()),
                              event.captured.size());
  }
  void on(const TurnProgress&) {}
  void on(const ConnectionClosed& event) { ends_[event.connection].closed = true; }
  void on(const ProcessChanged&) {}

  const End* of(Role role) const {
    for (const auto& [id, end] : ends_) {
      if (end.opened.role == role) {
        return &end;
      }
    }
    return nullptr;
  }
  bool both_closed() const {
    const End* client = of(Role::kClient);
    const End* server = of(Role::kServer);
    return client != nullptr && server != nullptr && client->closed && server->closed;
  }
  size_t ends() const { return ends_.size(); }
  size_t undecoded() const { return undecoded_; }
  void forget_ends() { ends_.clear(); }
  uint64_t records() const { return records_; }

 private:
  std::map<ConnectionId, End> ends_;
  size_t undecoded_ = 0;
  uint64_t records_ = 0;
};

// Moves two messages by each of the calls, one in each direction. Returns them.
Result<std::vector<std::string>> converse(const Pair& pair, std::span<const Trial> trials) {
  std::vector<std::string> messages;
  const int fds[2] = {pair.first.get(), pair.second.get()};
  for (const Trial& trial : trials) {
    for (int from = 0; from < 2; from++) {
      messages.push_back(fmt::format("sonde self-test {} by {}", messages.size(), trial.name));
      if (!trial.send(fds[from], messages.back()) ||
          !trial.receive(fds[1 - from], messages.back().size())) {
        return fail_errno(fmt::format("exchange by {}", trial.name), errno);
      }
    }
  }
  return messages;
}

// Compares what one end told with what it did. asks: it sent the odd messages (1st, 3rd ...).
std::string check_end(const End& end, std::span<const Trial> trials,
                      const std::vector<std::string>& messages, bool asks, size_t& checks) {
  auto wrong = [&](size_t i, const char* fact) {
    return fmt::format("{} end, message {} ({}): {}", asks ? "client" : "server", i,
                       trials[i / 2].name, fact);
  };
  if (end.moved.size() != messages.size()) {
    return fmt::format("{} end told {} calls instead of {}", asks ? "client" : "server",
                       end.moved.size(), messages.size());
  }
  uint64_t positions[2] = {0, 0};
  for (size_t i = 0; i < messages.size(); i++) {
    const DataMoved& moved = end.moved[i];
    const bool sent = (i % 2 == 0) == asks;
    const size_t size = messages[i].size();
    if (moved.direction != (sent ? Direction::kOut : Direction::kIn)) {
      return wrong(i, "wrong direction");
    }
    if (moved.bytes != size || moved.position != positions[sent]) {
      return wrong(i, "wrong length or position");
    }
    positions[sent] += size;
    if (sent && !trials[i / 2].readable) {
      if (!moved.unreadable || !moved.captured.empty()) {
        return wrong(i, "bytes of a file were told");
      }
    } else if (end.payloads[i] != messages[i]) {
      return wrong(i, "other bytes than were moved");
    }
    if (!moved.new_turn || moved.state.turn != i + 1 ||
        (i > 0 && moved.state.last_turn_bytes != messages[i - 1].size())) {
      return wrong(i, "wrong turn");
    }
    checks += 4;
  }
  if (!end.closed) {
    return "the end of the connection was not told";
  }
  return {};
}

// Takes what the ring holds until both ends are over. The last end of TCP is destroyed when the
// kernel has exchanged both FINs: at once, but not in our call.
void collect(Ring& ring, const Collector& collector) {
  for (int tries = 0; tries < 100; tries++) {
    ring.drain();
    if (collector.both_closed()) {
      return;
    }
    usleep(1000);
  }
}

// What both ends told of all that was moved; and that they tell of one connection.
Result<> check_ends(const Collector& collector, std::span<const Trial> trials,
                    const std::vector<std::string>& messages, size_t& checks) {
  const End* client = collector.of(Role::kClient);
  const End* server = collector.of(Role::kServer);
  if (client == nullptr || server == nullptr || collector.ends() != 2 ||
      collector.undecoded() != 0) {
    return fail(
        fmt::format("{} ends of one connection were told instead of a client's and a server's",
                    collector.ends()));
  }
  for (const End* end : {client, server}) {
    const std::string wrong = check_end(*end, trials, messages, end == client, checks);
    if (!wrong.empty()) {
      return fail(wrong);
    }
  }
  if (client->opened.near_end == 0 || client->opened.near_end != server->opened.far_end ||
      client->opened.far_end != server->opened.near_end) {
    return fail("the two ends do not join");
  }
  checks += 2;
  return {};
}

Result<> prove_tcp(Ring& ring, const Collector& collector, ControlPage& control,
                   SelfTestReport& report) {
  std::vector<std::string> messages;
  {
    auto pair = connect_tcp(control);
    if (!pair) {
      return with_context("loopback", pair.error());
    }
    auto moved = converse(*pair, tcp_trials());
    if (!moved) {
      return with_context("loopback", moved.error());
    }
    messages = std::move(*moved);
    tempt(pair->first.get());
    // Both close with nothing unread, the client first: no time-wait holds the server's end.
  }
  collect(ring, collector);
  if (auto checked = check_ends(collector, tcp_trials(), messages, report.checks); !checked) {
    return checked;
  }
  const End* client = collector.of(Role::kClient);
  const End* server = collector.of(Role::kServer);
  if (client->opened.local.port != server->opened.remote.port || client->opened.midway ||
      server->opened.midway) {
    return fail("wrong addresses");
  }
  report.checks++;
  report.self = static_cast<uint32_t>(client->opened.pid);
  return {};
}

Result<> prove_unix(Ring& ring, const Collector& collector, ControlPage& control,
                    SelfTestReport& report) {
  std::string name;
  std::vector<std::string> messages;
  {
    auto pair = connect_unix(control, name);
    if (!pair) {
      return std::unexpected(pair.error());
    }
    auto moved = converse(*pair, unix_trials());
    if (!moved) {
      return std::unexpected(moved.error());
    }
    messages = std::move(*moved);
    // Who reads on to the end tells that of both.
    pair->first = Fd();
    char nothing = 0;
    if (read(pair->second.get(), &nothing, 1) != 0) {
      return fail("no end of the stream");
    }
  }
  collect(ring, collector);
  if (auto checked = check_ends(collector, unix_trials(), messages, report.unix_checks); !checked) {
    return checked;
  }
  for (const Role role : {Role::kClient, Role::kServer}) {
    const End& end = *collector.of(role);
    if (end.opened.local.family != kUnixFamily || end.unix_name != name) {
      return fail("wrong name");
    }
    report.unix_checks++;
  }
  return {};
}

Result<SelfTestReport> prove_once(Ring& ring, Collector& collector, ControlPage& control) {
  // What a test before this one left behind.
  control.set_only_port(SONDE_NO_PORT);
  ring.drain();
  collector.forget_ends();
  SelfTestReport report;
  if (auto proven = prove_tcp(ring, collector, control, report); !proven) {
    return with_context("self-test", proven.error());
  }
  collector.forget_ends();
  control.set_only_port(SONDE_NO_PORT);
  if (auto proven = prove_unix(ring, collector, control, report); !proven) {
    report.unix_why_not = proven.error().what;
  }
  control.set_only_unix({0, 0});
  return report;
}

}  // namespace

Result<SelfTestReport> prove_door(const MapPool& pool, ControlPage& control,
                                  const std::function<uint64_t()>& missed) {
  constexpr int kMostTries = 5;
  Collector collector;
  auto ring = Ring::open(pool, collector);
  if (!ring) {
    return std::unexpected(ring.error());
  }
  for (int tries = 1;; tries++) {
    const uint64_t missed_before = missed();
    auto report = prove_once(**ring, collector, control);
    const bool whole = report && report->unix_why_not.empty();
    if (whole || tries == kMostTries || missed() == missed_before) {
      if (report) {
        report->records = collector.records();
      }
      return report;
    }
  }
}

}  // namespace sonde
