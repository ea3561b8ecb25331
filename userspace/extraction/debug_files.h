// SPDX-License-Identifier: Apache-2.0
// DebugFiles: files of debug information that servers have (debuginfod), where a person said that
// they may be asked. What comes is kept in a folder of its own, and is looked at by others first.
// One thread.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "symbolizer/store/store.h"
#include "userspace/base/fd.h"
#include "userspace/base/result.h"
#include "userspace/extraction/fetcher.h"
#include "userspace/extraction/request.h"

namespace sonde::extraction {

class DebugFiles {
 public:
  static constexpr uint64_t kKeptBytes = uint64_t{1} << 30;
  // In one hour; what comes then is asked for in the next.
  static constexpr uint64_t kWindowNs = 3'600'000'000'000;
  static constexpr uint32_t kMaxQueries = 256;
  static constexpr uint64_t kMaxBytes = uint64_t{2} << 30;
  static constexpr uint64_t kMaxNs = 180'000'000'000;
  static constexpr uint32_t kMaxFailures = 3;  // one after the other
  // For how long nobody is asked for what was not there, or was not the right one.
  static constexpr uint64_t kAbsentSeconds = 3600;

  struct Sought {
    Fd file;  // none: see what
    Fetch what = Fetch::kNotAsked;
    std::string why;
  };
  // Is it the one? It is a stranger's file: to be looked at by a process that may do nothing else.
  using IsRight = std::function<bool(const Fd& file)>;

  // Starts the process that asks: while everything is still held that is needed for that.
  // `folder`: where tables are kept.
  static Result<DebugFiles> start(const std::string& folder, const FetchOptions& options);

  // Kept, or fetched now. Stops when the other end of `owner` is closed. Without one: kept or none.
  Sought find(const std::string& build_id, std::optional<int> owner, const IsRight& is_right);

 private:
  // What was spent since `began_ns`.
  struct Spent {
    uint64_t began_ns = 0;
    uint32_t queries = 0;
    uint64_t bytes = 0;
    uint64_t ns = 0;
    uint32_t failures = 0;
  };

  DebugFiles(Store store, Fetcher fetcher, const FetchOptions& options);

  std::string nothing_left();
  Sought fetch(const std::string& build_id, int owner, const IsRight& is_right);
  bool is_known_absent(const std::string& build_id) const;
  void remember_absent(const std::string& build_id) const;

  Store store_;
  Fetcher fetcher_;
  FetchOptions options_;
  std::string absent_ending_;  // of these servers
  Spent spent_;
  std::set<std::string> failed_;  // in this hour
};

}  // namespace sonde::extraction
