// SPDX-License-Identifier: Apache-2.0
// The tape: what goes in comes out, whatever happens to the file in between is noticed, and no
// failure spreads.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>

#include "userspace/kernel/tape_fields.h"
#include "userspace/kernel/tape_reader.h"
#include "userspace/kernel/tape_writer.h"
#include "userspace/sources/decode.h"

namespace sonde {
namespace {

using Payload = std::vector<uint8_t>;

Payload data_record(std::string_view text, uint64_t position = 0) {
  DataMoved data;
  data.connection = ConnectionId{1};
  data.bytes = static_cast<uint32_t>(text.size());
  data.position = position;
  data.captured = {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
  Payload out;
  encode(data, out);
  return out;
}

TapeFacts some_facts() {
  return {
      .monotonic_ns = 1, .wall_ns = 2, .kernel = "6.1.0-18-amd64", .door = "socktp", .raw = false};
}

Fd memory_file(std::span<const uint8_t> bytes = {}) {
  Fd file(memfd_create("tape", MFD_CLOEXEC));
  EXPECT_TRUE(file.ok());
  EXPECT_EQ(::write(file.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

Payload content_of(const Fd& file) {
  Payload out(static_cast<size_t>(::lseek(file.get(), 0, SEEK_END)));
  EXPECT_EQ(::pread(file.get(), out.data(), out.size(), 0), static_cast<ssize_t>(out.size()));
  return out;
}

// A small tape in memory: five records, a description, counters, the end.
Payload small_tape() {
  const Fd file = memory_file();
  TapeWriter writer(Fd(::dup(file.get())), 0, some_facts(), nullptr);
  for (int i = 0; i < 5; i++) {
    EXPECT_TRUE(writer.record(data_record(std::string(static_cast<size_t>(3 * i), 'a'))));
  }
  Payload fields;
  append_field(fields, "pid", 42);
  append_field(fields, "service", "shop");
  EXPECT_TRUE(writer.fields(TapeFrameKind::kProcess, fields));
  EXPECT_TRUE(writer.finish());
  return content_of(file);
}

struct ReadBack {
  std::vector<std::pair<TapeFrameKind, Payload>> frames;
  TapeReport report;
};

ReadBack read_back(std::span<const uint8_t> bytes) {
  ReadBack out;
  auto reader = TapeReader::read_from(memory_file(bytes));
  if (!reader) {
    return out;
  }
  TapeFrame frame;
  while ((*reader)->next(frame)) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(frame.payload.data()) % kTapeAlignment, 0u);
    out.frames.emplace_back(frame.kind, Payload(frame.payload.begin(), frame.payload.end()));
  }
  out.report = (*reader)->report();
  return out;
}

class TapeFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "sonde-tape-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    path_ = folder_ / "some.tape";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_;
  std::filesystem::path path_;
};

TEST_F(TapeFile, WhatGoesInComesOut) {
  const Payload first = data_record("hello");
  const Payload second = data_record("world!", 5);
  Payload fields;
  append_field(fields, "records_sent", 2);
  auto writer = TapeWriter::create({.path = path_, .overwrite = false, .max_bytes = 0},
                                   some_facts(), nullptr);
  ASSERT_TRUE(writer) << writer.error().what;
  EXPECT_TRUE((*writer)->record(first));
  EXPECT_TRUE((*writer)->record(second));
  EXPECT_TRUE((*writer)->fields(TapeFrameKind::kCounters, fields));
  EXPECT_TRUE((*writer)->finish());
  EXPECT_EQ((*writer)->counters().records_written, 2u);
  EXPECT_EQ((*writer)->counters().bytes_written, std::filesystem::file_size(path_));

  auto reader = TapeReader::open(path_);
  ASSERT_TRUE(reader) << reader.error().what;
  EXPECT_EQ((*reader)->facts().monotonic_ns, 1u);
  EXPECT_EQ((*reader)->facts().wall_ns, 2u);
  EXPECT_EQ((*reader)->facts().kernel, "6.1.0-18-amd64");
  EXPECT_EQ((*reader)->facts().door, "socktp");
  EXPECT_TRUE((*reader)->facts().raw);
  TapeFrame frame;
  ASSERT_TRUE((*reader)->next(frame));
  EXPECT_TRUE(std::ranges::equal(frame.payload, first));
  ASSERT_TRUE((*reader)->next(frame));
  EXPECT_TRUE(std::ranges::equal(frame.payload, second));
  ASSERT_TRUE((*reader)->next(frame));
  EXPECT_EQ(frame.kind, TapeFrameKind::kCounters);
  EXPECT_TRUE(std::ranges::equal(frame.payload, fields));
  EXPECT_FALSE((*reader)->report().ended);
  ASSERT_TRUE((*reader)->next(frame));
  EXPECT_EQ(frame.kind, TapeFrameKind::kEnd);
  std::map<std::string, std::string, std::less<>> end;
  Bytes in(frame.payload);
  for (TapeField field; next_field(in, field);) {
    end.emplace(field.key, field.value);
  }
  EXPECT_TRUE(in.empty());
  EXPECT_EQ(end["records_written"], "2");
  EXPECT_EQ(end["stopped_by"], "");
  EXPECT_FALSE((*reader)->next(frame));
  EXPECT_TRUE((*reader)->report().ended);
  EXPECT_EQ((*reader)->report().frames, 4u);
  EXPECT_EQ((*reader)->report().bytes_cut, 0u);
  EXPECT_EQ((*reader)->report().bytes_read, std::filesystem::file_size(path_));
}

TEST_F(TapeFile, IsForItsOwnerAlone) {
  const mode_t old = ::umask(0);
  auto writer = TapeWriter::create({.path = path_, .overwrite = false, .max_bytes = 0},
                                   some_facts(), nullptr);
  ::umask(old);
  ASSERT_TRUE(writer);
  struct stat status{};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
}

TEST_F(TapeFile, NeverWritesOverOrThroughWhatIsThere) {
  std::ofstream(folder_ / "target") << "precious";
  std::filesystem::create_symlink(folder_ / "target", path_);
  auto refused = TapeWriter::create({.path = path_, .overwrite = false, .max_bytes = 0},
                                    some_facts(), nullptr);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, EEXIST);
  auto replaced =
      TapeWriter::create({.path = path_, .overwrite = true, .max_bytes = 0}, some_facts(), nullptr);
  ASSERT_TRUE(replaced) << replaced.error().what;
  EXPECT_EQ(std::filesystem::file_size(folder_ / "target"), 8u);
  EXPECT_FALSE(std::filesystem::is_symlink(path_));
}

TEST_F(TapeFile, SizeCapHoldsAndTheEndIsStillWritten) {
  constexpr uint64_t kCap = 64 * 1024;
  auto writer = TapeWriter::create({.path = path_, .overwrite = false, .max_bytes = kCap},
                                   some_facts(), nullptr);
  ASSERT_TRUE(writer);
  const Payload record = data_record(std::string(1000, 'a'));
  int taken = 0;
  for (int i = 0; i < 1000; i++) {
    taken += (*writer)->record(record) ? 1 : 0;
  }
  const Result<> finished = (*writer)->finish();
  ASSERT_FALSE(finished);
  EXPECT_NE(finished.error().what.find("size cap"), std::string::npos);
  EXPECT_LE(std::filesystem::file_size(path_), kCap);
  EXPECT_GE(std::filesystem::file_size(path_), kCap - 4096);
  EXPECT_EQ((*writer)->counters().records_written, static_cast<uint64_t>(taken));
  EXPECT_EQ((*writer)->counters().records_after_stop, static_cast<uint64_t>(1000 - taken));
  auto reader = TapeReader::open(path_);
  ASSERT_TRUE(reader);
  TapeFrame frame;
  while ((*reader)->next(frame)) {
  }
  EXPECT_EQ((*reader)->report().frames, static_cast<uint64_t>(taken) + 1);
  EXPECT_TRUE((*reader)->report().ended);
}

uint64_t sum_of_fates(const TapeCounters& c) {
  return c.records_written + c.records_buffered + c.records_filtered + c.records_malformed +
         c.records_failed + c.records_after_stop;
}

TEST_F(TapeFile, FullDiskStopsTheTapeAtAWholeFrame) {
  // The kernel's file size limit stands for the disk's: a write is cut short there, the next one
  // fails.
  constexpr rlim_t kDisk = 3'000'000;
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const rlimit small{.rlim_cur = kDisk, .rlim_max = old.rlim_max};
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  auto writer = TapeWriter::create({.path = path_, .overwrite = false, .max_bytes = 0},
                                   some_facts(), nullptr);
  ASSERT_TRUE(writer);
  const Payload record = data_record(std::string(1000, 'a'));
  for (int i = 0; i < 5000; i++) {
    (*writer)->record(record);
  }
  const Result<> finished = (*writer)->finish();
  ::setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, old_handler);

  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().code, EFBIG);
  const TapeCounters& counters = (*writer)->counters();
  EXPECT_EQ(counters.records_offered, 5000u);
  EXPECT_EQ(sum_of_fates(counters), 5000u);
  EXPECT_GT(counters.records_failed, 0u);
  EXPECT_GT(counters.records_after_stop, 0u);
  auto reader = TapeReader::open(path_);
  ASSERT_TRUE(reader);
  TapeFrame frame;
  uint64_t records = 0;
  while ((*reader)->next(frame)) {
    records += frame.kind == TapeFrameKind::kRecord ? 1 : 0;
  }
  EXPECT_EQ(records, counters.records_written);
  EXPECT_TRUE((*reader)->report().ended);
  EXPECT_EQ((*reader)->report().bytes_cut, 0u);
}

TEST(Tape, DeviceWithoutRoomIsAnErrorAndNoMore) {
  Fd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(full.ok());
  TapeWriter writer(std::move(full), 0, some_facts(), nullptr);
  EXPECT_TRUE(writer.record(data_record("hello")));
  writer.flush();
  EXPECT_TRUE(writer.stopped());
  EXPECT_EQ(writer.why_stopped().code, ENOSPC);
  EXPECT_FALSE(writer.record(data_record("hello")));
  EXPECT_EQ(writer.counters().records_failed, 1u);
  EXPECT_EQ(writer.counters().records_after_stop, 1u);
  EXPECT_EQ(sum_of_fates(writer.counters()), 2u);
  EXPECT_FALSE(writer.finish());
}

TEST(Tape, PaddingNeverReachesTheFile) {
  Payload record = data_record("hello");
  const Payload bare = record;
  record.insert(record.end(), 43, 'S');
  const auto size = static_cast<uint32_t>(record.size());
  std::memcpy(record.data() + offsetof(sonde_record_header, size), &size, sizeof(size));
  const Fd file = memory_file();
  TapeWriter writer(Fd(::dup(file.get())), 0, some_facts(), nullptr);
  EXPECT_TRUE(writer.record(record));
  EXPECT_TRUE(writer.finish());
  const Payload bytes = content_of(file);
  EXPECT_EQ(std::ranges::search(bytes, std::string_view("SSSS")).size(), 0u);
  const ReadBack back = read_back(bytes);
  ASSERT_EQ(back.frames.size(), 2u);
  EXPECT_EQ(back.frames[0].second, bare);
}

TEST(Tape, PaddingBehindANameNeverReachesTheFile) {
  ConnectionOpened open;
  open.connection = ConnectionId{1};
  open.local.family = open.remote.family = kUnixFamily;
  open.unix_name = "/run/app.sock";
  Payload record;
  encode(open, record);
  const Payload bare = record;
  record.resize(record.size() + 80);
  const auto size = static_cast<uint32_t>(record.size());
  std::memcpy(record.data() + offsetof(sonde_record_header, size), &size, sizeof(size));
  const Fd file = memory_file();
  TapeWriter writer(Fd(::dup(file.get())), 0, some_facts(), nullptr);
  EXPECT_TRUE(writer.record(record));
  EXPECT_TRUE(writer.finish());
  const ReadBack back = read_back(content_of(file));
  ASSERT_EQ(back.frames.size(), 2u);
  EXPECT_EQ(back.frames[0].second, bare);
}

TEST(Tape, NoRecordsAreNotWritten) {
  const Fd file = memory_file();
  TapeWriter writer(Fd(::dup(file.get())), 0, some_facts(), nullptr);
  const Payload good = data_record("hello");
  EXPECT_FALSE(writer.record({}));
  EXPECT_FALSE(writer.record(std::span(good).first(23)));
  EXPECT_FALSE(writer.record(std::span(good).first(84)));
  Payload liar = good;
  liar[offsetof(sonde_data_record, captured)] = 6;
  EXPECT_FALSE(writer.record(liar));
  EXPECT_FALSE(writer.record(data_record(std::string(kTapeMaxPayload, 'a'))));
  EXPECT_EQ(writer.counters().records_malformed, 5u);
  EXPECT_FALSE(writer.fields(TapeFrameKind::kProcess, Payload(kTapeMaxPayload + 1)));
  EXPECT_EQ(writer.counters().fields_refused, 1u);
}

struct Overwrite : RecordFilter {
  bool keep(std::span<uint8_t> record) override {
    std::ranges::fill(record.subspan(sizeof(sonde_data_record)), 'x');
    return record.size() != sizeof(sonde_data_record);
  }
};

TEST(Tape, FilterSeesEachRecordFirst) {
  const Fd file = memory_file();
  Overwrite filter;
  TapeWriter writer(Fd(::dup(file.get())), 0, some_facts(), &filter);
  EXPECT_TRUE(writer.record(data_record("hello")));
  EXPECT_FALSE(writer.record(data_record("")));
  EXPECT_TRUE(writer.finish());
  EXPECT_EQ(writer.counters().records_filtered, 1u);
  const Payload bytes = content_of(file);
  const ReadBack back = read_back(bytes);
  ASSERT_EQ(back.frames.size(), 2u);
  EXPECT_EQ(back.frames[0].second, data_record("xxxxx"));
  auto reader = TapeReader::read_from(memory_file(bytes));
  ASSERT_TRUE(reader);
  EXPECT_FALSE((*reader)->facts().raw);
}

TEST(Tape, EveryTruncationGivesTheWholeFramesBeforeIt) {
  const Payload tape = small_tape();
  const ReadBack whole = read_back(tape);
  ASSERT_EQ(whole.frames.size(), 7u);
  for (size_t n = 0; n < tape.size(); n++) {
    const ReadBack part = read_back(std::span(tape).first(n));
    if (n < sizeof(TapeFileHeader)) {
      EXPECT_EQ(part.report.bytes_read, 0u);
      continue;
    }
    ASSERT_LE(part.frames.size(), whole.frames.size());
    EXPECT_TRUE(std::ranges::equal(part.frames, std::span(whole.frames).first(part.frames.size())));
    size_t used = sizeof(TapeFileHeader);
    for (const auto& [kind, payload] : part.frames) {
      used += sizeof(TapeFrameHeader) + tape_padded(payload.size());
    }
    EXPECT_EQ(part.report.bytes_cut, n - used);
    EXPECT_EQ(part.report.bytes_read, n);
    EXPECT_EQ(part.report.frames_damaged, 0u);
    EXPECT_FALSE(part.report.ended);
  }
}

TEST(Tape, NoFlippedBitGoesUnnoticed) {
  const Payload tape = small_tape();
  const ReadBack whole = read_back(tape);
  for (size_t bit = 0; bit < tape.size() * 8; bit++) {
    Payload damaged = tape;
    damaged[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    const ReadBack back = read_back(damaged);
    // Either a fill byte was hit, or something is missing; never does a frame come out changed.
    for (const auto& frame : back.frames) {
      EXPECT_NE(std::ranges::find(whole.frames, frame), whole.frames.end());
    }
    const bool noticed = back.report.bytes_read == 0 || back.report.frames_damaged != 0;
    EXPECT_NE(noticed, back.frames == whole.frames) << "bit " << bit;
  }
}

TEST(Tape, DamagedPayloadCostsOnlyItsOwnFrame) {
  Payload tape = small_tape();
  tape[sizeof(TapeFileHeader) + sizeof(TapeFrameHeader)] ^= 1;
  const ReadBack back = read_back(tape);
  EXPECT_EQ(back.frames.size(), 6u);
  EXPECT_EQ(back.report.frames_damaged, 1u);
  EXPECT_EQ(back.report.bytes_cut, 0u);
  EXPECT_TRUE(back.report.ended);
}

TEST(Tape, OtherVersionsSaySo) {
  Payload tape = small_tape();
  tape[offsetof(TapeFileHeader, version)] = 9;
  auto reader = TapeReader::read_from(memory_file(tape));
  ASSERT_FALSE(reader);
  EXPECT_NE(reader.error().what.find("version 9."), std::string::npos);
  tape = small_tape();
  std::reverse(tape.begin() + 8, tape.begin() + 12);
  reader = TapeReader::read_from(memory_file(tape));
  ASSERT_FALSE(reader);
  EXPECT_NE(reader.error().what.find("byte order"), std::string::npos);
}

TEST(Tape, LongTapesPassThroughTheSmallBuffer) {
  const Fd file = memory_file();
  TapeWriter writer(Fd(::dup(file.get())), 0, some_facts(), nullptr);
  // Lengths that fall on every kind of boundary, one of them as long as may be.
  for (size_t i = 0; i < 4000; i++) {
    ASSERT_TRUE(
        writer.record(data_record(std::string(i % 1471, static_cast<char>('a' + i % 26)), i)));
  }
  ASSERT_TRUE(writer.record(
      data_record(std::string(kTapeMaxPayload - sizeof(sonde_data_record), 'z'), 4000)));
  ASSERT_TRUE(writer.finish());
  const ReadBack back = read_back(content_of(file));
  ASSERT_EQ(back.frames.size(), 4002u);
  for (size_t i = 0; i < 4000; i++) {
    ASSERT_EQ(back.frames[i].second,
              data_record(std::string(i % 1471, static_cast<char>('a' + i % 26)), i));
  }
  EXPECT_TRUE(back.report.ended);
}

}  // namespace
}  // namespace sonde
