// SPDX-License-Identifier: Apache-2.0
// The shop's reviews: one thread, one connection at a time, HTTP/1.0 with the body ended by the
// close.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>

namespace {

// A head of up to 4 KiB is all that a customer of ours sends.
std::string read_head(int client) {
  std::string head;
  char piece[1024];
  while (head.size() < 4096 && head.find("\r\n\r\n") == std::string::npos) {
    const ssize_t got = read(client, piece, sizeof piece);
    if (got <= 0) {
      break;
    }
    head.append(piece, static_cast<size_t>(got));
  }
  return head;
}

void answer(int client) {
  const bool get = read_head(client).starts_with("GET ");
  const std::string reply =
      get ? "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nBright, and it stays so.\n"
          : "HTTP/1.0 405 Method Not Allowed\r\nAllow: GET\r\n\r\n";
  if (write(client, reply.data(), reply.size()) < 0) {
    return;  // the customer has left
  }
}

}  // namespace

// The port is the only argument.
int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(argc > 1 ? std::atoi(argv[1]) : 0));
  if (listener < 0 || bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      listen(listener, 64) != 0) {
    return 1;
  }
  for (;;) {
    const int client = accept(listener, nullptr, nullptr);
    if (client < 0) {
      continue;
    }
    answer(client);
    close(client);
  }
}
