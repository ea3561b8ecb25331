// SPDX-License-Identifier: Apache-2.0
// The filter between ring and tape: positions, turns, holes and evictions of many connections.
#include "userspace/cli/tape_redaction.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "userspace/protocols/http1_redact.h"
#include "userspace/sources/decode.h"

namespace sonde {
namespace {

constexpr std::string_view kHead = "GET /a HTTP/1.1\r\nCookie: 1\r\n\r\n";
constexpr std::string_view kClean = "GET /a HTTP/1.1\r\nCookie: x\r\n\r\n";
const std::string kNothing(kHead.size(), 'x');

class TapeRedactionTest : public testing::Test {
 protected:
  // Passes text as a record of that connection; what is left of it.
  std::string pass(uint64_t connection, uint64_t position, std::string_view text, bool new_turn,
                   uint32_t cut = 0) {
    DataMoved data;
    data.connection = ConnectionId{connection};
    data.position = position;
    data.new_turn = new_turn;
    data.bytes = static_cast<uint32_t>(text.size()) + cut;
    data.captured = {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
    std::vector<uint8_t> record;
    encode(data, record);
    std::vector<uint8_t> before = record;
    EXPECT_TRUE(redaction_.keep(record));
    EXPECT_EQ(record.size(), before.size());
    EXPECT_TRUE(
        std::equal(record.begin(), record.begin() + sizeof(sonde_data_record), before.begin()));
    return {record.begin() + sizeof(sonde_data_record), record.end()};
  }

  void pass(const Event& event) {
    std::vector<uint8_t> record;
    encode(event, record);
    const std::vector<uint8_t> before = record;
    EXPECT_TRUE(redaction_.keep(record));
    EXPECT_EQ(record, before);
  }

  void open(uint64_t connection, bool midway) {
    ConnectionOpened opened;
    opened.connection = ConnectionId{connection};
    opened.midway = midway;
    pass(opened);
  }

  TapeRedaction redaction_{&make_http1_redactor, 3};
};

TEST_F(TapeRedactionTest, ConnectionsDoNotMeet) {
  EXPECT_EQ(pass(1, 0, "GET /a?s", true), "GET /a?x");
  EXPECT_EQ(pass(2, 0, kHead, true), kClean);
  EXPECT_EQ(pass(1, 8, "ecret HTTP/1.1\r\n", false), "xxxxx HTTP/1.1\r\n");
  EXPECT_EQ(redaction_.connections(), 2u);
}

TEST_F(TapeRedactionTest, AnOpenConnectionBeginsAtAMessage) {
  open(1, false);
  EXPECT_EQ(pass(1, 0, kHead, false), kClean);
  open(2, true);
  EXPECT_EQ(pass(2, 0, kHead, false), kNothing);
  EXPECT_EQ(pass(2, kHead.size(), kHead, true), kClean);
}

TEST_F(TapeRedactionTest, LostFirstRecordIsAHole) {
  open(1, false);
  EXPECT_EQ(pass(1, 10, kHead, false), kNothing);
}

TEST_F(TapeRedactionTest, HolesAndCutsAndRepeats) {
  EXPECT_EQ(pass(1, 100, kHead, true), kClean);
  const uint64_t next = 100 + kHead.size();
  EXPECT_EQ(pass(1, next + 1, kHead, false), kNothing);    // a hole
  EXPECT_EQ(pass(1, next + 50, kHead, true, 20), kClean);  // a turn; its end is cut
  EXPECT_EQ(pass(1, next + 50 + kHead.size() + 20, kHead, false), kNothing);
  EXPECT_EQ(pass(1, 500, kHead, true), kClean);
  EXPECT_EQ(pass(1, 490, kHead, false), kNothing);  // what was seen already
}

TEST_F(TapeRedactionTest, CutBodiesOfKnownLengthAreFollowed) {
  constexpr std::string_view kPut = "PUT /a HTTP/1.1\r\nContent-Length: 1000\r\n\r\n";
  EXPECT_EQ(pass(1, 0, kPut, true, 1000), kPut);
  EXPECT_EQ(pass(1, kPut.size() + 1000, kHead, false), kClean);
}

TEST_F(TapeRedactionTest, TheLongestSilentIsForgotten) {
  for (uint64_t connection = 1; connection <= 4; connection++) {
    EXPECT_EQ(pass(connection, 0, kHead, true), kClean);
    EXPECT_EQ(pass(1, connection * kHead.size(), kHead, false), kClean);
  }
  EXPECT_EQ(redaction_.evicted(), 1u);
  EXPECT_EQ(redaction_.connections(), 3u);
  EXPECT_EQ(pass(2, kHead.size(), kHead, false), kNothing);
  EXPECT_EQ(pass(2, 2 * kHead.size(), kHead, true), kClean);
}

TEST_F(TapeRedactionTest, ClosedConnectionsLeaveNothing) {
  EXPECT_EQ(pass(1, 0, kHead, true), kClean);
  ConnectionClosed closed;
  closed.connection = ConnectionId{1};
  pass(closed);
  EXPECT_EQ(redaction_.connections(), 0u);
  EXPECT_EQ(pass(1, kHead.size(), kHead, false), kNothing);
}

// Passwords stand in arguments and variables; behind the texts are bytes of older records.
TEST_F(TapeRedactionTest, WordsOfAnExecAreOverwritten) {
  ProcessChanged exec;
  exec.change = ProcessChange::kExec;
  exec.executable = "/usr/bin/mysql";
  exec.arguments = {"mysql\0-psecret\0", 15};
  exec.environment = {"TOKEN=secret\0", 13};
  std::vector<uint8_t> record;
  encode(exec, record);
  sonde_exec_record raw{};
  std::memcpy(&raw, record.data(), sizeof(raw));
  std::memcpy(raw.path + 20, "secret", 6);
  std::memcpy(raw.arguments + 100, "secret", 6);
  std::memcpy(record.data(), &raw, sizeof(raw));
  ASSERT_TRUE(redaction_.keep(record));
  const std::string text(record.begin(), record.end());
  EXPECT_EQ(text.find("secret"), std::string::npos);
  Event event;
  ASSERT_EQ(decode(record, event), DecodeStep::kOk);
  EXPECT_EQ(std::get<ProcessChanged>(event).executable, "/usr/bin/mysql");
  EXPECT_EQ(std::get<ProcessChanged>(event).arguments, std::string(15, 'x'));
}

TEST_F(TapeRedactionTest, OtherRecordsPassAndBrokenOnesDoNot) {
  TurnProgress progress;
  progress.connection = ConnectionId{1};
  pass(progress);
  ProcessChanged fork;
  fork.change = ProcessChange::kFork;
  pass(fork);
  std::vector<uint8_t> broken(100, 0);
  EXPECT_FALSE(redaction_.keep(broken));
}

}  // namespace
}  // namespace sonde
