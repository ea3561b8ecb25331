// SPDX-License-Identifier: Apache-2.0
// Redaction, two ways. Dialogues: well-formed exchanges whose every secret is full of a mark that
// no allowed text has, in random pieces with random holes: the mark must never come out. Noise: any
// bytes, whole and in pieces: a byte comes out as it was or overwritten, and pieces never show more
// than the whole.
#include <fuzzer/FuzzedDataProvider.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "userspace/protocols/http1_redact.h"

namespace {

using namespace sonde;

constexpr char kMark = '~';

// A secret of the fuzzer's bytes without those in not_of; always with the mark in front.
std::string secret(FuzzedDataProvider& fuzz, std::string_view not_of) {
  std::string out = fuzz.ConsumeRandomLengthString(24);
  for (char& c : out) {
    if (not_of.find(c) != std::string_view::npos || static_cast<unsigned char>(c) < 0x20 ||
        c == 0x7f) {
      c = kMark;
    }
  }
  return kMark + out;
}

std::string headers(FuzzedDataProvider& fuzz) {
  static constexpr const char* kNames[] = {"Cookie", "authorization", "X-Token", "Contents",
                                           "hos",    "TE2",           "Referer", "x~y",
                                           "~",      "X-Api-Key",     "location"};
  std::string out;
  for (int i = fuzz.ConsumeIntegralInRange(0, 3); i > 0; i--) {
    out += std::string(fuzz.PickValueInArray(kNames)) + ":" + secret(fuzz, "\r\n") + "\r\n";
    if (fuzz.ConsumeBool()) {
      out += "Host: a\r\n\t" + secret(fuzz, "\r\n") + "\r\n";
    }
  }
  return out;
}

// The end of a head and the body behind it. Bodies hold any bytes, those of heads too, after the
// mark.
std::string body(FuzzedDataProvider& fuzz, bool none) {
  const std::string text = kMark + fuzz.ConsumeRandomLengthString(64);
  if (none || fuzz.ConsumeBool()) {
    const size_t n = text.size();
    return "Content-Length: " + std::to_string(n) + "\r\n\r\n" + (none ? "" : text);
  }
  std::string out = "Transfer-Encoding: chunked\r\n\r\n";
  for (size_t at = 0; at < text.size();) {
    const size_t n = fuzz.ConsumeIntegralInRange<size_t>(1, text.size() - at);
    char size[16];
    snprintf(size, sizeof(size), "%zx", n);
    out += size + (fuzz.ConsumeBool() ? ";" + secret(fuzz, "\r\n") : "") + "\r\n" +
           text.substr(at, n) + "\r\n";
    at += n;
  }
  return out + "0\r\n" + (fuzz.ConsumeBool() ? "Host:" + secret(fuzz, "\r\n") + "\r\n" : "") +
         "\r\n";
}

std::string target(FuzzedDataProvider& fuzz) {
  switch (fuzz.ConsumeIntegralInRange(0, 3)) {
    case 0:
      return "/a?" + secret(fuzz, " ");
    case 1:
      return "/a;" + secret(fuzz, " /?#") + "/b";
    case 2:
      return "http://" + secret(fuzz, " /?#") + "/b?" + secret(fuzz, " ");
    default:
      return "/";
  }
}

// Gives text to the redactor in pieces, some of them left out, and looks for the mark in what comes
// back.
void pass(FuzzedDataProvider& fuzz, Redactor& redactor, Direction direction, std::string text) {
  redactor.turn(direction);
  auto* bytes = reinterpret_cast<uint8_t*>(text.data());
  for (size_t at = 0; at < text.size();) {
    const size_t n = fuzz.ConsumeIntegralInRange<size_t>(1, text.size() - at);
    if (fuzz.ConsumeIntegralInRange(0, 15) == 1) {
      redactor.skip(direction, n);
    } else {
      redactor.redact(direction, {bytes + at, n});
      if (std::string_view(text).substr(at, n).find(kMark) != std::string_view::npos) {
        abort();
      }
    }
    at += n;
  }
}

void dialogue(FuzzedDataProvider& fuzz) {
  static constexpr const char* kMethods[] = {"GET", "POST", "HEAD", "PURGE", "OPTIONS"};
  static constexpr const char* kStatuses[] = {"200", "404", "304", "204", "500"};
  const auto redactor = make_http1_redactor();
  for (int i = 0; i < 16 && fuzz.remaining_bytes() > 0; i++) {
    const std::string method = fuzz.PickValueInArray(kMethods);
    const std::string status = fuzz.PickValueInArray(kStatuses);
    pass(fuzz, *redactor, Direction::kIn,
         method + " " + target(fuzz) + " HTTP/1.1\r\n" + headers(fuzz) + body(fuzz, false));
    const bool none = method == "HEAD" || status == "304" || status == "204";
    pass(fuzz, *redactor, Direction::kOut,
         "HTTP/1.1 " + status + " " + secret(fuzz, "\r\n") + "\r\n" + headers(fuzz) +
             body(fuzz, none));
  }
}

void noise(FuzzedDataProvider& fuzz) {
  const std::vector<size_t> cuts = {fuzz.ConsumeIntegral<uint8_t>(),
                                    fuzz.ConsumeIntegral<uint8_t>(), 1};
  const std::vector<uint8_t> in = fuzz.ConsumeRemainingBytes<uint8_t>();
  std::vector<uint8_t> whole = in;
  std::vector<uint8_t> pieces = in;
  const auto first = make_http1_redactor();
  first->turn(Direction::kIn);
  first->redact(Direction::kIn, whole);
  const auto second = make_http1_redactor();
  second->turn(Direction::kIn);
  for (size_t at = 0, i = 0; at < in.size(); i++) {
    const size_t n = std::min(in.size() - at, std::max<size_t>(1, cuts[i % cuts.size()]));
    second->redact(Direction::kIn, std::span(pieces).subspan(at, n));
    at += n;
  }
  for (size_t i = 0; i < in.size(); i++) {
    if ((whole[i] != in[i] && whole[i] != kRedacted) ||
        (pieces[i] != whole[i] && pieces[i] != kRedacted)) {
      abort();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzedDataProvider fuzz(data, size);
  fuzz.ConsumeBool() ? dialogue(fuzz) : noise(fuzz);
  return 0;
}
