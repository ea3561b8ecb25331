// SPDX-License-Identifier: Apache-2.0
// The configuration as an operator meets it: what wins over what, and what is said of mistakes.
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <set>

#include "userspace/config/loader.h"
#include "userspace/config/nearest.h"
#include "userspace/config/sources.h"
#include "userspace/config/value.h"
#include "userspace/config/yaml_text.h"

namespace sonde {
namespace {

constexpr OptionGroup kAllGroups[] = {
    OptionGroup::kGeneral,     OptionGroup::kWeb,       OptionGroup::kKernel,
    OptionGroup::kKernelTypes, OptionGroup::kPipeline,  OptionGroup::kLimits,
    OptionGroup::kGovernor,    OptionGroup::kSelection, OptionGroup::kNaming,
    OptionGroup::kRoutes,      OptionGroup::kRecord,    OptionGroup::kReplay,
    OptionGroup::kProfile,     OptionGroup::kSampling,  OptionGroup::kPicture,
    OptionGroup::kSymbols,     OptionGroup::kCompare};
static_assert(std::size(kAllGroups) == kOptionGroups);

struct Outcome {
  Config config;
  std::vector<std::string> warnings;
  std::string problems;
};

class ConfigTest : public testing::Test {
 protected:
  void SetUp() override {
    file_ = testing::TempDir() + "sonde_config_" + std::to_string(::getpid()) + ".yaml";
  }
  void TearDown() override { ::unlink(file_.c_str()); }

  // Loads with a file of the given text; problems become one text.
  Outcome load(std::vector<std::string_view> arguments,
               std::vector<std::string_view> environment = {}, const char* yaml = nullptr,
               std::string_view operands = "") {
    if (yaml != nullptr) {
      std::ofstream(file_) << yaml;
    }
    auto loaded = load_config({.arguments = arguments,
                               .environment = environment,
                               .groups = kAllGroups,
                               .operands = operands,
                               .default_file = file_});
    if (!loaded) {
      return {.config = {}, .warnings = {}, .problems = loaded.error().text()};
    }
    return {.config = loaded->config, .warnings = loaded->warnings, .problems = ""};
  }

  std::string file_;
};

TEST_F(ConfigTest, NothingGivenMeansDefaults) {
  const Outcome out = load({});
  EXPECT_EQ(out.problems, "");
  EXPECT_EQ(out.config.file, "");
  EXPECT_EQ(out.config.web.listen, "127.0.0.1:9464");
  EXPECT_EQ(out.config.kernel.door, DoorChoice::kAuto);
  EXPECT_TRUE(out.config.selection.include.empty());
}

TEST_F(ConfigTest, LaterSourcesWin) {
  constexpr const char* kYaml = "limits: {connections: 1000, series: 1000, memory: 32MiB}\n";
  const Outcome file = load({}, {}, kYaml);
  EXPECT_EQ(file.problems, "");
  EXPECT_EQ(file.config.file, file_);
  EXPECT_EQ(file.config.limits.connections, 1000u);
  EXPECT_EQ(file.config.limits.memory_bytes, 32u << 20);

  const Outcome all =
      load({"--max-series", "3000"},
           {"SONDE_MAX_SERIES=2000", "SONDE_MAX_CONNECTIONS=2000", "PATH=/bin"}, kYaml);
  EXPECT_EQ(all.problems, "");
  EXPECT_EQ(all.config.limits.memory_bytes, 32u << 20);  // file
  EXPECT_EQ(all.config.limits.connections, 2000u);       // environment
  EXPECT_EQ(all.config.limits.series, 3000u);            // flag
}

TEST_F(ConfigTest, ServersOfDebugFilesAreUrls) {
  for (const char* good : {"", "env", "https://a.b", "http://127.0.0.1:8002  https://c/d/"}) {
    EXPECT_EQ(load({"--debuginfod", good}).problems, "") << good;
  }
  for (const char* bad :
       {"a.b", "ftp://a", "env https://a", "file:///etc", "https://a\tb",
        "http://1 http://2 http://3 http://4 http://5 http://6 http://7 http://8 http://9"}) {
    EXPECT_NE(load({"--debuginfod", bad}).problems, "") << bad;
  }
}

TEST_F(ConfigTest, EveryOptionCanBeGivenInEveryWay) {
  for (const Option& option : options()) {
    if (is_list(option) || option.flag == "config") {
      continue;
    }
    std::string value = value_text(option, Config{});
    value = is_flag(option)               ? "true"
            : option.flag == "debuginfod" ? "https://x"
            : value.empty()               ? "x"
                                          : value;
    Config from_flag;
    Problems problems;
    const Assignment assignment = {.option = &option, .where = "--flag", .value = value};
    apply({&assignment, 1}, from_flag, problems);
    EXPECT_EQ(problems.text(), "") << option.path;
    EXPECT_EQ(value_text(option, from_flag), value);

    const size_t dot = option.path.find('.');
    Config from_file;
    apply_yaml(std::string(option.path.substr(0, dot)) + ":\n  " +
                   std::string(option.path.substr(dot + 1)) + ": \"" + value + "\"\n",
               "f", from_file, problems);
    EXPECT_EQ(problems.text(), "") << option.path;
    EXPECT_EQ(value_text(option, from_file), value);

    const std::string variable = environment_name(option) + "=" + value;
    std::vector<std::string> warnings;
    const std::string_view variables[] = {variable};
    const std::vector<Assignment> read = read_environment(variables, warnings);
    ASSERT_EQ(read.size(), 1u) << variable;
    EXPECT_EQ(read[0].option, &option);
  }
}

TEST_F(ConfigTest, NamesAreUnique) {
  std::set<std::string> seen;
  for (const Option& option : options()) {
    EXPECT_TRUE(seen.insert("--" + std::string(option.flag)).second) << option.flag;
    EXPECT_TRUE(option.path.empty() || seen.insert(std::string(option.path)).second) << option.path;
    EXPECT_FALSE(option.flag.starts_with("no-")) << "would collide with a switch turned off";
    EXPECT_NE(environment_name(option), "SONDE_PORT") << "set by Kubernetes";
  }
}

TEST_F(ConfigTest, FlagForms) {
  EXPECT_EQ(load({"--listen", "0.0.0.0:80"}).config.web.listen, "0.0.0.0:80");
  EXPECT_EQ(load({"--listen=[::1]:80"}).config.web.listen, "[::1]:80");
  EXPECT_TRUE(load({"--raw"}).config.record.raw);
  EXPECT_TRUE(load({"--raw=yes"}).config.record.raw);
  EXPECT_FALSE(load({"--raw", "--no-raw"}).config.record.raw);
  EXPECT_EQ(load({"--door", "auto", "--door", "socktp-raw"}).config.kernel.door,
            DoorChoice::kSocktpRaw);
  EXPECT_EQ(load({"--ring-size", "16MiB"}).config.kernel.ring_bytes, 16u << 20);
  EXPECT_EQ(load({"-d", "7", "-p", "12"}).config.profile.seconds, 7u);
  EXPECT_EQ(load({"-d", "7", "-p", "12"}).config.profile.pid, 12u);
  EXPECT_NE(load({"-d", "-p"}).problems, "") << "a flag is no value";
  EXPECT_NE(load({"-x"}).problems, "");
  EXPECT_EQ(load({"--batch-interval", "1s"}).config.kernel.batch_interval_ms, 1000u);
  EXPECT_EQ(load({"--speed", "2.5"}).config.replay.speed, 2.5);
  EXPECT_EQ(load({"--tapes", "a,b", "--tapes", "c"}).config.replay.tapes,
            (std::vector<std::string>{"a", "b", "c"}));
}

TEST_F(ConfigTest, WrongFlagsAreNamed) {
  EXPECT_EQ(load({"--lisen=x"}).problems, "'--lisen': unknown flag; did you mean --listen?\n");
  EXPECT_EQ(load({"-v"}).problems, "'-v': unknown flag; flags are written --name\n");
  EXPECT_EQ(load({"--listen"}).problems, "--listen: needs a value: text\n");
  EXPECT_EQ(load({"--listen", "--raw"}).problems, "--listen: needs a value: text\n");
  EXPECT_EQ(load({"--listen=localhost:80"}).problems,
            "--listen: 'localhost:80' must be IP:PORT, such as 127.0.0.1:9464 or [::1]:9464\n");
  EXPECT_EQ(load({"--no-listen"}).problems,
            "'--no-listen': unknown flag; did you mean --listen?\n");
  EXPECT_EQ(load({"--shards", "65"}).problems,
            "--shards: '65' is not a whole number from 0 to 64\n");
  EXPECT_EQ(load({"--shards=-1"}).problems, "--shards: '-1' is not a whole number from 0 to 64\n");
  EXPECT_EQ(load({"--ring-size=3MiB"}).problems,
            "--ring-size: '3MiB' is not a power of two from 64KiB to 1GiB, in KiB, MiB or GiB\n");
  EXPECT_EQ(
      load({"--ring-size=1048576"}).problems,
      "--ring-size: '1048576' is not a power of two from 64KiB to 1GiB, in KiB, MiB or GiB\n");
  EXPECT_EQ(load({"--ring-size=18446744073709551615GiB"}).problems.substr(0, 12), "--ring-size:");
  EXPECT_EQ(load({"--speed=nan"}).problems, "--speed: 'nan' is not a number from 0 to 1000\n");
  EXPECT_EQ(load({"--door=socktpraw"}).problems,
            "--door: 'socktpraw' is not one of auto, socktp-btf, socktp-raw, fexit-btf, "
            "fexit-hash, syscall; did you mean socktp-raw?\n");
  EXPECT_EQ(load({"stray"}).problems, "'stray': unexpected word: this command takes flags only\n");
}

TEST_F(ConfigTest, FlagsOfOtherCommandsAreRefused) {
  Problems problems;
  const OptionGroup groups[] = {OptionGroup::kGeneral};
  const std::string_view arguments[] = {"--speed=2", "--log-level=warn"};
  EXPECT_EQ(read_flags(arguments, groups, problems).assignments.size(), 1u);
  EXPECT_EQ(problems.text(), "'--speed': this command has no such flag\n");
}

TEST_F(ConfigTest, OperandsFillTheirOption) {
  EXPECT_EQ(load({"a.tape"}, {}, nullptr, "tape").config.record.tape, "a.tape");
  EXPECT_EQ(load({"--", "--odd"}, {}, nullptr, "tape").config.record.tape, "--odd");
  EXPECT_EQ(load({"a", "b"}, {}, nullptr, "tape").problems,
            "'b': unexpected word: this command takes one\n");
  EXPECT_EQ(load({"a", "b"}, {}, "replay: {tapes: [z]}", "tapes").config.replay.tapes,
            (std::vector<std::string>{"a", "b"}));
}

TEST_F(ConfigTest, PrintedConfigurationReadsBackAsItself) {
  const Outcome first =
      load({"--include=exe=*/a\\,b,port=80-90,port=443",
            "--exclude=args=say \"hi\"\\\\ #x: {,user=u", "--listen=[::1]:1", "--max-memory=32MiB",
            "--door=socktp-raw", "--raw", "--speed=0.25", "--tapes=a b", "--tapes=c",
            "--name-rule=exe=nginx,name=front\\,1,label.team=web: \"a\"", "--route=/a/{id}"});
  ASSERT_EQ(first.problems, "");
  const std::string printed = config_yaml(first.config);
  const Outcome again = load({}, {}, printed.c_str());
  EXPECT_EQ(again.problems, "") << printed;
  for (const Option& option : options()) {
    EXPECT_TRUE(option.path.empty() || same_value(option, first.config, again.config))
        << option.path << "\n"
        << printed;
  }
  EXPECT_NE(printed.find("  listen: \"[::1]:1\"  # set\n"), std::string::npos) << printed;
  EXPECT_NE(printed.find("  series: 20000\n"), std::string::npos);
}

TEST_F(ConfigTest, CopiesOfAllValuesMakeTheSameConfig) {
  const Outcome from = load({"--include=exe=a", "--log-level=warn", "--shards=3", "--raw"});
  Config to;
  for (const Option& option : options()) {
    copy_value(option, from.config, to);
    EXPECT_TRUE(same_value(option, from.config, to)) << option.flag;
  }
  EXPECT_EQ(to.selection.include, from.config.selection.include);
  EXPECT_EQ(to.log.level, log::Level::kWarn);
}

TEST_F(ConfigTest, TheFileCanBeAnOperand) {
  EXPECT_EQ(load({"/nowhere/x.yaml"}, {}, nullptr, "config").problems,
            "/nowhere/x.yaml: cannot be opened: No such file or directory\n");
}

TEST_F(ConfigTest, EnvironmentSlipsWarnAndStrangersDoNot) {
  const Outcome out = load({}, {"SONDE_LISTN=1.2.3.4:5", "SONDE_PORT=tcp://10.0.0.1:9464",
                                "SONDE_SERVICE_HOST=10.0.0.1", "SONDE_CACHE=/x", "SONDE_DOOR="});
  EXPECT_EQ(out.problems, "");
  EXPECT_EQ(
      out.warnings,
      (std::vector<std::string>{"'SONDE_LISTN': unknown variable; did you mean SONDE_LISTEN?"}));
  EXPECT_EQ(load({}, {"SONDE_DOOR=window"}).problems,
            "SONDE_DOOR: 'window' is not one of auto, socktp-btf, socktp-raw, fexit-btf, "
            "fexit-hash, syscall\n");
}

TEST_F(ConfigTest, NamedFileMustBeThere) {
  EXPECT_EQ(load({"--config=/nonexistent.yaml"}).problems,
            "/nonexistent.yaml: cannot be opened: No such file or directory\n");
  EXPECT_EQ(load({}, {"SONDE_CONFIG=/"}).problems, "/: cannot be read: Is a directory\n");
  EXPECT_EQ(load({"--config=/dev/null"}, {"SONDE_CONFIG=/nonexistent.yaml"}).problems, "");
  EXPECT_EQ(load({"--config=/dev/zero"}).problems, "/dev/zero:1: larger than 1024 KiB\n");
}

TEST_F(ConfigTest, AllProblemsAtOnce) {
  const Outcome out = load({"--shards=x", "--door=x"}, {"SONDE_SPEED=x"}, "a: 1\nb: 2\n");
  EXPECT_EQ(std::count(out.problems.begin(), out.problems.end(), '\n'), 5);
}

TEST_F(ConfigTest, RulesInFlagsAndVariables) {
  const SelectionRule nginx = {.executable = "*/nginx",
                               .arguments = "",
                               .cgroup = "",
                               .user = "www-data",
                               .ports = {{80, 90}, {443, 443}}};
  const Outcome flag = load({"--include", "exe=*/nginx,port=80-90,port=443,user=www-data"});
  EXPECT_EQ(flag.problems, "");
  EXPECT_EQ(flag.config.selection.include, std::vector{nginx});

  const Outcome variable = load({}, {"SONDE_EXCLUDE=user=1000;cgroup=*docker*,args=a\\,b\\;c"},
                                "selection: {exclude: [{exe: gone}]}");
  EXPECT_EQ(variable.problems, "");
  ASSERT_EQ(variable.config.selection.exclude.size(), 2u);
  EXPECT_EQ(variable.config.selection.exclude[1].arguments, "a\\,b\\;c");
  EXPECT_TRUE(load({"--exclude="}, {"SONDE_EXCLUDE=user=1"}).config.selection.exclude.empty());
}

TEST_F(ConfigTest, WrongRulesAreNamed) {
  EXPECT_EQ(load({"--include=nginx"}).problems,
            "--include: 'nginx' is not a rule such as exe=*/nginx,port=80-90,user=www-data\n");
  EXPECT_EQ(load({"--include=exec=a"}).problems,
            "--include: 'exec' is no part of a rule (exe, args, port, user, cgroup, container); "
            "did you mean "
            "exe?\n");
  for (const char* port : {"0", "65536", "90-80", "a", "", "1-", "-1", "80 81"}) {
    const std::string flag = std::string("--include=port=") + port;
    EXPECT_NE(load({flag}).problems.find("is not a port (1 to 65535)"), std::string::npos) << port;
  }
  EXPECT_EQ(load({"--include=exe=a,exe=b"}).problems,
            "--include: exe is given twice: write two rules\n");
  EXPECT_EQ(load({"--include=exe="}).problems, "--include: exe must have 1 to 1024 characters\n");
}

TEST(Nearest, FindsSlipsAndNotStrangers) {
  const std::vector<std::string_view> words = {"run", "record", "replay", "doctor"};
  EXPECT_EQ(nearest("rum", words), "run");
  EXPECT_EQ(nearest("recrod", words), "record");
  EXPECT_EQ(nearest("doctr", words), "doctor");
  EXPECT_EQ(nearest("zebra", words), "");
  EXPECT_EQ(nearest("", words), "");
  EXPECT_EQ(nearest(std::string(1000, 'r'), words), "");
}

}  // namespace
}  // namespace sonde
