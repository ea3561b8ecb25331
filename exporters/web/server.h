// SPDX-License-Identifier: Apache-2.0
// WebServer: the one HTTP port, read-only. One thread serves everybody with poll; handlers run on
// it, so that a slow one makes the others wait, but never lets them in beyond the limits.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "exporters/http.h"
#include "exporters/web/connection.h"
#include "exporters/web/counters.h"
#include "exporters/web/guard.h"
#include "exporters/web/limits.h"
#include "exporters/web/listen.h"
#include "userspace/base/fd.h"
#include "userspace/base/result.h"

namespace sonde::web {

struct Options {
  std::string address =
      "127.0.0.1:9464";  // numeric: 1.2.3.4:80, [::1]:80, localhost:80, :80 for every address
  std::string setting = "web.listen";  // what the operator can change; named in errors
  GuardFiles guard = {};
  Limits limits = {};
  std::function<void()> begin = {};  // called first on the server's thread
};

class WebServer {
 public:
  // Listens, as start() would: for who has to listen earlier than he can answer.
  static Result<Listener> listen(const Options& options);

  // Starts the thread. What the routes' handlers use must outlive the server.
  static Result<std::unique_ptr<WebServer>> start(Options options, Listener listener,
                                                  std::vector<HttpRoute> routes);
  // Listens, too.
  static Result<std::unique_ptr<WebServer>> start(Options options, std::vector<HttpRoute> routes);

  // Stops answering at once and joins the thread.
  ~WebServer();
  WebServer(const WebServer&) = delete;
  WebServer& operator=(const WebServer&) = delete;

  uint16_t port() const { return port_; }  // the one in use, also when 0 was asked for

  // Reads the certificate, the key and the users anew; on failure what was stays. Any thread.
  Result<> reload();

  // Any thread.
  std::vector<MetricFamily> metrics() const { return counters_.metrics(); }

 private:
  WebServer(Options options, std::vector<HttpRoute> routes, std::unique_ptr<Guard> guard,
            Listener listener, Fd wake);

  void run();
  void accept_all(uint64_t now);
  HttpResponse answer(const RequestHead& head) const;
  HttpResponse answer(const HttpRoute& route, const HttpRequest& request) const;
  size_t response_bytes() const;
  int poll_timeout_ms(uint64_t now) const;

  const Options options_;
  const std::vector<HttpRoute> routes_;
  const Fd listener_;
  const uint16_t port_;
  const Fd wake_;  // an eventfd: readable means stop
  const Answer answer_;
  std::atomic<std::shared_ptr<Guard>> guard_;
  Counters counters_;
  // Of the web thread.
  std::vector<std::unique_ptr<Connection>> connections_;
  uint64_t round_ns_ = 0;         // when poll returned
  uint64_t accept_again_ns_ = 0;  // out of descriptors until then
  std::thread thread_;
};

}  // namespace sonde::web
