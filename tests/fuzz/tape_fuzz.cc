// SPDX-License-Identifier: Apache-2.0
// Any bytes as a tape. Even inputs are mended first (the file header's and each frame's checks made
// right, as far as the lengths lead), or the checks would keep the fuzzer from everything behind
// them.
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <vector>

#include "userspace/base/crc32c.h"
#include "userspace/cli/taped_samples.h"
#include "userspace/kernel/tape_fields.h"
#include "userspace/kernel/tape_reader.h"

namespace {

using namespace sonde;

void mend(std::vector<uint8_t>& bytes) {
  if (bytes.size() < sizeof(TapeFileHeader)) {
    return;
  }
  TapeFileHeader file;
  std::memcpy(&file, bytes.data(), sizeof(file));
  file.magic = kTapeMagic;
  file.byte_order = kTapeByteOrder;
  file.version = kTapeVersion;
  file.record_version = SONDE_RECORD_VERSION;
  file.check = crc32c({reinterpret_cast<const uint8_t*>(&file), offsetof(TapeFileHeader, check)});
  std::memcpy(bytes.data(), &file, sizeof(file));
  size_t at = sizeof(file);
  while (bytes.size() - at >= sizeof(TapeFrameHeader)) {
    TapeFrameHeader frame;
    std::memcpy(&frame, bytes.data() + at, sizeof(frame));
    const size_t room = bytes.size() - at - sizeof(frame);
    if ((frame.flags & 1) == 0) {
      frame.header_check = crc32c(
          {reinterpret_cast<const uint8_t*>(&frame), offsetof(TapeFrameHeader, header_check)});
    }
    if ((frame.flags & 2) == 0 && frame.length <= room) {
      frame.payload_check = crc32c({bytes.data() + at + sizeof(frame), frame.length});
      frame.header_check = crc32c(
          {reinterpret_cast<const uint8_t*>(&frame), offsetof(TapeFrameHeader, header_check)});
    }
    std::memcpy(bytes.data() + at, &frame, sizeof(frame));
    if (tape_padded(frame.length) > room) {
      return;
    }
    at += sizeof(frame) + tape_padded(frame.length);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<uint8_t> bytes(data, data + size);
  if (size % 2 == 0) {
    mend(bytes);
  }
  Fd file(memfd_create("tape", MFD_CLOEXEC));
  if (!file.ok() ||
      ::write(file.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()) ||
      ::lseek(file.get(), 0, SEEK_SET) != 0) {
    abort();
  }
  auto reader = TapeReader::read_from(std::move(file));
  if (!reader) {
    return 0;
  }
  uint64_t handed_out = sizeof(TapeFileHeader);
  TapeFrame frame;
  uint8_t sum = 0;
  cli::TapedSamples samples(0, "");
  while ((*reader)->next(frame)) {
    handed_out += sizeof(TapeFrameHeader) + tape_padded(frame.payload.size());
    for (const uint8_t byte : frame.payload) {
      sum = static_cast<uint8_t>(sum + byte);
    }
    samples.take(frame);
    Bytes in(frame.payload);
    for (TapeField field; next_field(in, field);) {
      sum = static_cast<uint8_t>(sum + field.key.size() + field.value.size());
    }
  }
  const TapeReport& report = (*reader)->report();
  if (report.bytes_read != size || handed_out + report.bytes_cut > size) {
    abort();
  }
  NoNames names;
  const Profile profile = samples.finish((*reader)->facts(), names);
  if (profile.samples() != samples.samples()) {
    abort();
  }
  return sum == 0 ? 0 : 0;
}
