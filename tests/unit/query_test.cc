// SPDX-License-Identifier: Apache-2.0
#include "exporters/query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sonde {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST(Query, NamesAndValuesInOrder) {
  EXPECT_THAT(*parse_query(""), IsEmpty());
  EXPECT_THAT(*parse_query("seconds=30&service=shop"),
              ElementsAre(Pair("seconds", "30"), Pair("service", "shop")));
  EXPECT_THAT(*parse_query("&a&&b=&=c&"), ElementsAre(Pair("a", ""), Pair("b", ""), Pair("", "c")));
  EXPECT_THAT(*parse_query("a=b=c"), ElementsAre(Pair("a", "b=c")));
}

TEST(Query, EscapesAreDecodedAndOthersStay) {
  EXPECT_THAT(*parse_query("a%20b=c+d%26%3D%00"),
              ElementsAre(Pair("a b", std::string("c d&=\0", 6))));
  EXPECT_THAT(*parse_query("a=%zz%4&b=%4g%"), ElementsAre(Pair("a", "%zz%4"), Pair("b", "%4g%")));
}

TEST(Query, TwiceOrTooManyIsRefused) {
  EXPECT_FALSE(parse_query("a=1&a=1"));
  EXPECT_FALSE(parse_query("a=1&%61=1"));
  std::string many;
  for (size_t i = 0; i < kMaxParameters; ++i) {
    many += "p" + std::to_string(i) + "&";
  }
  EXPECT_EQ(parse_query(many)->size(), kMaxParameters);
  EXPECT_FALSE(parse_query(many + "one_more"));
}

}  // namespace
}  // namespace sonde
