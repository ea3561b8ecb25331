// SPDX-License-Identifier: Apache-2.0
// Which process is sampled how often: the clock rings for the most wanted one.
#include "userspace/inventory/sampling_rates.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace sonde {
namespace {

Process process(const std::string& executable, const std::string& service) {
  Process out;
  out.executable = executable;
  out.user = 33;
  out.service = std::make_shared<const Service>(Service{.name = service,
                                                        .name_space = "shop",
                                                        .instance = {},
                                                        .job = "shop/" + service,
                                                        .language = {},
                                                        .extra = {}});
  return out;
}

SelectionRule who(const std::string& executable, const std::string& user = {}) {
  SelectionRule out;
  out.executable = executable;
  out.user = user;
  return out;
}

SamplingRates make(uint64_t usual_hz, const std::vector<RateRule>& rules) {
  auto out = SamplingRates::make(usual_hz, rules, [](std::string_view name) {
    return name == "www" ? std::optional<uint32_t>(33) : std::nullopt;
  });
  EXPECT_TRUE(out) << out.error().what;
  return *out;
}

TEST(SamplingRates, WithoutRulesAllAreAlike) {
  const SamplingRates rates(49);
  EXPECT_EQ(rates.clock_hz(), 49u);
  EXPECT_EQ(rates.usual_one_in(), 1u);
  EXPECT_EQ(rates.one_in(nullptr), 1u);
}

TEST(SamplingRates, TheClockRingsForTheMostWanted) {
  const SamplingRates rates = make(49, {{.service = "cart", .hz = 199}});
  EXPECT_EQ(rates.clock_hz(), 199u);
  const Process cart = process("/bin/a", "cart");
  const Process other = process("/bin/a", "other");
  EXPECT_EQ(rates.one_in(&cart), 1u);
  EXPECT_EQ(rates.one_in(&other), 4u) << "the nearest: 49.75";
  EXPECT_EQ(rates.one_in(nullptr), 4u);
  EXPECT_EQ(rates.usual_one_in(), 4u);
}

TEST(SamplingRates, NoneAtAllAndMoreSeldom) {
  const SamplingRates rates =
      make(100, {{.service = "noisy", .hz = 0}, {.match = who("b"), .hz = 10}});
  EXPECT_EQ(rates.clock_hz(), 100u);
  const Process noisy = process("/bin/b", "noisy");
  const Process seldom = process("/bin/b", "other");
  EXPECT_EQ(rates.one_in(&noisy), 0u) << "the first rule that matches decides";
  EXPECT_EQ(rates.one_in(&seldom), 10u);
  EXPECT_EQ(rates.usual_one_in(), 1u);
}

TEST(SamplingRates, AllFieldsOfARuleMustMatch) {
  const SamplingRates rates =
      make(49, {{.match = who("a", "www"), .service = "shop/c*", .hz = 98}});
  const Process cart = process("/bin/a", "cart");
  const Process elsewhere = process("/bin/x", "cart");
  Process other_user = process("/bin/a", "cart");
  other_user.user = 34;
  EXPECT_EQ(rates.one_in(&cart), 1u);
  EXPECT_EQ(rates.one_in(&elsewhere), 2u);
  EXPECT_EQ(rates.one_in(&other_user), 2u);
}

TEST(SamplingRates, AnUnknownUserIsNamed) {
  const RateRule rule{.match = who("", "nobody-here"), .hz = 1};
  const auto made =
      SamplingRates::make(49, std::span(&rule, 1), [](std::string_view) { return std::nullopt; });
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().what.find("nobody-here"), std::string::npos);
}

}  // namespace
}  // namespace sonde
