// SPDX-License-Identifier: Apache-2.0
#include "userspace/inventory/declared.h"

#include <gtest/gtest.h>

namespace sonde {
namespace {

using namespace std::string_literals;

TEST(Declared, NothingSaysNothing) {
  EXPECT_EQ(read_declared(""), std::nullopt);
  EXPECT_EQ(read_declared("PATH=/bin\0HOME=/\0"s), std::nullopt);
  EXPECT_EQ(read_declared("OTEL_SERVICE_NAME=\0OTEL_RESOURCE_ATTRIBUTES=\0"s), std::nullopt);
  EXPECT_EQ(read_declared("XOTEL_SERVICE_NAME=x\0"s), std::nullopt);
}

TEST(Declared, TheNameOfTheVariableWins) {
  const auto declared = read_declared(
      "A=1\0OTEL_RESOURCE_ATTRIBUTES=service.name=cart,service.namespace=shop,"
      "service.instance.id=7,service.version=1.2,deployment.environment.name=prod\0"
      "OTEL_SERVICE_NAME=front\0"s);
  ASSERT_TRUE(declared);
  EXPECT_EQ(declared->name, "front");
  EXPECT_EQ(declared->name_space, "shop");
  EXPECT_EQ(declared->instance, "7");
  EXPECT_EQ(declared->others,
            (Labels{{"service.version", "1.2"}, {"deployment.environment.name", "prod"}}));
}

TEST(Declared, PercentEncodingAndSpaces) {
  const auto declared =
      read_declared("OTEL_RESOURCE_ATTRIBUTES= team = web%2C%20front ,a%2Eb=x%3Dy,, c=\0"s);
  ASSERT_TRUE(declared);
  EXPECT_EQ(declared->others, (Labels{{"team", "web, front"}, {"a.b", "x=y"}}));
}

TEST(Declared, WhatCannotBeDecodedSpoilsAll) {
  for (const char* bad : {"a=1,b=%2", "a=1,b=%zz", "a=1,b", "a=1,=2", "a=1,b=%"}) {
    EXPECT_EQ(read_declared("OTEL_RESOURCE_ATTRIBUTES="s + bad + '\0'), std::nullopt) << bad;
  }
  EXPECT_EQ(read_declared("OTEL_RESOURCE_ATTRIBUTES=b\0OTEL_SERVICE_NAME=x\0"s)->name, "x");
}

TEST(Declared, IsBounded) {
  std::string attributes = "OTEL_RESOURCE_ATTRIBUTES=";
  for (int i = 0; i < 100; ++i) {
    attributes += "k" + std::to_string(i) + "=v,";
  }
  EXPECT_EQ(read_declared(attributes)->others.size(), kMaxDeclaredLabels);
  EXPECT_EQ(read_declared("OTEL_SERVICE_NAME=" + std::string(100'000, 'x'))->name.size(),
            kMaxLabelValue);
  const auto odd = read_declared("OTEL_RESOURCE_ATTRIBUTES=1a=x,a b=x,ok=\x01\xff\0"s);
  EXPECT_EQ(odd->others, (Labels{{"ok", "__"}}));
}

TEST(Declared, TheFirstOfANameCountsAndTheLastOfAKey) {
  EXPECT_EQ(read_declared("OTEL_SERVICE_NAME=a\0OTEL_SERVICE_NAME=b\0"s)->name, "a");
  EXPECT_EQ(read_declared("OTEL_RESOURCE_ATTRIBUTES=k=1,k=2\0"s)->others, (Labels{{"k", "2"}}));
}

TEST(Declared, OnlyTellingVariablesAreKept) {
  EXPECT_EQ(telling_variables("SECRET=x\0OTEL_SERVICE_NAME=a\0OTEL_EXPORTER_HEADERS=key\0"s),
            "OTEL_SERVICE_NAME=a\0"s);
}

}  // namespace
}  // namespace sonde
