// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/merge.h"

#include <gtest/gtest.h>

#include "tests/support/histogram_point.h"
#include "userspace/pipeline/target_info.h"

namespace sonde {
namespace {

std::shared_ptr<const Labels> labels(std::string value) {
  return std::make_shared<const Labels>(Labels{{"a", std::move(value)}});
}

MetricFamily counter(std::string name, std::string label, uint64_t value) {
  MetricFamily family;
  family.name = std::move(name);
  family.kind = MetricKind::kCounter;
  family.points.push_back({labels(std::move(label)), value});
  return family;
}

TEST(Merge, SamePointsAddUpOthersStandBeside) {
  std::vector<MetricFamily> total;
  merge_families(total, {counter("x", "1", 5)});
  merge_families(total, {counter("x", "1", 2), counter("y", "1", 1)});
  merge_families(total, {counter("x", "2", 7)});
  ASSERT_EQ(total.size(), 2u);
  ASSERT_EQ(total[0].points.size(), 2u);
  EXPECT_EQ(std::get<uint64_t>(total[0].points[0].value), 7u);
  EXPECT_EQ(std::get<uint64_t>(total[0].points[1].value), 7u);
  EXPECT_EQ(std::get<uint64_t>(total[1].points[0].value), 1u);
}

TEST(Merge, HistogramsAddUpBucketByBucket) {
  const auto make = [](std::vector<uint64_t> counts, double sum) {
    MetricFamily family;
    family.name = "h";
    family.kind = MetricKind::kHistogram;
    add_histogram_point(family, *labels("1"), counts, sum);
    return family;
  };
  std::vector<MetricFamily> total;
  merge_families(total, {make({1, 0, 2}, 0.5)});
  merge_families(total, {make({0, 4, 1}, 1.25)});
  merge_families(total, {make({5}, 0)});
  merge_families(total, {make({0, 0, 0, 6}, 9)});
  const auto& value = std::get<HistogramValue>(total[0].points[0].value);
  EXPECT_EQ(std::vector(value.counts.begin(), value.counts.end()),
            (std::vector<uint64_t>{6, 4, 3, 6}));
  EXPECT_DOUBLE_EQ(value.sum, 10.75);
  EXPECT_EQ(value.count, 19u);
}

TEST(Merge, InfoIsThereOnce) {
  const auto cart = std::make_shared<const Service>(Service{.name = "cart",
                                                            .name_space = "shop",
                                                            .instance = "host:1",
                                                            .job = "shop/cart",
                                                            .language = "go",
                                                            .extra = {{"team", "a"}}});
  const auto again = std::make_shared<const Service>(*cart);
  const ServiceRef services[] = {cart, again};
  const TargetFacts facts{.host_name = "host", .host_id = "4711", .sonde_version = "1"};
  std::vector<MetricFamily> total;
  for (int shard = 0; shard < 2; ++shard) {
    std::vector<MetricFamily> part;
    append_target_info(services, facts, part);
    merge_families(total, std::move(part));
  }
  ASSERT_EQ(total.size(), 2u);
  EXPECT_EQ(total[0].name, "target");
  EXPECT_EQ(total[1].name, "traces.target");
  EXPECT_EQ(*total[0].points[0].labels, *total[1].points[0].labels);
  ASSERT_EQ(total[0].points.size(), 1u);
  EXPECT_EQ(std::get<uint64_t>(total[0].points[0].value), 1u);
  EXPECT_EQ(*total[0].points[0].labels, (Labels{{"instance", "host:1"},
                                                {"job", "shop/cart"},
                                                {"service.name", "cart"},
                                                {"service.namespace", "shop"},
                                                {"team", "a"},
                                                {"host.id", "4711"},
                                                {"host.name", "host"},
                                                {"os.type", "linux"},
                                                {"source", "sonde"},
                                                {"telemetry.sdk.language", "go"},
                                                {"telemetry.sdk.name", "sonde"},
                                                {"telemetry.sdk.version", "1"},
                                                {"telemetry.distro.name", "sonde"},
                                                {"telemetry.distro.version", "1"}}));
}

}  // namespace
}  // namespace sonde
