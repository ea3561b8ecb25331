// SPDX-License-Identifier: Apache-2.0
// Profiles as pprof and as text say the same as what went in.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <map>

#include "exporters/gzip.h"
#include "exporters/pprof/decode.h"
#include "exporters/pprof/encode.h"
#include "exporters/pprof/profile.pb.h"
#include "exporters/stacks/folded.h"

namespace sonde {
namespace {

using testing::ElementsAre;
using testing::Pair;

Profile example() {
  Profile out;
  out.start_wall_ns = 1'700'000'000'000'000'000;
  out.duration_ns = 30'000'000'000;
  out.period_ns = 20'408'163;
  out.modules = {{.path = "/bin/a", .build_id = "abcd", .in_kernel = false},
                 {.path = "[kernel]", .build_id = {}, .in_kernel = true}};
  out.frames = {{.module = 0, .offset = 0x1234, .function = "a;b\n"},
                {.module = 1, .offset = 0xffff'ffff'8100'0000, .function = "do_work"},
                {.module = 0, .offset = 0x1300, .function = "a;b\n"}};
  out.owners = {
      {.service = "shop", .container = {}, .thread_name = "w\xff", .pid = 7, .thread = 8},
      {.service = "bank", .container = "bank-1", .thread_name = "main", .pid = 9, .thread = 9}};
  out.stacks = {{.owner = 0, .frames = {1, 0}, .samples = 3},
                {.owner = 0, .frames = {2, 0}, .samples = 2},
                {.owner = 1, .frames = {0}, .samples = 5}};
  return out;
}

std::string unzipped(std::string zipped) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  std::string out(1 << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(zipped.data());
  stream.avail_in = static_cast<uInt>(zipped.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

TEST(Text, CodeWithoutANameTellsItsBuild) {
  Profile profile = example();
  profile.modules[0] = {
      .path = "/bin/a", .build_id = "93ac61ec5a8eb1396f9fbd35", .in_kernel = false};
  profile.frames[0].function = "a+0x1234";
  profile.frames[2].function = "a+0x1234";  // called so, and stands elsewhere: it has a name
  EXPECT_EQ(stacks::folded(profile),
            "bank;a:93ac61ec5a8eb139+0x1234 5\n"
            "shop;a:93ac61ec5a8eb139+0x1234;a+0x1234 2\n"
            "shop;a:93ac61ec5a8eb139+0x1234;do_work_[k] 3\n");
  EXPECT_TRUE(stacks::top(profile).contains("  a:93ac61ec5a8eb139+0x1234\n"));
  EXPECT_EQ(stacks::frame_name(profile, 0), "a+0x1234");
  profile.modules[0].build_id.clear();
  EXPECT_TRUE(stacks::folded(profile).starts_with("bank;a+0x1234 5\n"));
}

class PprofTest : public testing::Test {
 protected:
  PprofTest() { EXPECT_TRUE(read_.ParseFromString(unzipped(pprof::encode(example())))); }

  const std::string& text(int64_t place) const {
    return read_.string_table(static_cast<int>(place));
  }
  std::map<std::string, std::string> labels(int sample) const {
    std::map<std::string, std::string> out;
    for (const auto& label : read_.sample(sample).label()) {
      out[text(label.key())] = text(label.str());
    }
    return out;
  }
  const pprof::wire::Location& location(int sample, int depth) const {
    return read_.location(static_cast<int>(read_.sample(sample).location_id(depth)) - 1);
  }
  std::string function(const pprof::wire::Location& location) const {
    return text(read_.function(static_cast<int>(location.line(0).function_id()) - 1).name());
  }

  pprof::wire::Profile read_;
};

TEST_F(PprofTest, SaysWhatItCounts) {
  EXPECT_EQ(text(0), "");
  ASSERT_EQ(read_.sample_type_size(), 2);
  EXPECT_EQ(text(read_.sample_type(0).type()), "samples");
  EXPECT_EQ(text(read_.sample_type(0).unit()), "count");
  EXPECT_EQ(text(read_.sample_type(1).type()), "cpu");
  EXPECT_EQ(text(read_.sample_type(1).unit()), "nanoseconds");
  EXPECT_EQ(text(read_.period_type().type()), "cpu");
  EXPECT_EQ(text(read_.default_sample_type()), "cpu");
  EXPECT_EQ(read_.period(), 20'408'163);
  EXPECT_EQ(read_.time_nanos(), 1'700'000'000'000'000'000);
  EXPECT_EQ(read_.duration_nanos(), 30'000'000'000);
}

TEST_F(PprofTest, SamplesHaveTheirStackTimeAndOwner) {
  ASSERT_EQ(read_.sample_size(), 3);
  EXPECT_THAT(read_.sample(0).value(), ElementsAre(3, 3 * 20'408'163));
  EXPECT_EQ(function(location(0, 0)), "do_work");
  EXPECT_EQ(function(location(0, 1)), "a;b\n");
  EXPECT_EQ(location(0, 1).address(), 0x1234u);
  EXPECT_THAT(labels(0), ElementsAre(Pair("comm", "w\xEF\xBF\xBD"), Pair("pid", "7"),
                                     Pair("service", "shop"), Pair("thread", "8")));
  EXPECT_THAT(labels(2),
              ElementsAre(Pair("comm", "main"), Pair("container", "bank-1"), Pair("pid", "9"),
                          Pair("service", "bank"), Pair("thread", "9")));
}

TEST(Pprof, SamplesOfSeveralPeriods) {
  Profile mixed = example();
  mixed.stacks[0].periods = 12;  // three samples of one ring in four
  pprof::wire::Profile read;
  ASSERT_TRUE(read.ParseFromString(pprof::encode_plain(mixed)));
  EXPECT_THAT(read.sample(0).value(), ElementsAre(3, 12 * 20'408'163));
  EXPECT_THAT(read.sample(1).value(), ElementsAre(2, 2 * 20'408'163));
  const auto again = pprof::decode(pprof::encode_plain(mixed));
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_EQ(again->samples(), mixed.samples());
  EXPECT_EQ(again->periods(), mixed.periods());
  EXPECT_EQ(stacks::folded(*again), stacks::folded(mixed));
  EXPECT_NE(stacks::folded(mixed).find(" 12\n"), std::string::npos) << stacks::folded(mixed);
}

TEST_F(PprofTest, PlacesOfOneFunctionShareIt) {
  EXPECT_EQ(read_.function_size(), 2);
  EXPECT_EQ(location(1, 0).line(0).function_id(), location(1, 1).line(0).function_id());
  EXPECT_NE(location(1, 0).id(), location(1, 1).id());
}

// As `go tool pprof` demands: numbers that are there, and addresses inside their mapping.
TEST_F(PprofTest, IsWhole) {
  for (const auto& sample : read_.sample()) {
    EXPECT_EQ(sample.value_size(), read_.sample_type_size());
    for (const uint64_t id : sample.location_id()) {
      EXPECT_GE(id, 1u);
      EXPECT_LE(id, static_cast<uint64_t>(read_.location_size()));
    }
  }
  for (const auto& location : read_.location()) {
    ASSERT_GE(location.mapping_id(), 1u);
    const auto& mapping = read_.mapping(static_cast<int>(location.mapping_id()) - 1);
    EXPECT_GE(location.address(), mapping.memory_start());
    EXPECT_LT(location.address(), mapping.memory_limit());
    EXPECT_TRUE(mapping.has_functions());
  }
  EXPECT_EQ(text(read_.mapping(0).filename()), "/bin/a");
  EXPECT_EQ(text(read_.mapping(0).build_id()), "abcd");
}

TEST(Pprof, OfNothing) {
  pprof::wire::Profile read;
  ASSERT_TRUE(read.ParseFromString(pprof::encode_plain({})));
  EXPECT_EQ(read.sample_size(), 0);
  EXPECT_EQ(read.sample_type_size(), 2);
}

TEST(Folded, LinesThatNoNameCanCut) {
  EXPECT_EQ(stacks::folded(example()),
            "bank;a:b? 5\n"
            "shop;a:b?;a:b? 2\n"
            "shop;a:b?;do_work_[k] 3\n");
  EXPECT_EQ(stacks::folded({}), "");
}

TEST(Top, CountsAFunctionOnceAStack) {
  const std::string table = stacks::top(example());
  EXPECT_TRUE(table.starts_with("10 samples, 0.20 s of CPU time\n")) << table;
  EXPECT_NE(table.find("        5   50.0  bank\n"), std::string::npos) << table;
  EXPECT_NE(table.find("        7   70.0       10  100.0  a:b?\n"), std::string::npos) << table;
  EXPECT_NE(table.find("        3   30.0        3   30.0  do_work_[k]\n"), std::string::npos)
      << table;
  EXPECT_EQ(stacks::top(example(), 1).find("do_work"), std::string::npos);
}

TEST(PprofDecode, WhatWasWrittenIsRead) {
  const Profile profile = example();
  for (const std::string& bytes : {pprof::encode(profile), pprof::encode_plain(profile)}) {
    const auto read = pprof::decode(bytes);
    ASSERT_TRUE(read.has_value()) << read.error().what;
    EXPECT_EQ(stacks::folded(*read), stacks::folded(profile));
    EXPECT_EQ(stacks::top(*read), stacks::top(profile));
    EXPECT_EQ(read->duration_ns, profile.duration_ns);
    EXPECT_EQ(read->period_ns, profile.period_ns);
    ASSERT_EQ(read->owners.size(), 2u);
    EXPECT_EQ(read->owners[1].container, "bank-1");
    EXPECT_EQ(read->owners[1].pid, 9u);
  }
}

TEST(PprofDecode, WhatIsCutOrDamagedIsRefused) {
  const std::string whole = pprof::encode(example());
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(pprof::decode(whole.substr(0, size)).has_value()) << size;
  }
  EXPECT_FALSE(pprof::decode("no profile").has_value());
  std::string bomb;
  GzipStream().add(std::string(pprof::kMaxPlainBytes + 1, '\0'), true, bomb);
  EXPECT_EQ(pprof::decode(bomb).error().what, "it holds more than 64 MiB");
}

// Two functions of the program's were put into what stands at 0x1234.
Profile inlined_example() {
  Profile out = example();
  out.frames[0].file = "/src/a.c";
  out.frames[0].line = 30;
  out.frames[0].inlined = {{.function = "leaf", .file = "/src/leaf.h", .line = 7},
                           {.function = "middle", .file = "/src/a.c", .line = 20}};
  return out;
}

TEST(PprofLines, InlinedFunctionsAreLinesInnermostFirst) {
  pprof::wire::Profile read;
  ASSERT_TRUE(read.ParseFromString(pprof::encode_plain(inlined_example())));
  const auto text = [&](int64_t place) { return read.string_table(static_cast<int>(place)); };
  std::vector<std::string> lines;
  for (const auto& line : read.location(0).line()) {
    const auto& function = read.function(static_cast<int>(line.function_id()) - 1);
    EXPECT_EQ(function.id(), line.function_id());
    lines.push_back(text(function.name()) + " " + text(function.filename()) + ":" +
                    std::to_string(line.line()));
  }
  EXPECT_THAT(lines, ElementsAre("leaf /src/leaf.h:7", "middle /src/a.c:20", "a;b\n /src/a.c:30"));
  EXPECT_EQ(read.location(2).line_size(), 1);
  EXPECT_EQ(read.location(2).line(0).line(), 0);
}

TEST(PprofLines, AMappingSaysWhatItHas) {
  const auto flags = [](const Profile& profile) {
    pprof::wire::Profile read;
    EXPECT_TRUE(read.ParseFromString(pprof::encode_plain(profile)));
    std::vector<std::string> out;
    for (const auto& mapping : read.mapping()) {
      out.push_back(
          std::string(mapping.has_functions() ? "F" : "-") + (mapping.has_filenames() ? "f" : "-") +
          (mapping.has_line_numbers() ? "l" : "-") + (mapping.has_inline_frames() ? "i" : "-"));
    }
    return out;
  };
  EXPECT_THAT(flags(example()), ElementsAre("F---", "F---"));
  Profile profile = inlined_example();
  EXPECT_THAT(flags(profile), ElementsAre("Ffli", "F---"));
  profile.frames[0].inlined.clear();
  EXPECT_THAT(flags(profile), ElementsAre("Ffl-", "F---"));
  profile.frames[0].line = 0;
  EXPECT_THAT(flags(profile), ElementsAre("Ff--", "F---"));
}

TEST(PprofLines, AreReadBack) {
  const Profile profile = inlined_example();
  const auto read = pprof::decode(pprof::encode(profile));
  ASSERT_TRUE(read) << read.error().what;
  ASSERT_EQ(read->frames.size(), 3u);
  EXPECT_EQ(read->frames[0].function, "a;b\n");
  EXPECT_EQ(read->frames[0].file, "/src/a.c");
  EXPECT_EQ(read->frames[0].line, 30u);
  ASSERT_EQ(read->frames[0].inlined.size(), 2u);
  EXPECT_EQ(read->frames[0].inlined[0].function, "leaf");
  EXPECT_EQ(read->frames[0].inlined[0].file, "/src/leaf.h");
  EXPECT_EQ(read->frames[0].inlined[0].line, 7u);
  EXPECT_EQ(stacks::folded(*read), stacks::folded(profile));
}

TEST(Folded, InlinedFunctionsAreFramesAndMarked) {
  EXPECT_EQ(stacks::folded(inlined_example()),
            "bank;a:b?;middle_[i];leaf_[i] 5\n"
            "shop;a:b?;middle_[i];leaf_[i];a:b? 2\n"
            "shop;a:b?;middle_[i];leaf_[i];do_work_[k] 3\n");
}

TEST(Top, AnInlinedFunctionIsTheFunction) {
  const auto samples = stacks::function_samples(inlined_example());
  EXPECT_EQ(samples.at("leaf").self, 5u);
  EXPECT_EQ(samples.at("leaf").total, 10u);
  EXPECT_EQ(samples.at("middle").self, 0u);
  EXPECT_EQ(samples.at("a;b\n").self, 2u);
  EXPECT_EQ(samples.at("a;b\n").total, 10u);
}

class WireTest : public testing::Test {
 protected:
  WireTest() {
    EXPECT_TRUE(wire_.ParseFromString(pprof::encode_plain(example())));
    EXPECT_EQ(problem(), "");
  }
  std::string problem() const {
    const auto read = pprof::decode(wire_.SerializeAsString());
    return read ? "" : read.error().what;
  }
  pprof::wire::Profile wire_;
};

TEST_F(WireTest, WhatDoesNotHoldTogetherIsRefused) {
  const pprof::wire::Profile good = wire_;
  wire_.mutable_sample(0)->set_location_id(0, 77);
  EXPECT_EQ(problem(), "a sample's location is not there");
  wire_ = good;
  wire_.mutable_location(0)->mutable_line(0)->set_function_id(77);
  EXPECT_EQ(problem(), "a location's function is not there");
  wire_ = good;
  wire_.mutable_location(0)->set_mapping_id(77);
  EXPECT_EQ(problem(), "a location's mapping is not there");
  wire_ = good;
  wire_.mutable_location(0)->set_id(wire_.location(1).id());
  EXPECT_EQ(problem(), "two locations have one number");
  wire_ = good;
  wire_.mutable_sample(0)->set_value(0, -1);
  EXPECT_EQ(problem(), "it is a difference already");
  wire_ = good;
  wire_.mutable_sample(0)->set_value(0, INT64_MAX);
  EXPECT_EQ(problem(), "it is of more time than there is");
  wire_ = good;
  wire_.mutable_sample(0)->clear_value();
  EXPECT_EQ(problem(), "a sample has no value");
  wire_ = good;
  for (size_t i = 0; i <= pprof::kMaxStackFrames; ++i) {
    wire_.mutable_sample(0)->add_location_id(1);
  }
  EXPECT_EQ(problem(), "its stacks are too deep");
  wire_ = good;  // the same of inlined functions
  for (size_t i = 1; i < pprof::kMaxInlined; ++i) {
    wire_.mutable_location(0)->add_line()->set_function_id(wire_.function(0).id());
  }
  for (size_t i = 0; i < pprof::kMaxStackFrames / pprof::kMaxInlined; ++i) {
    wire_.mutable_sample(0)->add_location_id(wire_.location(0).id());
  }
  EXPECT_EQ(problem(), "its stacks are too deep");
  wire_ = good;
  wire_.mutable_sample_type(1)->set_type(0);
  wire_.mutable_period_type()->set_type(0);
  EXPECT_EQ(problem(), "it is no profile of CPU time");
}

TEST_F(WireTest, OneTextCannotBecomeMany) {
  // 64 KiB that each of many functions is called by.
  wire_.add_string_table(std::string(65536, 'x'));
  for (uint64_t id = 100; id < 100 + pprof::kMaxNameBytes / 65536; ++id) {
    auto* function = wire_.add_function();
    function->set_id(id);
    function->set_name(wire_.string_table_size() - 1);
    auto* location = wire_.add_location();
    location->set_id(id);
    location->add_line()->set_function_id(id);
  }
  EXPECT_EQ(problem(), "its names are too long");
}

TEST_F(WireTest, InlinedFunctionsAreFrames) {
  wire_.mutable_location(0)->add_line()->set_function_id(wire_.function(1).id());
  const auto read = pprof::decode(wire_.SerializeAsString());
  ASSERT_TRUE(read.has_value());
  EXPECT_NE(stacks::folded(*read).find("shop;do_work;a:b?_[i];do_work_[k] 3"), std::string::npos)
      << stacks::folded(*read);
}

}  // namespace
}  // namespace sonde
