// SPDX-License-Identifier: Apache-2.0
// Exponential buckets: each value in the right one, however far apart the values lie.
#include "userspace/pipeline/exponential.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>
#include <vector>

#include "userspace/pipeline/histogram.h"

namespace sonde {
namespace {

double bound(int schema, int index) { return std::exp2(std::ldexp(index, -schema)); }

uint64_t total(const ExponentialBuckets& buckets) {
  return std::accumulate(buckets.counts.begin(), buckets.counts.end(), buckets.zero_count);
}

TEST(Exponential, EachValueIsBetweenTheBoundsOfItsBucket) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 200'000; ++i) {
    // All magnitudes alike, and all mantissas.
    const double value = std::ldexp(1.0 + std::generate_canonical<double, 53>(random),
                                    static_cast<int>(random() % 100) - 50);
    const int index = exponential_index(value);
    ASSERT_LE(value, bound(3, index) * (1 + 1e-15)) << value;
    ASSERT_GT(value, bound(3, index - 1) * (1 - 1e-15)) << value;
  }
}

TEST(Exponential, UpperBoundsAreInclusive) {
  for (int exponent = -30; exponent <= 30; ++exponent) {
    const double power = std::ldexp(1.0, exponent);
    EXPECT_EQ(exponential_index(power), exponent * 8);
    EXPECT_EQ(exponential_index(std::nextafter(power, 1e300)), exponent * 8 + 1);
    EXPECT_EQ(exponential_index(std::nextafter(power, 0)), exponent * 8);
  }
  const double root = std::sqrt(2.0);
  EXPECT_EQ(exponential_index(root), 4);
  EXPECT_EQ(exponential_index(std::nextafter(root, 2)), 5);
}

TEST(Exponential, CoarserBucketsHoldWhatTheirFinerOnesHeld) {
  for (int index = -1000; index <= 1000; ++index) {
    for (unsigned steps = 0; steps <= 3; ++steps) {
      const int at = coarser(index, steps);
      const int schema = 3 - static_cast<int>(steps);
      EXPECT_LE(bound(3, index), bound(schema, at) * (1 + 1e-12));
      EXPECT_GE(bound(3, index - 1), bound(schema, at - 1) * (1 - 1e-12));
    }
  }
}

TEST(Exponential, NothingAddedIsNothingTold) {
  MetricStore store;
  ExponentialHistogram histogram;
  EXPECT_EQ(histogram.value(store), nullptr);
  EXPECT_EQ(histogram.memory(), 0u);
  histogram.add_zero();
  const ExponentialBuckets* value = histogram.value(store);
  ASSERT_NE(value, nullptr);
  EXPECT_EQ(value->zero_count, 1u);
  EXPECT_TRUE(value->counts.empty());
}

TEST(Exponential, ValuesCloseTogetherCostLittleAndStayFine) {
  MetricStore store;
  DurationHistogram histogram;
  for (uint64_t us = 200; us < 800; ++us) {
    histogram.add(us * 1000);
  }
  EXPECT_LE(histogram.memory(), 32 * sizeof(uint64_t));
  const HistogramValue value = histogram.value(store);
  EXPECT_EQ(value.count, 600u);
  ASSERT_NE(value.exponential, nullptr);
  EXPECT_EQ(value.exponential->schema, 3);
  EXPECT_EQ(total(*value.exponential), 600u);
  EXPECT_NE(value.exponential->counts.front(), 0u) << "empty buckets at the ends are left out";
  EXPECT_NE(value.exponential->counts.back(), 0u);
  EXPECT_GE(bound(3, value.exponential->offset), 0.0002 * 0.999);
}

TEST(Exponential, AnyValuesFit) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 200; ++round) {
    MetricStore store;
    SizeHistogram histogram;
    std::vector<uint64_t> values;
    for (int i = 0; i < 300; ++i) {
      values.push_back(random() >> (random() % 64));
      histogram.add(values.back());
    }
    values.insert(values.end(), {0, 1, UINT64_MAX});
    histogram.add(0);
    histogram.add(1);
    histogram.add(UINT64_MAX);
    const HistogramValue value = histogram.value(store);
    const ExponentialBuckets& buckets = *value.exponential;
    ASSERT_LE(buckets.counts.size(), kMaxExponentialBuckets);
    ASSERT_LE(histogram.memory(), kMaxExponentialBuckets * sizeof(uint64_t));
    ASSERT_EQ(total(buckets), values.size());
    ASSERT_LT(buckets.schema, 3) << "64 octaves do not fit otherwise";
    // Bucket by bucket what one would count by hand.
    std::vector<uint64_t> expected(buckets.counts.size());
    for (const uint64_t each : values) {
      if (each != 0) {
        const int index = static_cast<int>(
            std::ceil(std::log2(static_cast<double>(each)) * std::exp2(buckets.schema) - 1e-9));
        expected[static_cast<size_t>(index - buckets.offset)]++;
      }
    }
    ASSERT_EQ(std::vector(buckets.counts.begin(), buckets.counts.end()), expected);
  }
}

TEST(Exponential, MergedIsAsIfOneHadSeenAll) {
  std::mt19937_64 random(13);
  for (int round = 0; round < 200; ++round) {
    MetricStore store;
    ExponentialHistogram a;
    ExponentialHistogram b;
    ExponentialHistogram both;
    for (int i = 0; i < 100; ++i) {
      const auto index = static_cast<int32_t>(random() % 300) - 100;
      (i % 2 != 0 ? a : b).add(round % 2 != 0 ? index : index / 10 + (i % 2) * 200);
      both.add(round % 2 != 0 ? index : index / 10 + (i % 2) * 200);
    }
    a.add_zero();
    both.add_zero();
    const ExponentialBuckets* sum = merged(*a.value(store), *b.value(store), store);
    const ExponentialBuckets* direct = both.value(store);
    ASSERT_LE(sum->counts.size(), kMaxExponentialBuckets);
    ASSERT_EQ(total(*sum), total(*direct));
    ASSERT_EQ(sum->zero_count, 1u);
    // The direct one may have had to be coarser, by what it keeps free for more.
    const auto steps = static_cast<unsigned>(sum->schema - direct->schema);
    std::vector<uint64_t> same(direct->counts.size());
    for (size_t i = 0; i < sum->counts.size(); ++i) {
      const int at = coarser(sum->offset + static_cast<int32_t>(i), steps) - direct->offset;
      if (sum->counts[i] != 0) {
        same.at(static_cast<size_t>(at)) += sum->counts[i];
      }
    }
    ASSERT_EQ(same, std::vector(direct->counts.begin(), direct->counts.end()));
  }
}

TEST(Exponential, MergedWithZerosOnly) {
  MetricStore store;
  ExponentialHistogram zeros;
  zeros.add_zero();
  ExponentialHistogram some;
  some.add(-40);
  const ExponentialBuckets* sum = merged(*zeros.value(store), *some.value(store), store);
  EXPECT_EQ(sum->zero_count, 1u);
  EXPECT_EQ(sum->offset, -40);
  EXPECT_EQ(sum->counts.size(), 1u);
  EXPECT_TRUE(merged(*zeros.value(store), *zeros.value(store), store)->counts.empty());
}

TEST(Histogram, ExemplarsStandAtTheirBucket) {
  MetricStore store;
  DurationHistogram histogram;
  const auto place = DurationHistogram::place(20'000'000);
  histogram.add(place);
  EXPECT_TRUE(histogram.value(store).exemplars.empty());
  histogram.mark(place, {.value = 0.02, .wall_ns = 5, .trace_id = "aa", .span_id = "bb"});
  const HistogramValue value = histogram.value(store);
  ASSERT_EQ(value.exemplars.size(), DurationHistogram::bounds()->size() + 1);
  EXPECT_EQ(value.exemplars[3].trace_id, "aa");
  EXPECT_TRUE(value.exemplars[4].trace_id.empty());
}

}  // namespace
}  // namespace sonde
