// SPDX-License-Identifier: Apache-2.0
// How the command lines of interpreters and of those who run programs for them are read: tables for
// service_name.cc and nobody else.
#pragma once

#include <span>
#include <string_view>

namespace sonde::interpreters {

using Words = std::span<const std::string_view>;

// How an interpreter's command line is read. Short options may carry their value in the same word
// (-Wonce).
struct Interpreter {
  std::string_view name;   // a version may follow: python3.11
  Words with_value;        // options whose value is the next word
  Words names_program;     // options whose value is the program: python -m MODULE, java -jar FILE
  Words inline_code;       // options that bring the code: there is no script
  Words subcommands = {};  // words before the script: deno run FILE
  bool last_option_wins =
      false;  // clustered short options count by their last letter: python -um MODULE
};

constexpr std::string_view kPythonValue[] = {"-W", "-X", "--check-hash-based-pycs"};
constexpr std::string_view kPythonProgram[] = {"-m"};
constexpr std::string_view kInlineC[] = {"-c"};
constexpr std::string_view kNodeValue[] = {
    "-r", "--require",    "--import",   "--loader", "--experimental-loader",
    "-C", "--conditions", "--env-file", "--title",  "--input-type"};
constexpr std::string_view kNodeInline[] = {"-e", "--eval", "-p", "--print", "-i", "--interactive"};
constexpr std::string_view kRun[] = {"run"};
constexpr std::string_view kJavaValue[] = {"-cp",
                                           "-classpath",
                                           "--class-path",
                                           "-p",
                                           "--module-path",
                                           "--upgrade-module-path",
                                           "--add-modules",
                                           "--add-reads",
                                           "--add-exports",
                                           "--add-opens",
                                           "--limit-modules",
                                           "--patch-module",
                                           "--source"};
constexpr std::string_view kJavaProgram[] = {"-jar", "-m", "--module"};
constexpr std::string_view kDotnetValue[] = {
    "--runtimeconfig",   "--depsfile",   "--additionalprobingpath",
    "--additional-deps", "--fx-version", "--roll-forward"};
constexpr std::string_view kExec[] = {"exec"};
constexpr std::string_view kPerlValue[] = {"-I", "-M"};
constexpr std::string_view kPerlInline[] = {"-e", "-E"};
constexpr std::string_view kRubyValue[] = {"-I", "-r", "-C", "-E"};
constexpr std::string_view kRubyInline[] = {"-e"};
constexpr std::string_view kPhpValue[] = {"-c", "-d", "-z", "-S", "-t"};
constexpr std::string_view kPhpProgram[] = {"-f", "--file", "-F"};
constexpr std::string_view kPhpInline[] = {"-r", "--run", "-R"};
constexpr std::string_view kShellValue[] = {"-o", "-O", "+o", "--rcfile", "--init-file"};
constexpr std::string_view kLuaValue[] = {"-l"};
constexpr std::string_view kJuliaValue[] = {"-L", "-J", "-t", "-p"};
constexpr std::string_view kJuliaInline[] = {"-e", "-E"};

constexpr Interpreter kInterpreters[] = {
    {"python", kPythonValue, kPythonProgram, kInlineC, {}, true},
    {"pypy", kPythonValue, kPythonProgram, kInlineC, {}, true},
    {"node", kNodeValue, {}, kNodeInline},
    {"nodejs", kNodeValue, {}, kNodeInline},
    {"deno", {}, {}, {}, kRun},
    {"bun", {}, {}, {}, kRun},
    {"java", kJavaValue, kJavaProgram, {}},
    {"dotnet", kDotnetValue, {}, {}, kExec},
    {"perl", kPerlValue, {}, kPerlInline, {}, true},
    {"ruby", kRubyValue, {}, kRubyInline},
    {"php", kPhpValue, kPhpProgram, kPhpInline},
    {"lua", kLuaValue, {}, kRubyInline},
    {"luajit", kLuaValue, {}, kRubyInline},
    {"mono", {}, {}, {}},
    {"julia", kJuliaValue, {}, kJuliaInline},
    {"tclsh", {}, {}, {}},
    {"sh", kShellValue, {}, kInlineC, {}, true},
    {"bash", kShellValue, {}, kInlineC, {}, true},
    {"dash", kShellValue, {}, kInlineC, {}, true},
    {"ash", kShellValue, {}, kInlineC, {}, true},
    {"zsh", kShellValue, {}, kInlineC, {}, true},
    {"ksh", kShellValue, {}, kInlineC, {}, true},
};

// Their suffixes are how a file is run, not what it is called.
constexpr std::string_view kSuffixes[] = {
    ".py", ".pyc",  ".pyz", ".js", ".mjs", ".cjs", ".ts",   ".jar", ".war", ".dll", ".exe",
    ".sh", ".bash", ".pl",  ".rb", ".ru",  ".php", ".phar", ".lua", ".jl",  ".tcl", ".tsx"};

// Stems that say "the directory is the program".
constexpr std::string_view kDirectoryStems[] = {"__main__", "index", "manage"};

// Scripts that run another: the program is the next word that looks like one.
constexpr std::string_view kWrappers[] = {
    "ts-node", "tsx",           "nodemon", "babel-node",  "pm2-runtime",
    "forever", "coverage",      "debugpy", "ddtrace-run", "opentelemetry-instrument",
    "bundle",  "newrelic-admin"};
// ... and words of theirs that are no program.
constexpr std::string_view kWrapperWords[] = {"run",     "exec", "run-program", "python",
                                              "python3", "node", "ruby"};

// Servers that are told the application as MODULE:OBJECT.
constexpr std::string_view kModuleServers[] = {"gunicorn", "uvicorn",        "hypercorn", "daphne",
                                               "granian",  "waitress-serve", "flask"};
// What modules are called that say nothing beside their package.
constexpr std::string_view kPlainModules[] = {"wsgi", "asgi", "main", "app", "server", "__main__"};

struct KnownClass {
  std::string_view name;
  std::string_view means;
};
// Main classes that say nothing of the program.
constexpr KnownClass kKnownClasses[] = {
    {"org.apache.catalina.startup.Bootstrap", "tomcat"},
    {"org.apache.zookeeper.server.quorum.QuorumPeerMain", "zookeeper"},
    {"org.apache.cassandra.service.CassandraDaemon", "cassandra"},
    {"org.elasticsearch.bootstrap.Elasticsearch", "elasticsearch"},
    {"kafka.Kafka", "kafka"},
};

}  // namespace sonde::interpreters
