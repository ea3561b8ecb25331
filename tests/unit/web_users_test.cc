// SPDX-License-Identifier: Apache-2.0
#include <crypt.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <utility>

#include "exporters/web/health.h"
#include "exporters/web/users.h"
#include "tests/support/certificate.h"
#include "tests/support/web_client.h"

namespace sonde::web {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

std::string bcrypt(const std::string& password, int cost = 4) {
  char setting[CRYPT_GENSALT_OUTPUT_SIZE];
  EXPECT_NE(crypt_gensalt_rn("$2b$", static_cast<unsigned long>(cost), "0123456789abcdef", 16,
                             setting, sizeof(setting)),
            nullptr);
  crypt_data data{};
  return crypt_r(password.c_str(), setting, &data);
}

std::string base64(std::string_view text) {
  std::string out((text.size() + 2) / 3 * 4 + 1, '\0');
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                  reinterpret_cast<const unsigned char*>(text.data()),
                  static_cast<int>(text.size()));
  out.pop_back();
  return out;
}

std::string basic(std::string_view credentials) { return "Basic " + base64(credentials); }

Users users() {
  // On the heap: GCC 12 believes that a Result here frees its own storage.
  const auto made = std::make_unique<Result<Users>>(
      Users::parse("# readers\nann:" + bcrypt("secret") + "\r\n\nbob:" + bcrypt("a:b")));
  return std::move(made->value());
}

TEST(WebUsers, RightAndWrong) {
  Users all = users();
  uint64_t now = kSecond;
  for (const auto& [authorization, want] : {
           std::pair(basic("ann:secret"), Access::kGranted),
           std::pair("bAsIc   " + base64("ann:secret"), Access::kGranted),
           std::pair(basic("bob:a:b"), Access::kGranted),
           std::pair(basic("ann:Secret"), Access::kDenied),
           std::pair(basic("ann:secret "), Access::kDenied),
           std::pair(basic("ann:"), Access::kDenied),
           std::pair(basic("ann"), Access::kDenied),
           std::pair(basic("eve:secret"), Access::kDenied),
           std::pair(basic(std::string_view("ann:secret\0x", 12)), Access::kDenied),
           std::pair(basic("ann:" + std::string(5000, 'x')), Access::kDenied),
           std::pair(std::string("Bearer abc"), Access::kDenied),
           std::pair(std::string("Basic"), Access::kDenied),
           std::pair(std::string("Basic ===="), Access::kDenied),
           std::pair(std::string(), Access::kDenied),
       }) {
    EXPECT_EQ(all.check(authorization, now), want) << authorization.substr(0, 60);
    now += 10 * kSecond;
  }
}

// Guessing is slow, for names that exist and for those that do not; who is known is let in
// meanwhile.
TEST(WebUsers, GuessesAreFewAndHoldUpNobody) {
  Users all = users();
  uint64_t now = kSecond;
  EXPECT_EQ(all.check(basic("ann:secret"), now), Access::kGranted);
  std::map<Access, int> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string name = i % 2 == 0 ? "ann" : "eve";
    seen[all.check(basic(name + ":guess" + std::to_string(i)), now)]++;
    EXPECT_EQ(all.check(basic("ann:secret"), now), Access::kGranted);
    now += kSecond / 100;
  }
  EXPECT_EQ(seen[Access::kGranted], 0);
  EXPECT_LE(seen[Access::kDenied], 25) << "ten seconds, two a second, five to begin with";
  EXPECT_GE(seen[Access::kDenied], 20);
  EXPECT_EQ(all.check(basic("bob:a:b"), now + kSecond), Access::kGranted);
}

TEST(WebUsers, Files) {
  const std::string good = "ann:" + bcrypt("x");
  EXPECT_TRUE(Users::parse(good).has_value());
  for (const auto& [text, told] : {
           std::pair<std::string, std::string>{"", "no user"},
           {"# nobody\n", "no user"},
           {good + "\nann:" + bcrypt("y"), "line 2: this user is already there"},
           {"ann", "line 1: want NAME:HASH"},
           {":" + bcrypt("x"), "line 1: want NAME:HASH"},
           {"ann:secret", "must be bcrypt"},
           {"ann:$6$salt$abc", "must be bcrypt"},
           {"ann:" + bcrypt("x").substr(0, 59), "must be bcrypt"},
           {"ann:$2b$13" + bcrypt("x").substr(6), "cost must be 4 to 12"},
           {"ann:$2b$03" + bcrypt("x").substr(6), "cost must be 4 to 12"},
       }) {
    const auto parsed = Users::parse(text);
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_NE(parsed.error().what.find(told), std::string::npos) << parsed.error().what;
  }
  EXPECT_FALSE(Users::load("/nowhere").has_value());
}

TEST(WebUsers, Base64) {
  std::string out;
  for (const std::string_view text :
       {"", "f", "fo", "foo", "foob", "fooba", "foobar", "\xFF\xFE?"}) {
    EXPECT_TRUE(decode_base64(base64(text), out)) << text;
    EXPECT_EQ(out, text);
  }
  for (const std::string_view bad :
       {"Z", "Zg", "Zg=", "Zm9=", "Zh==", "Z===", "====", "Zg==Zg==", "Zm 9", "Zm-v", "Zm9v\n"}) {
    EXPECT_FALSE(decode_base64(bad, out)) << bad;
  }
}

std::string ask(const WebServer& server, const std::string& path, const std::string& headers) {
  Client client(server.port());
  client.send("GET " + path + " HTTP/1.0\r\n" + headers + "\r\n");
  return client.read_all();
}

TEST(WebUsers, OverHttp) {
  const TemporaryFile file("ann:" + bcrypt("secret"));
  const auto server =
      serve({hello(), healthz_route()}, {}, {.certificate = {}, .key = {}, .users = file.path()});
  const std::string ann = "Authorization: " + basic("ann:secret") + "\r\n";
  const std::string refused = ask(*server, "/hello", "");
  EXPECT_TRUE(refused.starts_with("HTTP/1.1 401 Unauthorized")) << refused;
  EXPECT_NE(refused.find("\r\nWWW-Authenticate: Basic realm=\"sonde\""), std::string::npos);
  EXPECT_TRUE(ask(*server, "/nowhere", "").starts_with("HTTP/1.1 401")) << "not even what is not";
  EXPECT_TRUE(ask(*server, "/nowhere", ann).starts_with("HTTP/1.1 404"));
  EXPECT_TRUE(ask(*server, "/hello", ann).starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(ask(*server, "/hello", ann + ann).starts_with("HTTP/1.1 401")) << "two is none";
  EXPECT_TRUE(ask(*server, "/healthz", "").starts_with("HTTP/1.1 200"))
      << "probes have no password";

  // Faster than two a second, sooner or later, whatever else the machine does.
  std::string guessed;
  for (int i = 0; i < 1000 && !guessed.starts_with("HTTP/1.1 429"); ++i) {
    guessed = ask(*server, "/hello", "Authorization: " + basic("ann:guess") + "\r\n");
  }
  EXPECT_TRUE(guessed.starts_with("HTTP/1.1 429")) << guessed;
  EXPECT_EQ(counted(*server, "sonde.web.requests", "429"), 1u);

  std::ofstream(file.path()) << "bob:" << bcrypt("other");
  ASSERT_TRUE(server->reload().has_value());
  EXPECT_TRUE(ask(*server, "/hello", ann).starts_with("HTTP/1.1 401")) << "no longer a user";
  const std::string bob = "Authorization: " + basic("bob:other") + "\r\n";
  EXPECT_TRUE(ask(*server, "/hello", bob).starts_with("HTTP/1.1 200"));
}

TEST(WebGuard, ExposureIsTold) {
  const TemporaryFile file("ann:" + bcrypt("secret"));
  const Certificate identity("some.example");
  const auto told = [](const GuardFiles& files) { return exposure(**Guard::load(files)); };
  EXPECT_NE(told({}).find("web.users"), std::string::npos);
  EXPECT_NE(told({.certificate = {}, .key = {}, .users = file.path()}).find("clear text"),
            std::string::npos);
  EXPECT_EQ(told({.certificate = identity.certificate.path(),
                  .key = identity.key.path(),
                  .users = file.path()}),
            "");
  EXPECT_TRUE(listen_on("127.0.0.1:0")->is_loopback);
  EXPECT_TRUE(listen_on("127.1.2.3:0")->is_loopback);
  EXPECT_FALSE(listen_on("0.0.0.0:0")->is_loopback);
}

}  // namespace
}  // namespace sonde::web
