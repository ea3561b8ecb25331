// SPDX-License-Identifier: Apache-2.0
// Any bytes from a client, in any portions, with a socket that takes answers in any portions: the
// connection always comes to an end, and what it says is whole answers in a row.
#include <poll.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "exporters/web/connection.h"

namespace sonde::web {
namespace {

void require(bool held) {
  if (!held) {
    std::abort();
  }
}

// The first half of the input says how calls go, the second is what the client sends.
class FuzzTransport final : public Transport {
 public:
  FuzzTransport(std::string_view moves, std::string_view bytes, std::string& sent)
      : moves_(moves), bytes_(bytes), sent_(sent) {}

  int fd() const override { return -1; }
  bool has_pending() const override { return (moves_.size() & 1) != 0 && !bytes_.empty(); }
  void end() override { ended_ = true; }

  IoResult read(std::span<char> into) override {
    require(!into.empty());
    const unsigned move = next_move();
    if (move < 32) {
      return {move < 24 ? Io::kWantsRead : Io::kWantsWrite};
    }
    if (bytes_.empty()) {
      return {move == 255 ? Io::kBroken : Io::kEnded};
    }
    const size_t count = std::min({into.size(), bytes_.size(), size_t{move}});
    std::memcpy(into.data(), bytes_.data(), count);
    bytes_.remove_prefix(count);
    return {Io::kDone, count};
  }

  IoResult write(std::string_view head, std::string_view body) override {
    require(!ended_ && !(head.empty() && body.empty()));
    const unsigned move = next_move();
    if (move < 32) {
      return {move < 24 ? Io::kWantsWrite : Io::kWantsRead};
    }
    if (move == 255) {
      return {Io::kBroken};
    }
    std::string all(head);
    all += body;
    const size_t count = std::min<size_t>(all.size(), move < 128 ? move : 100'000);
    sent_ += all.substr(0, count);
    return {Io::kDone, count};
  }

 private:
  unsigned next_move() {
    if (moves_.empty()) {
      return 200;  // from here on all goes well, so that there is an end
    }
    const auto move = static_cast<uint8_t>(moves_.front());
    moves_.remove_prefix(1);
    return move;
  }

  std::string_view moves_;
  std::string_view bytes_;
  std::string& sent_;
  bool ended_ = false;
};

// Has to be waited for once, in its middle.
class ThreeParts : public BodyStream {
 public:
  Next next(std::string& out) override {
    if (left_ == 2 && !std::exchange(waited_, true)) {
      return Next::kLater;
    }
    out += left_ == 1 ? "" : "part";
    return --left_ == 0 ? Next::kEnd : Next::kMore;
  }

 private:
  int left_ = 3;
  bool waited_ = false;
};

HttpResponse answer(const RequestHead& head) {
  HttpResponse response;
  if (head.path.size() % 2 == 0) {
    response.stream = std::make_unique<ThreeParts>();
    return response;
  }
  return text_response(200, std::string(head.path));
}

// Moves past one answer; false: it is cut short, which only the end may be.
bool skip_answer(std::string_view& sent) {
  require(sent.size() < 9 || sent.starts_with("HTTP/1.1 "));
  const size_t head = sent.find("\r\n\r\n");
  if (head == std::string_view::npos) {
    return false;
  }
  const size_t length = sent.substr(0, head).find("Content-Length: ");
  size_t end = head + 4;
  if (length != std::string_view::npos) {
    end += static_cast<size_t>(std::strtoul(sent.data() + length + 16, nullptr, 10));
  } else if (sent.substr(0, head).find("chunked") != std::string_view::npos) {
    const size_t last = sent.find("0\r\n\r\n", end);
    end = last == std::string_view::npos ? sent.size() + 1 : last + 5;
  } else {
    end = sent.size();
  }
  if (end > sent.size()) {
    return false;
  }
  sent.remove_prefix(end);
  return true;
}

}  // namespace
}  // namespace sonde::web

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sonde::web;
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const Limits limits;
  Counters counters;
  const Answer answers = answer;
  std::string sent;
  Connection connection(
      std::make_unique<FuzzTransport>(all.substr(0, size / 2), all.substr(size / 2), sent), limits,
      counters, answers, 1);
  bool has_head = false;  // requests for HEAD announce a body and send none: not followed here
  has_head = all.find("HEAD") != std::string_view::npos;
  // Each step spends a move, or a byte, or a part: an end is near.
  const size_t enough = 10 * size + 1000;
  size_t steps = 0;
  uint64_t now = 1;
  while (!connection.closed()) {
    require(++steps < enough);
    const bool waits = connection.ask_again_ns() != 0;
    require(connection.wanted_events() == POLLIN || connection.wanted_events() == POLLOUT ||
            (waits && connection.wanted_events() == POLLRDHUP));
    now = waits ? connection.ask_again_ns() : now + 1;
    connection.advance(now);
    if (steps % 4096 == 4095 && !connection.closed()) {
      require(connection.deadline() > now);
    }
  }
  std::string_view rest = sent;
  while (!has_head && !rest.empty() && skip_answer(rest)) {
  }
  return 0;
}
