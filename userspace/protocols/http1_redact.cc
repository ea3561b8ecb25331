// SPDX-License-Identifier: Apache-2.0
#include "userspace/protocols/http1_redact.h"

#include "userspace/protocols/http1_redact_stream.h"

namespace sonde {
namespace {

class Http1Redactor final : public Redactor {
 public:
  void turn(Direction direction) override {
    // Asked anew while the answers are lost from sight: what was asked before has been answered,
    // unseen.
    if (of(direction).asks() && (of(opposite(direction)).unknown() || exchange_.overflown())) {
      exchange_.forget();
    }
    of(direction).turn();
  }
  void redact(Direction direction, std::span<uint8_t> bytes) override {
    of(direction).redact(bytes);
  }
  void skip(Direction direction, uint64_t n) override { of(direction).skip(n); }
  void lost(Direction direction) override { of(direction).lost(); }

 private:
  http1_redact::Stream& of(Direction direction) { return direction == Direction::kIn ? in_ : out_; }

  http1_redact::Exchange exchange_;
  http1_redact::Stream in_{exchange_};
  http1_redact::Stream out_{exchange_};
};

}  // namespace

std::unique_ptr<Redactor> make_http1_redactor() { return std::make_unique<Http1Redactor>(); }

}  // namespace sonde
