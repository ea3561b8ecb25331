// SPDX-License-Identifier: Apache-2.0
// One gzip member, made piece by piece. Holds about 256 KiB while it lives.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace sonde {

class GzipStream {
 public:
  GzipStream();
  ~GzipStream();
  GzipStream(const GzipStream&) = delete;
  GzipStream& operator=(const GzipStream&) = delete;

  // Compresses text and appends what has come of it so far; with last, all of it and the end.
  // false: there was no memory; the member cannot be completed.
  bool add(std::string_view text, bool last, std::string& out);

 private:
  struct State;  // zlib's header stays out of ours
  const std::unique_ptr<State> state_;
};

}  // namespace sonde
