// SPDX-License-Identifier: Apache-2.0
// OTLP's profiles say the same as what went in, by the rules of their tables.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "exporters/otlp/profiles.h"
#include "exporters/otlp/profiles.pb.h"

namespace sonde::otlp {
namespace {

using testing::ElementsAre;
using testing::Pair;

Profile example() {
  Profile out;
  out.start_wall_ns = 1'700'000'000'000'000'000;
  out.duration_ns = 30'000'000'000;
  out.period_ns = 20'408'163;
  out.modules = {{.path = "/bin/a", .build_id = "abcd", .in_kernel = false},
                 {.path = "[kernel]", .build_id = {}, .in_kernel = true},
                 {.path = "/never/met", .build_id = "ef", .in_kernel = false}};
  out.frames = {{.module = 0, .offset = 0x1234, .function = "main\xff"},
                {.module = 1, .offset = 0xffff'ffff'8100'0000, .function = "do_work"},
                {.module = 0, .offset = 0x1234, .function = "main\xff"}};
  out.owners = {{.service = "shop", .container = {}, .thread_name = "w", .pid = 7, .thread = 8},
                {.service = "shop", .container = {}, .thread_name = "v", .pid = 7, .thread = 9},
                {.service = "bank", .container = "bank-1", .thread_name = {}, .pid = 9}};
  out.stacks = {{.owner = 0, .frames = {1, 0}, .samples = 3},
                {.owner = 1, .frames = {1, 2}, .samples = 2},
                {.owner = 1, .frames = {1, 0}, .samples = 4},
                {.owner = 2, .frames = {}, .samples = 5}};
  return out;
}

class OtlpProfiles : public testing::Test {
 protected:
  OtlpProfiles() { EXPECT_TRUE(read_.ParseFromString(encode_profiles(example()))); }

  const wire::ProfilesDictionary& tables() const { return read_.dictionary(); }
  std::string text(int place) const { return tables().string_table(place); }
  std::map<std::string, std::string> attributes(const auto& places) const {
    std::map<std::string, std::string> out;
    for (const int place : places) {
      const auto& attribute = tables().attribute_table(place);
      out[text(attribute.key_strindex())] = attribute.value().has_int_value()
                                                ? std::to_string(attribute.value().int_value())
                                                : attribute.value().string_value();
    }
    return out;
  }

  wire::ExportProfilesServiceRequest read_;
};

TEST_F(OtlpProfiles, AResourceForEachService) {
  ASSERT_EQ(read_.resource_profiles_size(), 2);
  std::vector<std::string> resources;
  for (const auto& resource : read_.resource_profiles()) {
    for (const auto& attribute : resource.resource().attributes()) {
      resources.push_back(attribute.key() + "=" + attribute.value().string_value());
    }
  }
  EXPECT_THAT(resources,
              ElementsAre("service.name=shop", "service.name=bank", "container.name=bank-1"));
  const auto& profile = read_.resource_profiles(0).scope_profiles(0).profiles(0);
  EXPECT_EQ(text(profile.sample_type().type_strindex()), "samples");
  EXPECT_EQ(text(profile.sample_type().unit_strindex()), "count");
  EXPECT_EQ(text(profile.period_type().type_strindex()), "cpu");
  EXPECT_EQ(text(profile.period_type().unit_strindex()), "nanoseconds");
  EXPECT_EQ(profile.period(), 20'408'163);
  EXPECT_EQ(profile.time_unix_nano(), 1'700'000'000'000'000'000u);
  EXPECT_EQ(profile.duration_nano(), 30'000'000'000u);
}

TEST_F(OtlpProfiles, SamplesWithTheirStacksAndThreads) {
  const auto& shop = read_.resource_profiles(0).scope_profiles(0).profiles(0);
  ASSERT_EQ(shop.samples_size(), 2);
  EXPECT_THAT(shop.samples(0).values(), ElementsAre(3));
  EXPECT_THAT(shop.samples(1).values(), ElementsAre(2 + 4)) << "of one thread and place";
  EXPECT_THAT(
      attributes(shop.samples(0).attribute_indices()),
      ElementsAre(Pair("process.pid", "7"), Pair("thread.id", "8"), Pair("thread.name", "w")));
  EXPECT_EQ(shop.samples(0).stack_index(), shop.samples(1).stack_index()) << "one stack";
  const auto& stack = tables().stack_table(shop.samples(0).stack_index());
  ASSERT_EQ(stack.location_indices_size(), 2);
  const auto& inner = tables().location_table(stack.location_indices(0));
  const auto& outer = tables().location_table(stack.location_indices(1));
  const auto name = [&](const wire::Location& location) {
    return text(tables().function_table(location.lines(0).function_index()).name_strindex());
  };
  EXPECT_EQ(name(inner), "do_work");
  EXPECT_EQ(name(outer), "main\xEF\xBF\xBD");
  EXPECT_EQ(outer.address(), 0x1234u);
  EXPECT_THAT(attributes(inner.attribute_indices()),
              ElementsAre(Pair("profile.frame.type", "kernel")));
  const auto& file = tables().mapping_table(outer.mapping_index());
  EXPECT_EQ(text(file.filename_strindex()), "/bin/a");
  EXPECT_THAT(attributes(file.attribute_indices()),
              ElementsAre(Pair("process.executable.build_id.gnu", "abcd")));
  const auto& bank = read_.resource_profiles(1).scope_profiles(0).profiles(0);
  EXPECT_EQ(bank.samples(0).stack_index(), 0);
}

// "Each line's caller stands behind it."
TEST_F(OtlpProfiles, InlinedFunctionsAreLines) {
  Profile profile = example();
  profile.frames[0].file = "/src/a.c";
  profile.frames[0].line = 30;
  profile.frames[0].inlined = {{.function = "leaf", .file = "/src/leaf.h", .line = 7}};
  ASSERT_TRUE(read_.ParseFromString(encode_profiles(profile)));
  std::vector<std::string> seen;
  for (const auto& location : tables().location_table()) {
    for (const auto& line : location.lines()) {
      const auto& function = tables().function_table(line.function_index());
      seen.push_back(text(function.name_strindex()) + " " + text(function.filename_strindex()) +
                     ":" + std::to_string(line.line()));
    }
  }
  EXPECT_THAT(seen, ElementsAre("do_work :0", "leaf /src/leaf.h:7", "main\xEF\xBF\xBD /src/a.c:30",
                                "main\xEF\xBF\xBD :0"));
}

// Each stands for the profile's period: there is no other place to say how long it was.
TEST(OtlpProfile, SamplesOfSeveralPeriods) {
  Profile mixed = example();
  mixed.stacks[0].periods = 12;
  wire::ExportProfilesServiceRequest read;
  ASSERT_TRUE(read.ParseFromString(encode_profiles(mixed)));
  const auto& shop = read.resource_profiles(0).scope_profiles(0).profiles(0);
  EXPECT_THAT(shop.samples(0).values(), ElementsAre(12));
  EXPECT_THAT(shop.samples(1).values(), ElementsAre(2 + 4));
}

// "Index 0 of every table must be present and zero"; nothing twice, nothing that is not used.
TEST_F(OtlpProfiles, TablesKeepTheirRules) {
  const auto sound = [](const auto& table, std::string_view what) {
    ASSERT_GT(table.size(), 0) << what;
    EXPECT_EQ(table.Get(0).SerializeAsString(), "") << what;
    std::set<std::string> met;
    for (const auto& entry : table) {
      EXPECT_TRUE(met.insert(entry.SerializeAsString()).second) << what;
    }
  };
  sound(tables().mapping_table(), "mappings");
  sound(tables().location_table(), "locations");
  sound(tables().function_table(), "functions");
  sound(tables().link_table(), "links");
  sound(tables().attribute_table(), "attributes");
  sound(tables().stack_table(), "stacks");
  EXPECT_EQ(tables().string_table(0), "");
  const std::set<std::string> texts(tables().string_table().begin(), tables().string_table().end());
  EXPECT_EQ(texts.size(), static_cast<size_t>(tables().string_table_size()));
  EXPECT_FALSE(texts.contains("/never/met"));
  EXPECT_EQ(tables().mapping_table_size(), 3);
  EXPECT_EQ(tables().location_table_size(), 3) << "frames that are one place";
}

}  // namespace
}  // namespace sonde::otlp
