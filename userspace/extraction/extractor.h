// SPDX-License-Identifier: Apache-2.0
// Extractor: tables of files, made by other processes. Whatever a file does to them, here it is a
// table that is missing, counted and with a reason.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "userspace/base/fd.h"
#include "userspace/base/result.h"
#include "userspace/extraction/request.h"
#include "userspace/extraction/service.h"

namespace sonde {

struct ExtractionCounts {
  uint64_t found = 0;  // kept since an earlier time
  uint64_t made = 0;
  uint64_t failed = 0;  // no table
  // Of debug files that servers were asked for, if they may be.
  uint64_t fetched = 0;
  uint64_t absent = 0;       // no server has it
  uint64_t not_fetched = 0;  // asked in vain: each was told
  uint64_t not_asked = 0;    // enough was asked for: told once
};

class Extractor {
 public:
  // Time that failed requests may take in all, those apart that say how long they wait: beyond it
  // nothing else is asked any more.
  static constexpr uint64_t kPatienceNs = 120'000'000'000;

  // Starts the process. Before any thread runs, and before the right to do so is given up.
  static Result<Extractor> start(const extraction::ServiceOptions& options);
  // In the usual folder, with the usual limits.
  static Result<Extractor> start(extraction::FetchOptions fetch = {});

  Extractor(Extractor&& other) noexcept;
  Extractor& operator=(Extractor&&) = delete;
  ~Extractor();  // ends the process

  // A table, to be read; waits until it is made. One thread.
  Result<Fd> table(const extraction::Request& request);

  // Empty: tables are kept for other runs.
  const std::string& why_not_kept() const { return why_not_kept_; }
  // Empty: servers are asked for debug files, if they may be.
  const std::string& why_not_fetched() const { return why_not_fetched_; }
  const ExtractionCounts& counts() const { return counts_; }
  pid_t process() const { return child_; }

 private:
  Extractor(Fd socket, pid_t child, uint32_t longest_s)
      : socket_(std::move(socket)), child_(child), longest_s_(longest_s) {}

  Result<Fd> ask(const extraction::Request& request);
  void count(extraction::Fetch fetch, std::string_view why, const extraction::Request& request);
  void end();

  Fd socket_;  // none: it is dead
  pid_t child_ = 0;
  uint32_t longest_s_;
  uint64_t lost_ns_ = 0;
  std::string why_not_kept_;
  std::string why_not_fetched_;
  ExtractionCounts counts_;
};

}  // namespace sonde
