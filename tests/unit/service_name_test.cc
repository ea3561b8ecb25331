// SPDX-License-Identifier: Apache-2.0
#include "userspace/inventory/service_name.h"

#include <gtest/gtest.h>

#include "userspace/inventory/printable.h"
#include "userspace/inventory/process.h"

namespace sonde {
namespace {

struct NameCase {
  std::string_view executable;
  std::vector<std::string_view> arguments;
  std::string_view name;
};

TEST(ServiceName, Table) {
  const NameCase kCases[] = {
      // Plain executables.
      {"/usr/sbin/nginx", {"nginx: master process /usr/sbin/nginx -g daemon off;"}, "nginx"},
      {"/usr/lib/postgresql/15/bin/postgres", {"postgres: checkpointer "}, "postgres"},
      {"/usr/sbin/php-fpm8.2", {"php-fpm: pool www"}, "php-fpm8.2"},
      {"/srv/shop (deleted)", {"/srv/shop"}, "shop"},
      {"/usr/bin/redis-server", {"redis-server *:6379"}, "redis-server"},
      {"/srv/api/server.bin", {"./server.bin"}, "server.bin"},
      // Python.
      {"/usr/bin/python3.11", {"python3", "/srv/app.py"}, "app"},
      {"/usr/bin/python3.11", {"python3", "-u", "app.py", "--port", "80"}, "app"},
      {"/usr/bin/python3.11", {"python3", "-X", "dev", "-W", "once", "app.py"}, "app"},
      {"/usr/bin/python3.11", {"python3", "-Wonce", "app.py"}, "app"},
      {"/usr/bin/python3.11", {"python3", "-m", "pkg.mod", "x"}, "pkg.mod"},
      {"/usr/bin/python3.11", {"python3", "-um", "http.server"}, "http.server"},
      {"/usr/bin/python3.11", {"python3", "-c", "import os"}, "python"},
      {"/usr/bin/python3.11", {"python3", "-"}, "python"},
      {"/usr/bin/python3.11", {"python3"}, "python"},
      {"/usr/bin/python3", {"/usr/bin/python3", "/usr/local/bin/gunicorn", "shop:app"}, "gunicorn"},
      {"/usr/bin/python3", {"gunicorn: master [shop:app]"}, "gunicorn"},
      {"/usr/bin/python3", {"python3", "/srv/shop/__main__.py"}, "shop"},
      {"/usr/bin/python3", {"python3", "__main__.py"}, "__main__"},
      {"/usr/bin/pypy3.10", {"pypy3", "shop.py"}, "shop"},
      {"/opt/pythonista/pythonista", {"pythonista", "x.py"}, "pythonista"},
      // Java.
      {"/usr/lib/jvm/bin/java", {"java", "-Xmx1g", "-jar", "/srv/shop.jar", "--x"}, "shop"},
      {"/usr/lib/jvm/bin/java", {"java", "-cp", "a.jar:b.jar", "com.acme.Shop"}, "com.acme.Shop"},
      {"/usr/lib/jvm/bin/java",
       {"java", "-Dx=y", "--module", "shop/com.acme.Shop"},
       "com.acme.Shop"},
      {"/usr/lib/jvm/bin/java", {"java", "--add-opens", "a/b=c", "com.acme.Shop"}, "com.acme.Shop"},
      // JavaScript.
      {"/usr/bin/node", {"node", "server.js"}, "server"},
      {"/usr/bin/node",
       {"node", "--max-old-space-size=512", "-r", "dotenv/config", "/srv/shop/index.js"},
       "shop"},
      {"/usr/bin/node", {"node", "-e", "while(1);"}, "node"},
      {"/usr/bin/node", {"my-shop", "", ""}, "my-shop"},
      {"/usr/bin/node", {"node"}, "node"},
      {"/usr/bin/deno", {"deno", "run", "--allow-net", "shop.ts"}, "shop"},
      // Shells and the rest.
      {"/bin/bash", {"bash", "/srv/start.sh"}, "start"},
      {"/bin/bash", {"bash", "-eo", "pipefail", "start.sh"}, "start"},
      {"/bin/bash", {"-bash"}, "bash"},
      {"/bin/dash", {"sh", "-c", "sleep 1"}, "dash"},
      {"/bin/dash", {"sh", "-ec", "sleep 1"}, "dash"},
      {"/usr/bin/perl", {"perl", "-w", "-I", "lib", "shop.pl"}, "shop"},
      {"/usr/bin/perl", {"perl", "-we", "print 1"}, "perl"},
      {"/usr/bin/ruby3.1", {"ruby", "bin/rails", "server"}, "rails"},
      {"/usr/bin/ruby3.1", {"puma 5.6.5 (tcp://0.0.0.0:3000) [shop]"}, "puma"},
      {"/usr/bin/php8.2", {"php", "-S", "0.0.0.0:80", "router.php"}, "router"},
      {"/usr/bin/php8.2", {"php", "artisan", "serve"}, "artisan"},
      {"/usr/bin/dotnet",
       {"dotnet", "exec", "--depsfile", "x.json", "/srv/Shop.Api.dll"},
       "Shop.Api"},
      {"/usr/bin/python3", {"python3", "--", "-odd.py"}, "-odd"},
      // Boxes of applets.
      {"/bin/busybox", {"busybox", "httpd", "-f"}, "httpd"},
      {"/bin/busybox", {"/usr/sbin/httpd", "-f"}, "httpd"},
      {"/bin/busybox", {"/bin/sh", "/srv/start.sh"}, "start"},
      {"/bin/busybox", {"-sh"}, "sh"},
      {"/bin/busybox", {"busybox"}, "busybox"},
      // What could not be read.
      {"", {"/usr/sbin/nginx", "-g"}, "nginx"},
      {"", {"postgres: writer"}, "postgres"},
      {"", {"python3", "app.py"}, "app"},
      {"", {}, "comm"},
      {"", {""}, "comm"},
      {"/", {}, "comm"},
  };
  for (const NameCase& c : kCases) {
    EXPECT_EQ(service_name(c.executable, c.arguments, "comm"), c.name)
        << c.executable << " " << (c.arguments.empty() ? "" : c.arguments.back());
  }
}

TEST(ServiceName, NeverEmptyNorLong) {
  EXPECT_EQ(service_name("", {}, ""), "unknown");
  EXPECT_EQ(service_name("/" + std::string(5000, 'x'), {}, "").size(), kMaxServiceName);
  const std::vector<std::string_view> flags(10'000, "-x");
  EXPECT_EQ(service_name("/usr/bin/python3", flags, ""), "python");
}

TEST(ServiceName, IsFitToBeShown) {
  EXPECT_EQ(service_name("/a\nb\x1b[0m", {}, ""), "a_b_[0m");
  EXPECT_EQ(service_name("/\xff\xc3\xa9", {}, ""), "_\xc3\xa9");
}

TEST(Printable, KeepsUtf8AndNothingElse) {
  EXPECT_EQ(printable("h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", 99),
            "h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
  EXPECT_EQ(printable("\xc0\xaf", 99), "__");            // longer than needed
  EXPECT_EQ(printable("\xe0\x80\xaf", 99), "___");       // longer than needed
  EXPECT_EQ(printable("\xed\xa0\x80", 99), "___");       // half of a pair
  EXPECT_EQ(printable("\xf4\x90\x80\x80", 99), "____");  // beyond the last
  EXPECT_EQ(printable("\xc2\x9b", 99), "__");            // a terminal's control sequence
  EXPECT_EQ(printable("\xe2\x82", 99), "__");            // cut
  EXPECT_EQ(printable("a\xe2\x82\xac", 3), "a");         // does not fit
  EXPECT_EQ(printable(std::string_view("\0\x7f", 2), 99), "__");
}

}  // namespace
}  // namespace sonde
