// SPDX-License-Identifier: Apache-2.0
#include "userspace/base/record_queue.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <thread>
#include <vector>

namespace sonde {
namespace {

// A record that says its own number and length, and is filled with bytes that follow from them.
std::vector<uint8_t> record_of(uint64_t number, size_t size) {
  std::vector<uint8_t> out(size, static_cast<uint8_t>(number * 31 + size));
  std::memcpy(out.data(), &number, std::min(size, sizeof(number)));
  return out;
}

TEST(RecordQueue, HandsOverInOrderAndWhole) {
  RecordQueue queue(1024);
  std::vector<std::vector<uint8_t>> got;
  for (uint64_t i = 0; i < 100; i++) {
    queue.push(record_of(i, 8 + i % 90));
    queue.publish();
    queue.drain([&](std::span<const uint8_t> r) { got.emplace_back(r.begin(), r.end()); });
  }
  ASSERT_EQ(got.size(), 100u);
  for (uint64_t i = 0; i < 100; i++) {
    EXPECT_EQ(got[i], record_of(i, 8 + i % 90));
  }
}

TEST(RecordQueue, ShowsNothingBeforeItIsPublished) {
  RecordQueue queue(1024);
  queue.push(record_of(1, 16));
  EXPECT_EQ(queue.drain([](auto) {}), 0u);
  queue.publish();
  EXPECT_EQ(queue.drain([](auto) {}), 1u);
}

TEST(RecordQueue, TakesARecordWithoutBytes) {
  RecordQueue queue(1024);
  queue.push({});
  queue.publish();
  size_t size = 1;
  EXPECT_EQ(queue.drain([&](std::span<const uint8_t> r) { size = r.size(); }), 1u);
  EXPECT_EQ(size, 0u);
}

// The writer is faster than the reader and has to wait, around the edge many times.
TEST(RecordQueue, LosesNothingBetweenTwoThreads) {
  constexpr uint64_t kRecords = 50'000;
  RecordQueue queue(4096);
  std::thread writer([&] {
    std::mt19937 random(1);
    for (uint64_t i = 0; i < kRecords; i++) {
      queue.push(record_of(i, 8 + random() % 900));
      if (random() % 16 == 0) {
        queue.publish();
      }
    }
    queue.publish();
  });
  std::mt19937 random(1);
  uint64_t next = 0;
  while (next < kRecords) {
    queue.wait();
    queue.drain([&](std::span<const uint8_t> r) {
      const std::vector<uint8_t> wanted = record_of(next, 8 + random() % 900);
      random();
      ASSERT_EQ(std::vector<uint8_t>(r.begin(), r.end()), wanted);
      next++;
    });
  }
  writer.join();
}

}  // namespace
}  // namespace sonde
