// SPDX-License-Identifier: Apache-2.0
#include "userspace/protocols/http1_redact_exchange.h"

namespace sonde::http1_redact {

constexpr size_t kMaxAsked = 4096;

void Exchange::ask(Asked what) {
  if (early_ > 0) {
    early_--;
  } else if (asked_.size() - answered_ >= kMaxAsked) {
    overflown_ = true;
  } else {
    asked_.push_back(what);
  }
}

std::optional<Asked> Exchange::answer() {
  if (overflown_) {
    return std::nullopt;
  }
  if (answered_ == asked_.size()) {
    early_++;
    return std::nullopt;
  }
  const Asked what = asked_[answered_++];
  // Mostly one is asked and answered at a time; under pipelining the answered part goes when it is
  // the larger one.
  if (answered_ * 2 >= asked_.size()) {
    asked_.erase(asked_.begin(), asked_.begin() + static_cast<std::ptrdiff_t>(answered_));
    answered_ = 0;
  }
  return what;
}

void Exchange::forget() {
  asked_.clear();
  answered_ = 0;
  early_ = 0;
  overflown_ = false;
}

}  // namespace sonde::http1_redact
