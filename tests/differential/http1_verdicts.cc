// SPDX-License-Identifier: Apache-2.0
// What our HTTP/1 parser makes of messages, for comparison with others (http1_differential.py).
//
// Reads frames from standard input: a length (32 bits, little-endian), a letter, that many bytes.
// The letter: Q for a request, or an answer to G (GET), H (HEAD) or C (CONNECT). Writes a line for
// each, words between tabs:
//
//   how     part (the head is not whole), bad (no head), or, behind a head: done, more (the body is
//           not whole), close (it ends with the connection), tunnel, unclear, broken (no chunk)
//   start   of a request its method, of an answer its status
//   path    of a request, with its query; of a URL what follows the authority
//   body    bytes of the body so far
//   next    the same as start, of a second message behind the first, if its head is whole
//   doubt   what makes the framing doubtful
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "userspace/protocols/http1_schema.h"
#include "userspace/protocols/protocol.h"

namespace sonde {
namespace {

struct Opinion {
  const char* how = "part";
  std::string start, path, next, doubt;
  uint64_t body = 0;
};

class Reader {
 public:
  Reader(char letter, std::string_view text)
      : side_(letter == 'Q' ? Side::kRequest : Side::kResponse), in_(text) {
    std::string asked = letter == 'H' ? "HEAD / HTTP/1.1\r\n\r\n" : "GET / HTTP/1.1\r\n\r\n";
    if (letter == 'C') {
      asked = "CONNECT h:1 HTTP/1.1\r\n\r\n";
    }
    Head head;
    Bytes request(asked);
    step(Side::kRequest, request, head);
    note_ = head.note;
  }

  Opinion read() {
    Opinion out;
    Head head;
    if (!read_head(head, out)) {
      return out;
    }
    out.start = start(head);
    out.doubt = head.values[http1::kFraming];
    out.path = head.path;
    if (!head.values[http1::kQuery].empty()) {
      out.path.append("?").append(head.values[http1::kQuery]);
    }
    read_body(head, out);
    if (std::string_view(out.how) == "done" && !head.doubtful) {
      Head next;
      Opinion ignored;
      if (read_head(next, ignored)) {
        out.next = start(next);
      }
    }
    return out;
  }

 private:
  Step step(Side side, Bytes& in, Head& head) {
    skip_ = 0;
    return in.empty() ? Step::kNeedMore : parser_->step(side, in, head, skip_);
  }

  // The next head that is not an interim answer's.
  bool read_head(Head& head, Opinion& out) {
    for (;;) {
      head = {};
      head.note = note_;
      const Step got = step(side_, in_, head);
      out.how = got == Step::kNeedMore ? "part" : "bad";
      if (got != Step::kHead || !head.interim) {
        return got == Step::kHead;
      }
    }
  }

  std::string start(const Head& head) const {
    if (side_ == Side::kResponse) {
      return std::string(head.values[http1::kStatus]);
    }
    const std::string_view odd = head.values[http1::kMethodOriginal];
    return std::string(odd.empty() ? head.values[http1::kMethod] : odd);
  }

  void read_body(const Head& head, Opinion& out) {
    if (head.upgrade) {
      out.how = "tunnel";
      return;
    }
    switch (head.length) {
      case Length::kKnown:
        out.body = std::min<uint64_t>(head.body_bytes, in_.left());
        out.how = out.body == head.body_bytes ? "done" : "more";
        in_.skip(out.body);
        return;
      case Length::kUntilEnd:
        out.how = "close";
        out.body = in_.left();
        return;
      case Length::kUnclear:
        out.how = "unclear";
        return;
      case Length::kFramed:
        read_chunks(out);
        return;
    }
  }

  void read_chunks(Opinion& out) {
    for (;;) {
      Head head;
      const Step got = step(side_, in_, head);
      if (got == Step::kSkip) {
        const uint64_t here = std::min<uint64_t>(skip_, in_.left());
        in_.skip(here);
        out.body = parser_->body_bytes(side_, skip_ - here);
        continue;
      }
      out.how = got == Step::kEnd ? "done" : got == Step::kNeedMore ? "more" : "broken";
      return;
    }
  }

  const Side side_;
  Bytes in_;
  std::unique_ptr<Parser> parser_ = protocols().front().make_parser();
  uint8_t note_ = 0;
  uint64_t skip_ = 0;
};

}  // namespace
}  // namespace sonde

int main() {
  uint32_t length = 0;
  char letter = 0;
  std::vector<char> bytes;
  while (std::fread(&length, sizeof(length), 1, stdin) == 1 &&
         std::fread(&letter, 1, 1, stdin) == 1) {
    bytes.resize(length);
    if (std::fread(bytes.data(), 1, length, stdin) != length) {
      return 1;
    }
    // A copy of exact size: reading beyond it is caught by a sanitizer.
    const std::vector<char> exact(bytes);
    const sonde::Opinion v =
        sonde::Reader(letter, std::string_view(exact.data(), exact.size())).read();
    std::string path = v.path;
    for (char& c : path) {
      c = c == '\t' || c == '\n' || c == '\r' ? ' ' : c;
    }
    std::printf("%s\t%s\t%s\t%llu\t%s\t%s\n", v.how, v.start.c_str(), path.c_str(),
                static_cast<unsigned long long>(v.body), v.next.c_str(), v.doubt.c_str());
    std::fflush(stdout);  // who sends a frame waits for its line
  }
  return 0;
}
