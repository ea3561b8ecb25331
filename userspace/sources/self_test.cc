// SPDX-License-Identifier: Apache-2.0
#include "userspace/sources/self_test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <map>
#include <string_view>

#include "userspace/base/fd.h"
#include "userspace/kernel/ring.h"
#include "userspace/sources/decode.h"

namespace sonde {
namespace {

// How a message travels: the sender's call, the receiver's call, and whether the sender's bytes can
// be read.
struct Exchange {
  const char* name;
  bool (*send)(int fd, std::string_view text);
  bool (*receive)(int fd, size_t bytes);
  bool readable;
};

msghdr one_message(iovec* iov, size_t count) {
  msghdr message{};
  message.msg_iov = iov;
  message.msg_iovlen = count;
  return message;
}

// Three buffers: the first small, the second empty.
std::array<iovec, 3> split(char* data, size_t size) {
  return {{{data, 5}, {data, 0}, {data + 5, size - 5}}};
}

bool send_write(int fd, std::string_view text) {
  return write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

bool send_writev(int fd, std::string_view text) {
  auto parts = split(const_cast<char*>(text.data()), text.size());
  return writev(fd, parts.data(), 3) == static_cast<ssize_t>(text.size());
}

bool send_sendmsg(int fd, std::string_view text) {
  auto parts = split(const_cast<char*>(text.data()), text.size());
  const msghdr message = one_message(parts.data(), 3);
  return sendmsg(fd, &message, 0) == static_cast<ssize_t>(text.size());
}

bool send_sendmmsg(int fd, std::string_view text) {
  iovec iov{const_cast<char*>(text.data()), text.size()};
  mmsghdr message{one_message(&iov, 1), 0};
  return sendmmsg(fd, &message, 1, 0) == 1;
}

bool send_file(int fd, std::string_view text) {
  const Fd file(memfd_create("sonde-self-test", MFD_CLOEXEC));
  off_t offset = 0;
  return write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
         sendfile(fd, file.get(), &offset, text.size()) == static_cast<ssize_t>(text.size());
}

bool receive_read(int fd, size_t bytes) {
  char buffer[256];
  return read(fd, buffer, sizeof(buffer)) == static_cast<ssize_t>(bytes);
}

// A peek first, and a call that would block after: neither moves a byte.
bool receive_recv(int fd, size_t bytes) {
  char buffer[256];
  return recv(fd, buffer, sizeof(buffer), MSG_PEEK) == static_cast<ssize_t>(bytes) &&
         recv(fd, buffer, sizeof(buffer), 0) == static_cast<ssize_t>(bytes) &&
         recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

bool receive_readv(int fd, size_t bytes) {
  char buffer[256];
  auto parts = split(buffer, sizeof(buffer));
  return readv(fd, parts.data(), 3) == static_cast<ssize_t>(bytes);
}

bool receive_recvmsg(int fd, size_t bytes) {
  char buffer[256];
  auto parts = split(buffer, sizeof(buffer));
  msghdr message = one_message(parts.data(), 3);
  return recvmsg(fd, &message, 0) == static_cast<ssize_t>(bytes);
}

constexpr Exchange kExchanges[] = {
    {"write, read", send_write, receive_read, true},
    {"write, recv after a peek", send_write, receive_recv, true},
    {"writev, readv", send_writev, receive_readv, true},
    {"sendmsg, recvmsg", send_sendmsg, receive_recvmsg, true},
    {"sendmmsg of one, recv", send_sendmmsg, receive_recv, true},
    {"sendfile, read", send_file, receive_read, false},
};

// A connected pair on loopback: first the client, then the server's end.
Result<std::pair<Fd, Fd>> connect_pair(ControlPage& control) {
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
  Fd client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!client.ok() || connect(client.get(), generic, size) != 0) {
    return fail_errno("connect on loopback", errno);
  }
  Fd server(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!server.ok()) {
    return fail_errno("accept on loopback", errno);
  }
  return std::pair(std::move(client), std::move(server));
}

// What one end told.
struct End {
  ConnectionOpened opened;
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
  void on(const ConnectionOpened& event) { ends_[event.connection].opened = event; }
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
  size_t ends() const { return ends_.size(); }
  size_t undecoded() const { return undecoded_; }
  uint64_t records() const { return records_; }

 private:
  std::map<ConnectionId, End> ends_;
  size_t undecoded_ = 0;
  uint64_t records_ = 0;
};

// Compares what one end told with what it did. asks: it sent the odd messages (1st, 3rd ...).
std::string check_end(const End& end, const std::vector<std::string>& messages, bool asks,
                      size_t& checks) {
  auto wrong = [&](size_t i, const char* fact) {
    return fmt::format("{} end, message {} ({}): {}", asks ? "client" : "server", i,
                       kExchanges[i / 2].name, fact);
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
    if (sent && !kExchanges[i / 2].readable) {
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

}  // namespace

Result<SelfTestReport> prove_door(const MapPool& pool, ControlPage& control) {
  Collector collector;
  auto ring = Ring::open(pool, collector);
  if (!ring) {
    return std::unexpected(ring.error());
  }
  std::vector<std::string> messages;
  {
    auto pair = connect_pair(control);
    if (!pair) {
      return with_context("self-test", pair.error());
    }
    const int fds[2] = {pair->first.get(), pair->second.get()};
    for (const Exchange& exchange : kExchanges) {
      for (int from = 0; from < 2; from++) {
        messages.push_back(fmt::format("sonde self-test {} by {}", messages.size(), exchange.name));
        if (!exchange.send(fds[from], messages.back()) ||
            !exchange.receive(fds[1 - from], messages.back().size())) {
          return fail_errno(fmt::format("self-test: exchange on loopback by {}", exchange.name),
                            errno);
        }
      }
    }
    // Both close with nothing unread, the client first: no time-wait holds the server's end.
  }
  SelfTestReport report;
  // The last end is destroyed when the kernel has exchanged both FINs: at once, but not in our
  // call.
  for (int tries = 0; tries < 100; tries++) {
    (*ring)->drain();
    const End* client = collector.of(Role::kClient);
    const End* server = collector.of(Role::kServer);
    if (client != nullptr && server != nullptr && client->closed && server->closed) {
      break;
    }
    usleep(1000);
  }
  const End* client = collector.of(Role::kClient);
  const End* server = collector.of(Role::kServer);
  if (client == nullptr || server == nullptr || collector.ends() != 2 ||
      collector.undecoded() != 0) {
    return fail(fmt::format(
        "self-test: {} ends of one connection were told instead of a client's and a server's",
        collector.ends()));
  }
  for (const End* end : {client, server}) {
    const std::string wrong = check_end(*end, messages, end == client, report.checks);
    if (!wrong.empty()) {
      return fail("self-test: " + wrong);
    }
  }
  if (client->opened.sequence_in != server->opened.sequence_out ||
      client->opened.sequence_out != server->opened.sequence_in) {
    return fail("self-test: the two ends do not join by their sequence numbers");
  }
  if (client->opened.local.port != server->opened.remote.port || client->opened.midway ||
      server->opened.midway) {
    return fail("self-test: wrong addresses");
  }
  report.checks += 3;
  report.records = collector.records();
  report.self = static_cast<uint32_t>(client->opened.pid);
  return report;
}

}  // namespace sonde
