// SPDX-License-Identifier: Apache-2.0
// The web server behind TLS, read by OpenSSL's own client.
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <chrono>
#include <thread>

#include "tests/support/certificate.h"
#include "tests/support/web_client.h"

namespace sonde::web {
namespace {

class TlsClient {
 public:
  explicit TlsClient(uint16_t port, int newest = TLS1_3_VERSION)
      : context_(SSL_CTX_new(TLS_client_method())),
        session_(nullptr),
        fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    SSL_CTX_set_security_level(context_, 0);  // so that old versions may be tried at all
    SSL_CTX_set_min_proto_version(context_, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context_, newest);
    session_ = SSL_new(context_);
    const timeval patience{.tv_sec = kPatienceS, .tv_usec = 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_.get(), reinterpret_cast<sockaddr*>(&to), sizeof(to)), 0);
    SSL_set_fd(session_, fd_.get());
    connected_ = SSL_connect(session_) == 1;
  }
  ~TlsClient() {
    SSL_free(session_);
    SSL_CTX_free(context_);
    ERR_clear_error();
  }
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  bool connected() const { return connected_; }
  std::string version() const { return SSL_get_version(session_); }
  std::string name() const {
    char text[64] = {};
    X509* const peer = SSL_get1_peer_certificate(session_);
    X509_NAME_get_text_by_NID(X509_get_subject_name(peer), NID_commonName, text, sizeof(text));
    X509_free(peer);
    return text;
  }
  void send(std::string_view text) {
    EXPECT_EQ(SSL_write(session_, text.data(), static_cast<int>(text.size())),
              static_cast<int>(text.size()));
  }
  // Until the server says that it ends.
  std::string read_all() {
    std::string out;
    char buffer[65536];
    int got = 0;
    while ((got = SSL_read(session_, buffer, sizeof(buffer))) > 0) {
      out.append(buffer, static_cast<size_t>(got));
    }
    if (SSL_get_error(session_, got) != SSL_ERROR_ZERO_RETURN) {
      out += "<no close_notify>";
    }
    return out;
  }

 private:
  SSL_CTX* context_;
  SSL* session_;
  Fd fd_;
  bool connected_ = false;
};

struct Served {
  explicit Served(std::vector<HttpRoute> routes, Limits limits = {})
      : server(serve(std::move(routes), limits,
                     {.certificate = identity.certificate.path(),
                      .key = identity.key.path(),
                      .users = {}})) {}
  Certificate identity{"first.example"};
  std::unique_ptr<WebServer> server;
};

HttpRoute big(size_t bytes) {
  return {"/big", [body = std::make_shared<const std::string>(bytes, 'x')](const HttpRequest&) {
            HttpResponse response;
            response.body = body;
            return response;
          }};
}

TEST(WebTls, Versions) {
  const Served served({hello()});
  for (const auto& [newest, want] :
       {std::pair(TLS1_2_VERSION, "TLSv1.2"), std::pair(TLS1_3_VERSION, "TLSv1.3")}) {
    TlsClient client(served.server->port(), newest);
    ASSERT_TRUE(client.connected());
    EXPECT_EQ(client.version(), want);
    client.send(kGetClose);
    EXPECT_TRUE(client.read_all().ends_with("\r\n\r\nhello \n"));
  }
  EXPECT_FALSE(TlsClient(served.server->port(), TLS1_1_VERSION).connected());
  EXPECT_EQ(counted(*served.server, "sonde.web.dropped", "handshake"), 1u);
}

// Many records of requests in one read, and answers larger than any socket's buffer.
TEST(WebTls, PipelinedAndLarge) {
  constexpr size_t kBytes = size_t{8} << 20;
  const Served served({hello(), big(kBytes)});
  TlsClient client(served.server->port());
  for (int i = 0; i < 50; ++i) {
    client.send(kGet);
  }
  client.send("GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const std::string answers = client.read_all();
  EXPECT_TRUE(answers.ends_with(std::string(kBytes, 'x'))) << answers.size();
  size_t found = 0;
  for (size_t at = answers.find("hello"); at != std::string::npos;
       at = answers.find("hello", at + 1)) {
    ++found;
  }
  EXPECT_EQ(found, 50u);
}

TEST(WebTls, WhoSpeaksNoneIsDropped) {
  const Served served({hello()}, {.head_timeout_ns = 200'000'000});
  Client plain(served.server->port());
  plain.send(kGet);
  EXPECT_EQ(plain.read_all().find("hello"), std::string::npos);
  Client silent(served.server->port());
  EXPECT_EQ(silent.read_all(), "") << "a handshake has its time";
  EXPECT_EQ(counted(*served.server, "sonde.web.dropped", "handshake", 2), 2u);
  // Whose handshake may take too long as well, on a loaded machine.
  bool good = false;
  for (int attempt = 0; attempt < 100 && !good; ++attempt) {
    good = TlsClient(served.server->port()).connected();
  }
  EXPECT_TRUE(good);
}

TEST(WebTls, WhoGoesAwayInTheMiddleIsNoReasonToDie) {
  const Served served({hello(), big(size_t{8} << 20)});
  for (int i = 0; i < 5; ++i) {
    TlsClient client(served.server->port());
    client.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
  }
  TlsClient after(served.server->port());
  after.send(kGetClose);
  EXPECT_TRUE(after.read_all().ends_with("hello \n"));
}

TEST(WebTls, Reload) {
  const Served served({hello()});
  const Certificate other("second.example");
  const auto copy = [](const TemporaryFile& from, const TemporaryFile& to) {
    std::ofstream(to.path()) << std::ifstream(from.path()).rdbuf();
  };
  EXPECT_EQ(TlsClient(served.server->port()).name(), "first.example");
  copy(other.key, served.identity.key);
  const auto mismatch = served.server->reload();
  ASSERT_FALSE(mismatch.has_value());
  EXPECT_NE(mismatch.error().what.find(served.identity.key.path()), std::string::npos)
      << mismatch.error().what;
  EXPECT_EQ(TlsClient(served.server->port()).name(), "first.example") << "what was stays";
  TlsClient before(served.server->port());
  copy(other.certificate, served.identity.certificate);
  ASSERT_TRUE(served.server->reload().has_value());
  EXPECT_EQ(TlsClient(served.server->port()).name(), "second.example");
  before.send(kGetClose);
  EXPECT_TRUE(before.read_all().ends_with("hello \n")) << "connections live on";
}

TEST(WebTls, AMissingHalfOrFileIsTold) {
  const Certificate identity("some.example");
  for (const GuardFiles& files :
       {GuardFiles{.certificate = identity.certificate.path(), .key = {}, .users = {}},
        GuardFiles{.certificate = {}, .key = identity.key.path(), .users = {}},
        GuardFiles{.certificate = "/nowhere", .key = identity.key.path(), .users = {}},
        GuardFiles{.certificate = identity.key.path(), .key = identity.key.path(), .users = {}}}) {
    EXPECT_FALSE(
        WebServer::start({.address = "127.0.0.1:0", .guard = files, .limits = {}}, {}).has_value());
  }
}

}  // namespace
}  // namespace sonde::web
