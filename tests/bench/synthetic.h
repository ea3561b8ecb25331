// SPDX-License-Identifier: Apache-2.0
// Synthetic traffic: the records that the kernel side would ship of a server with many connections,
// for tests and benches that must not depend on a host. Exchanges go round the connections, as they
// do on a busy server.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/sources/decode.h"

namespace sonde::synthetic {

// What a load generator asks of nginx, and what it answers with its small page.
constexpr std::string_view kRequest = "GET /index HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";
constexpr std::string_view kAnswerHead =
    "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Mon, 01 Jan 2024 00:00:00 "
    "GMT\r\nContent-Type: text/html\r\n"
    "Content-Length: 612\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\nConnection: "
    "keep-alive\r\n"
    "ETag: \"65920080-264\"\r\nAccept-Ranges: bytes\r\n\r\n";
constexpr size_t kAnswerBody = 612;

struct Shape {
  uint32_t connections = 100;
  uint32_t exchanges = 100;     // on each connection
  uint32_t pipelined = 1;       // so many of them at a time: one record asks, one answers
  bool close = false;           // a new connection for each
  uint32_t captured = 1 << 20;  // at most so many bytes of a record are shipped
};

// One server-side connection, event by event. Each becomes a record that is handed to
// sink(span<const uint8_t>).
template <typename Sink>
class Connection {
 public:
  Connection(Sink& sink, uint64_t id, uint64_t& now_ns) : sink_(sink), id_(id), now_ns_(now_ns) {}

  // A server's end.
  void open() {
    ConnectionOpened event;
    event.role = Role::kServer;
    event.local = {.bytes = {127, 0, 0, 1}, .port = 80, .family = 4};
    event.remote = {
        .bytes = {127, 0, 0, 1}, .port = static_cast<uint16_t>(32768 + id_ % 28000), .family = 4};
    event.pid = Pid{1000};
    event.network_namespace = 4026531840;
    open(event);
  }
  // An end of one's own making; its id and time are filled in.
  void open(ConnectionOpened event) {
    event.connection = ConnectionId{id_};
    event.time_ns = now_ns_;
    event.opened_ns = now_ns_;
    pid_ = event.pid;
    position_[0] = event.position_in;
    position_[1] = event.position_out;
    send(event);
  }

  // A record of this connection found no room: the next one tells.
  void lose_record() { state_.lost_records++; }

  // One record of a new turn.
  void move(Direction direction, std::string_view text, uint32_t captured) {
    const auto d = static_cast<size_t>(direction);
    now_ns_ += 1000;
    state_.turn++;
    state_.other_position = position_[1 - d];
    DataMoved event;
    event.connection = ConnectionId{id_};
    event.time_ns = now_ns_;
    event.direction = direction;
    event.new_turn = true;
    event.state = state_;
    event.position = position_[d];
    event.bytes = static_cast<uint32_t>(text.size());
    event.captured = {reinterpret_cast<const uint8_t*>(text.data()),
                      std::min<size_t>(text.size(), captured)};
    event.pid = pid_;
    event.tid = static_cast<uint32_t>(pid_);
    send(event);
    position_[d] += text.size();
    state_.last_turn_bytes = text.size();
    state_.last_turn_end_ns = now_ns_;
  }

  void close() {
    ConnectionClosed event;
    event.connection = ConnectionId{id_};
    event.time_ns = now_ns_;
    event.state = state_;
    event.position_in = position_[0];
    event.position_out = position_[1];
    send(event);
  }

 private:
  void send(const Event& event) {
    encode(event, record_);
    sink_(std::span<const uint8_t>(record_));
  }

  Sink& sink_;
  uint64_t id_;
  uint64_t& now_ns_;
  Pid pid_{1000};
  TurnState state_;
  uint64_t position_[2] = {0, 0};
  std::vector<uint8_t> record_;
};

// All records of that traffic, in order. The number of exchanges in it: connections * exchanges,
// rounded down to whole bursts.
template <typename Sink>
uint64_t traffic(const Shape& shape, Sink sink) {
  std::string request;
  std::string answer;
  for (uint32_t i = 0; i < shape.pipelined; i++) {
    request += kRequest;
    answer += kAnswerHead;
    answer += std::string(kAnswerBody, 'b');
  }
  const uint32_t bursts = shape.exchanges / shape.pipelined;
  uint64_t now_ns = 1'000'000'000;
  uint64_t next_id = 1;
  const auto exchange = [&](Connection<Sink>& connection) {
    connection.move(Direction::kIn, request, shape.captured);
    connection.move(Direction::kOut, answer, shape.captured);
  };
  if (shape.close) {
    for (uint64_t i = 0; i < uint64_t{shape.connections} * bursts; i++) {
      Connection<Sink> connection(sink, next_id++, now_ns);
      connection.open();
      exchange(connection);
      connection.close();
    }
  } else {
    std::vector<Connection<Sink>> connections;
    for (uint32_t i = 0; i < shape.connections; i++) {
      connections.emplace_back(sink, next_id++, now_ns).open();
    }
    for (uint32_t i = 0; i < bursts; i++) {
      for (auto& connection : connections) {
        exchange(connection);
      }
    }
    for (auto& connection : connections) {
      connection.close();
    }
  }
  return uint64_t{shape.connections} * bursts * shape.pipelined;
}

}  // namespace sonde::synthetic
