// SPDX-License-Identifier: Apache-2.0
// The web server over real sockets, with clients that behave and clients that do not.
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <thread>

#include "exporters/web/health.h"
#include "exporters/web/listen.h"
#include "tests/support/web_client.h"

namespace sonde::web {
namespace {

TEST(WebServer, Answers) {
  const auto server = serve({hello()});
  Client client(server->port());
  client.send("GET /hello?you HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const std::string answer = client.read_all();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\nDate: ")) << answer;
  EXPECT_NE(answer.find("Content-Length: 10\r\n"), std::string::npos) << answer;
  EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\nhello you\n")) << answer;
  EXPECT_EQ(counted(*server, "sonde.web.requests", "200"), 1u);
  EXPECT_EQ(counted(*server, "sonde.web.connections", ""), 1u);
}

TEST(WebServer, HeadHasNoBody) {
  const auto server = serve({hello()});
  Client client(server->port());
  client.send("HEAD /hello?you HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const std::string answer = client.read_all();
  EXPECT_NE(answer.find("Content-Length: 10\r\n"), std::string::npos) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\n")) << answer;
}

TEST(WebServer, PipelinedRequestsAreAnsweredInOrder) {
  const auto server = serve({hello()});
  Client client(server->port());
  std::string all;
  for (int i = 0; i < 500; ++i) {
    all += "GET /hello?" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\n\r\n";
  }
  client.send(all);
  client.end();
  const std::string answers = client.read_all();
  size_t at = 0;
  for (int i = 0; i < 500; ++i) {
    at = answers.find("hello " + std::to_string(i) + "\n", at);
    ASSERT_NE(at, std::string::npos) << i;
  }
}

TEST(WebServer, AByteAtATime) {
  const auto server = serve({hello()});
  Client client(server->port());
  for (const char c : kGetClose) {
    client.send({&c, 1});
  }
  EXPECT_TRUE(client.read_all().ends_with("hello \n"));
}

TEST(WebServer, SaysCleanlyWhatItDoesNotDo) {
  const auto server = serve({hello(), {"/throws", [](const HttpRequest&) -> HttpResponse {
                                         throw std::runtime_error("handler's fault");
                                       }}});
  for (const auto& [request, status] : {
           std::pair<std::string, std::string>{"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n", "404"},
           {"DELETE /hello HTTP/1.1\r\nHost: a\r\n\r\n", "405"},
           {"POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", "413"},
           {"rubbish\r\n\r\n", "400"},
           {"GET / HTTP/3.0\r\n\r\n", "505"},
           {"GET /" + std::string(100'000, 'a'), "431"},
           {"GET /throws HTTP/1.1\r\nHost: a\r\n\r\n", "500"},
       }) {
    Client client(server->port());
    client.send(request);
    client.end();
    const std::string answer = client.read_all();
    EXPECT_EQ(answer.substr(0, 12), "HTTP/1.1 " + status) << request.substr(0, 40);
    EXPECT_EQ(answer.find("<timeout>"), std::string::npos);
    EXPECT_EQ(counted(*server, "sonde.web.requests", status), 1u);
  }
}

TEST(WebServer, OneConnectionTooMany) {
  const auto server = serve({hello()}, {.max_connections = 3});
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<Client>(server->port()));
    clients.back()->send(kGet);
    EXPECT_TRUE(clients.back()->read_until("hello").starts_with("HTTP/1.1 200"));
  }
  {
    Client refused(server->port());
    EXPECT_TRUE(refused.read_all().starts_with("HTTP/1.1 503"));
  }
  EXPECT_EQ(counted(*server, "sonde.web.dropped", "too_many"), 1u);
  clients.front()->send(kGetClose);
  clients.front()->read_all();
  clients.erase(clients.begin());
  // The server learns of the end a moment later.
  std::string answer;
  for (int attempt = 0; attempt < 1000 && !answer.starts_with("HTTP/1.1 200"); ++attempt) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    Client again(server->port());
    again.send(kGetClose);
    answer = again.read_all();
  }
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200"));
}

TEST(WebServer, SlowHeadsAreDroppedAndIdleOnesClosed) {
  const auto server =
      serve({hello()}, {.head_timeout_ns = 200'000'000, .idle_timeout_ns = 200'000'000});
  std::atomic<bool> stop = false;
  Client slow(server->port());
  std::thread trickle([&] {
    while (!stop) {
      slow.send("G");
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  });
  EXPECT_EQ(slow.read_all(), "") << "a byte now and then does not keep it open";
  stop = true;
  trickle.join();
  EXPECT_EQ(counted(*server, "sonde.web.dropped", "head_timeout"), 1u);

  // Whose request may come too late as well, on a loaded machine.
  std::string answer;
  for (int attempt = 0; attempt < 100 && answer.empty(); ++attempt) {
    Client idle(server->port());
    idle.send(kGet);
    answer = idle.read_all();
  }
  EXPECT_TRUE(answer.ends_with("hello \n")) << "closed without a word: " << answer;
  EXPECT_EQ(counted(*server, "sonde.web.dropped", "head_timeout"), 1u) << "which is no fault";
}

TEST(WebServer, WhoDoesNotReadIsDroppedAndOthersAreServed) {
  const auto body = std::make_shared<const std::string>(32 << 20, 'x');
  const HttpRoute big{"/big", [&](const HttpRequest&) {
                        HttpResponse response;
                        response.body = body;
                        return response;
                      }};
  const auto server =
      serve({big, hello()}, {.max_response_bytes = 16 << 20, .write_timeout_ns = 500'000'000});
  std::vector<std::unique_ptr<Client>> stuck;
  std::string answer;
  for (int attempt = 0; attempt < 1000 && !answer.starts_with("HTTP/1.1 503"); ++attempt) {
    // Again, if it was dropped before we had our turn.
    if (counted_now(*server, "sonde.web.dropped", "write_timeout") == stuck.size()) {
      stuck.push_back(std::make_unique<Client>(server->port(), 4096));
      stuck.back()->send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    Client other(server->port());
    other.send(kGetClose);
    answer = other.read_all();
  }
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 503")) << "no more memory for answers: " << answer;
  EXPECT_EQ(counted(*server, "sonde.web.dropped", "write_timeout", stuck.size()), stuck.size());
  Client after(server->port());
  after.send(kGetClose);
  EXPECT_TRUE(after.read_all().starts_with("HTTP/1.1 200")) << "the memory is free again";
}

TEST(WebServer, ManyAtOnceShareALargeAnswer) {
  const auto body = std::make_shared<const std::string>(8 << 20, 'x');
  std::atomic<int> calls = 0;
  const HttpRoute big{"/big", [&](const HttpRequest&) {
                        ++calls;
                        HttpResponse response;
                        response.body = body;
                        return response;
                      }};
  const auto server = serve({big}, {.max_response_bytes = 16 << 20});
  std::vector<std::thread> threads;
  std::atomic<int> whole = 0;
  for (int i = 0; i < 20; ++i) {
    threads.emplace_back([&] {
      Client client(server->port());
      client.send("GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
      whole += client.read_all().size() > body->size() ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(whole, 20);
  EXPECT_EQ(calls, 20);
}

TEST(WebServer, Health) {
  std::atomic<bool> ready = false;
  const auto server = serve({healthz_route(), readyz_route(ready)});
  const auto status = [&](const std::string& path) {
    Client client(server->port());
    client.send("GET " + path + " HTTP/1.0\r\n\r\n");
    return client.read_all().substr(9, 3);
  };
  EXPECT_EQ(status("/healthz"), "200");
  EXPECT_EQ(status("/readyz"), "503");
  ready = true;
  EXPECT_EQ(status("/readyz"), "200");
}

TEST(WebServer, ATakenPortIsToldWithWhatToChange) {
  const auto first = serve({});
  const auto second = WebServer::start({.address = "127.0.0.1:" + std::to_string(first->port()),
                                        .setting = "the.setting",
                                        .limits = {}},
                                       {});
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, EADDRINUSE);
  EXPECT_NE(second.error().what.find("127.0.0.1:" + std::to_string(first->port())),
            std::string::npos);
  EXPECT_NE(second.error().what.find("change the.setting"), std::string::npos)
      << second.error().what;
}

TEST(Listen, Addresses) {
  for (const char* good : {"127.0.0.1:0", "localhost:0", ":0"}) {
    EXPECT_TRUE(listen_on(good).has_value()) << good;
  }
  for (const char* bad :
       {"", "9464", "example.org:80", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536",
        "127.0.0.1:80 ", "::1:80", "[::1:80", "[1.2.3.4]:80"}) {
    EXPECT_FALSE(listen_on(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace sonde::web
