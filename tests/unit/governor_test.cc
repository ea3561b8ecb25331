// SPDX-License-Identifier: Apache-2.0
// The governor: readings in, steps out.
#include "userspace/pipeline/governor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "bpf/shared/records.h"
#include "userspace/pipeline/noise.h"

namespace sonde {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kMiB = 1 << 20;

class GovernorTest : public testing::Test {
 protected:
  // Seconds of this share of two CPUs, a reading each; the steps that were taken, in words.
  std::vector<std::string> spend(int seconds, double share, const std::vector<Loud>& loud = {},
                                 bool profiling = false) {
    std::vector<std::string> told;
    for (int i = 0; i < seconds; ++i) {
      now_.time_ns += kSecond;
      now_.cpu_ns += static_cast<uint64_t>(share * 2 * kSecond);
      if (const auto step = governor_.look(now_, loud, profiling)) {
        EXPECT_NE(step->from, step->to);
        told.push_back(std::string(step->down() ? "-" : "+") + std::string(given_up_by(*step)) +
                       (step->who.empty() ? "" : " of " + step->who));
      }
    }
    return told;
  }

  using Words = std::vector<std::string>;
  Spending now_{.time_ns = 1000 * kSecond, .cpu_ns = 0, .memory_bytes = 50 * kMiB};
  Governor governor_{{.cpu = 0.1, .memory_bytes = 100 * kMiB}, 2};
};

TEST_F(GovernorTest, WithinTheBudgetNothingIsGivenUp) {
  EXPECT_EQ(spend(1000, 0.09), Words());
  EXPECT_NEAR(governor_.cpu(), 0.09, 1e-6);
}

TEST_F(GovernorTest, AMomentIsNoReason) {
  spend(30, 0.01);
  EXPECT_EQ(spend(2, 0.4), Words());
  EXPECT_EQ(spend(30, 0.01), Words());
}

TEST_F(GovernorTest, StepsAreInOrderAndEachIsGivenTimeToHelp) {
  EXPECT_EQ(spend(11, 0.2), Words({"-payload"}));
  EXPECT_EQ(spend(9, 0.2), Words());
  EXPECT_EQ(spend(1, 0.2), Words({"-heads"}));
  EXPECT_EQ(governor_.restraint(""), Restraint::kCount);
  EXPECT_EQ(spend(100, 0.2), Words());
  EXPECT_TRUE(governor_.at_its_end());
  EXPECT_EQ(governor_.steps_down(), 2u);
}

TEST_F(GovernorTest, CalmTakesBackInTheReverseOrder) {
  spend(21, 0.2);
  EXPECT_EQ(spend(29, 0.01), Words());
  EXPECT_EQ(spend(1, 0.01), Words({"+heads"}));
  EXPECT_EQ(spend(30, 0.01), Words({"+payload"}));
  EXPECT_EQ(spend(1000, 0.01), Words());
  EXPECT_EQ(governor_.restraint(""), Restraint::kNone);
  EXPECT_EQ(governor_.steps_up(), 2u);
}

TEST_F(GovernorTest, WithinTheBudgetIsNotCalmYet) {
  spend(11, 0.2);
  EXPECT_EQ(spend(300, 0.06), Words());
  EXPECT_EQ(governor_.restraint(""), Restraint::kHeads);
}

TEST_F(GovernorTest, WhatWasTakenBackTooEarlyTakesLongerNextTime) {
  spend(11, 0.2);
  EXPECT_EQ(spend(30, 0.01), Words({"+payload"}));
  EXPECT_EQ(spend(10, 0.2), Words({"-payload"}));
  EXPECT_EQ(spend(59, 0.01), Words());
  EXPECT_EQ(spend(1, 0.01), Words({"+payload"}));
  EXPECT_EQ(spend(10, 0.2), Words({"-payload"}));
  EXPECT_EQ(spend(119, 0.01), Words());
  EXPECT_EQ(spend(1, 0.01), Words({"+payload"}));
  // And what held long makes up for it.
  spend(700, 0.01);
  EXPECT_EQ(spend(5, 0.2), Words({"-payload"}));
  EXPECT_EQ(spend(30, 0.01), Words({"+payload"}));
}

TEST_F(GovernorTest, TheLoudOneIsRestrainedAlone) {
  const std::vector<Loud> loud = {{"shop", 0.8}, {"other", 0.2}};
  EXPECT_EQ(spend(21, 0.2, loud), Words({"-payload of shop", "-heads of shop"}));
  EXPECT_EQ(governor_.restraint("shop"), Restraint::kCount);
  EXPECT_EQ(governor_.restraint(""), Restraint::kNone);
  EXPECT_EQ(governor_.restraint("other"), Restraint::kNone);
  // If that was not enough, everybody's turn comes.
  EXPECT_EQ(spend(20, 0.2, loud), Words({"-payload", "-heads"}));
  EXPECT_EQ(spend(121, 0.01), Words({"+heads", "+payload", "+heads of shop", "+payload of shop"}));
}

TEST_F(GovernorTest, TwoEndsOfTheSameNoiseAreRestrainedOneAfterTheOther) {
  EXPECT_EQ(spend(51, 0.2, {{"client", 0.51}, {"server", 0.48}}),
            Words({"-payload of client", "-heads of client", "-payload of server",
                   "-heads of server", "-payload"}));
}

TEST_F(GovernorTest, TheRateOfProfilesGoesBeforeAnybodysHeads) {
  EXPECT_EQ(spend(31, 0.2, {}, true), Words({"-payload", "-rate of profiles", "-heads"}));
  EXPECT_TRUE(governor_.profiles_slowed());
  EXPECT_TRUE(spend(100, 0.2, {}, true).empty());
  EXPECT_TRUE(governor_.at_its_end());
  EXPECT_EQ(governor_.steps_down(), 3u);
  EXPECT_EQ(spend(91, 0.01), Words({"+heads", "+rate of profiles", "+payload"}));
  EXPECT_FALSE(governor_.profiles_slowed());
}

TEST_F(GovernorTest, TheRateOfProfilesIsEverybodys) {
  const std::vector<Loud> loud = {{"shop", 0.8}};
  EXPECT_EQ(spend(41, 0.2, loud, true),
            Words({"-payload of shop", "-rate of profiles", "-heads of shop", "-payload"}));
  EXPECT_EQ(governor_.restraint("shop"), Restraint::kCount);
  EXPECT_EQ(governor_.restraint(""), Restraint::kHeads);
}

TEST_F(GovernorTest, AProfileThatBeginsLateIsTheNextToGiveUp) {
  EXPECT_EQ(spend(31, 0.2), Words({"-payload", "-heads"}));
  EXPECT_TRUE(governor_.at_its_end());
  EXPECT_EQ(spend(11, 0.2, {}, true), Words({"-rate of profiles"}));
  // It ends: nothing is left to give up, and what was is taken back in its turn.
  EXPECT_EQ(spend(20, 0.2), Words());
  EXPECT_EQ(spend(31, 0.01), Words({"+rate of profiles"}));
  EXPECT_EQ(governor_.restraint(""), Restraint::kCount);
}

TEST_F(GovernorTest, NobodyAnswersForWhatManyDo) {
  EXPECT_EQ(spend(11, 0.2, {{"shop", 0.3}, {"other", 0.3}}), Words({"-payload"}));
}

TEST_F(GovernorTest, OneThatAllWereRestrainedWithGoesOnFromThere) {
  EXPECT_EQ(spend(11, 0.2), Words({"-payload"}));
  EXPECT_EQ(spend(10, 0.2, {{"shop", 0.9}}), Words({"-heads of shop"}));
  EXPECT_EQ(spend(60, 0.01), Words({"+heads of shop", "+payload"}));
}

TEST_F(GovernorTest, NotEverybodyCanBeRestrainedAlone) {
  Words told = spend(1, 0.2);
  for (int i = 0; i < 40; ++i) {
    const Words more = spend(10, 0.2, {{"shop" + std::to_string(i), 0.9}});
    told.insert(told.end(), more.begin(), more.end());
  }
  EXPECT_EQ(std::ranges::count(told, "-payload"), 1);
  EXPECT_EQ(std::ranges::count(told, "-heads"), 1);
  EXPECT_EQ(told.size(), Governor::kMostAlone + 2);
}

TEST_F(GovernorTest, MemoryIsAReasonToo) {
  now_.memory_bytes = 101 * kMiB;
  EXPECT_EQ(spend(11, 0.01), Words({"-payload"}));
  now_.memory_bytes = 80 * kMiB;
  EXPECT_EQ(spend(100, 0.01), Words());
  now_.memory_bytes = 70 * kMiB;
  EXPECT_EQ(spend(1, 0.01), Words({"+payload"}));
}

TEST_F(GovernorTest, NoBudgetIsNoReason) {
  Governor any({}, 2);
  for (int i = 0; i < 100; ++i) {
    now_.time_ns += kSecond;
    now_.cpu_ns += 2 * kSecond;
    EXPECT_FALSE(any.look(now_, {}));
  }
}

TEST_F(GovernorTest, TimeThatStandsStillOrGoesBackIsNoNews) {
  spend(5, 0.05);
  for (int i = 0; i < 200; ++i) {
    EXPECT_FALSE(governor_.look(now_, {}));
  }
  now_.cpu_ns = 0;
  EXPECT_EQ(spend(20, 0.01), Words());
}

// A record of this process.
std::vector<uint8_t> record_of(uint32_t pid, size_t captured = 100) {
  sonde_data_record data{};
  data.header.kind = SONDE_RECORD_DATA;
  data.captured = static_cast<uint32_t>(captured);
  data.pid = pid;
  std::vector<uint8_t> out(sizeof(data) + captured);
  std::memcpy(out.data(), &data, sizeof(data));
  return out;
}

uint64_t weight_of(const Noise& noise, uint32_t pid) {
  for (const Noise::Place& place : noise.places()) {
    if (place.pid == Pid{pid}) {
      return place.weight;
    }
  }
  return 0;
}

TEST(NoiseTest, TheLoudestStandsOutOfManyMore) {
  Noise noise;
  for (uint32_t i = 0; i < 100'000; ++i) {
    noise.heard(record_of(i % 3 == 0 ? 7 : 1000 + i));
  }
  const double share = static_cast<double>(weight_of(noise, 7)) / static_cast<double>(noise.all());
  EXPECT_GT(share, 0.32);
  EXPECT_LT(share, 0.40);
}

TEST(NoiseTest, BytesWeighToo) {
  Noise noise;
  for (uint32_t i = 0; i < 10'000; ++i) {
    noise.heard(record_of(1 + i % 2, i % 2 == 0 ? 4096 : 0));
  }
  EXPECT_GT(weight_of(noise, 1), 5 * weight_of(noise, 2));
}

TEST(NoiseTest, WhatWasLoudFades) {
  Noise noise;
  for (int i = 0; i < 10'000; ++i) {
    noise.heard(record_of(1));
  }
  for (int second = 0; second < 30; ++second) {
    noise.fade();
    for (int i = 0; i < 700; ++i) {
      noise.heard(record_of(2));
    }
  }
  EXPECT_GT(weight_of(noise, 2), 9 * weight_of(noise, 1));
  for (int second = 0; second < 300; ++second) {
    noise.fade();
  }
  EXPECT_EQ(noise.all(), 0u);
}

TEST(NoiseTest, OtherRecordsAndPiecesOfOnesAreNobodys) {
  Noise noise;
  const std::vector<uint8_t> whole = record_of(7);
  for (size_t size = 0; size < sizeof(sonde_data_record); ++size) {
    for (int i = 0; i < 10; ++i) {
      noise.heard(std::span(whole).first(size));
    }
  }
  std::vector<uint8_t> other = whole;
  other[0] = SONDE_RECORD_CLOSE;
  for (int i = 0; i < 10; ++i) {
    noise.heard(other);
  }
  EXPECT_EQ(noise.all(), 0u);
}

}  // namespace
}  // namespace sonde
