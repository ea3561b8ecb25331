// SPDX-License-Identifier: Apache-2.0
// Fetcher: a process that asks servers (debuginfod) for the debug file of a build, by the host's
// own curl: names of hosts, proxies, certificates are what each distribution does in its way. If it
// was root it is nobody then; it has no capability, and opens no file for writing.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/base/fd.h"
#include "userspace/base/result.h"

namespace sonde::extraction {

struct FetchOptions {
  std::vector<std::string> servers;      // http:// or https://; none: nobody is ever asked
  uint32_t seconds = 90;                 // that one file may take, of all servers
  uint64_t bytes = uint64_t{512} << 20;  // of one file
};

class Fetcher {
 public:
  enum class What : uint32_t { kWhole, kAbsent, kFailed };
  struct Got {
    What what;
    std::string why;  // it failed
  };

  // For a process without threads, which holds all that it was started with.
  static Result<Fetcher> start(const FetchOptions& options);

  Fetcher(Fetcher&& other) noexcept;
  Fetcher& operator=(Fetcher&&) = delete;
  ~Fetcher();  // ends the process

  // Has it written to an empty file, by the first server that has it. seconds: fewer than the
  // options say, if there is less time. Stops waiting when the other end of `owner` is closed.
  Got fetch(std::string_view build_id, const Fd& out, uint32_t seconds, int owner);

 private:
  Fetcher(Fd socket, pid_t child) : socket_(std::move(socket)), child_(child) {}

  Fd socket_;
  pid_t child_ = 0;
};

}  // namespace sonde::extraction
