// SPDX-License-Identifier: Apache-2.0
#include "userspace/extraction/debug_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "userspace/base/clock.h"
#include "userspace/base/crc32c.h"

namespace sonde::extraction {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

std::string kept_name(std::string_view build_id) { return fmt::format("{}.debug", build_id); }

uint64_t size_of(const Fd& file) {
  struct stat facts{};
  return file.ok() && ::fstat(file.get(), &facts) == 0 ? static_cast<uint64_t>(facts.st_size) : 0;
}

}  // namespace

Result<DebugFiles> DebugFiles::start(const std::string& folder, const FetchOptions& options) {
  auto fetcher = Fetcher::start(options);
  if (!fetcher) {
    return std::unexpected(fetcher.error());
  }
  auto store = Store::open(folder + "/debug", std::max(kKeptBytes, options.bytes));
  if (!store) {
    return with_context("there is no place to keep them", store.error());
  }
  return DebugFiles(*std::move(store), *std::move(fetcher), options);
}

DebugFiles::DebugFiles(Store store, Fetcher fetcher, const FetchOptions& options)
    : store_(std::move(store)), fetcher_(std::move(fetcher)), options_(options) {
  const std::string servers = fmt::format("{}", fmt::join(options_.servers, " "));
  absent_ending_ = fmt::format(
      "-{:08x}.none", crc32c({reinterpret_cast<const uint8_t*>(servers.data()), servers.size()}));
}

DebugFiles::Sought DebugFiles::find(const std::string& build_id, std::optional<int> owner,
                                    const IsRight& is_right) {
  if (Fd kept = store_.find(kept_name(build_id)); kept.ok()) {
    return {.file = std::move(kept), .what = Fetch::kNotAsked, .why = {}};
  }
  std::string why = nothing_left();
  if (!owner || failed_.contains(build_id) || is_known_absent(build_id)) {
    return {};
  }
  if (!why.empty()) {
    return {.file = {}, .what = Fetch::kSpent, .why = std::move(why)};
  }
  Sought out = fetch(build_id, *owner, is_right);
  if (out.what == Fetch::kFailed) {
    failed_.insert(build_id);  // as many as there are queries in an hour
    spent_.failures++;
  } else {
    spent_.failures = 0;
  }
  return out;
}

// Why nobody is asked any more; empty: somebody is.
std::string DebugFiles::nothing_left() {
  const uint64_t now = monotonic_ns();
  if (spent_.began_ns == 0 || now - spent_.began_ns > kWindowNs) {
    spent_ = {.began_ns = now};
    failed_.clear();
  }
  if (spent_.failures >= kMaxFailures) {
    return fmt::format("{} times in a row nothing came", kMaxFailures);
  }
  if (spent_.queries >= kMaxQueries) {
    return fmt::format("{} were asked for within an hour", kMaxQueries);
  }
  if (spent_.bytes >= kMaxBytes) {
    return fmt::format("{} MiB came within an hour", kMaxBytes >> 20);
  }
  // Less than a second is not worth a question.
  return spent_.ns + kSecondNs >= kMaxNs
             ? fmt::format("{} s were waited for them within an hour", kMaxNs / kSecondNs)
             : "";
}

DebugFiles::Sought DebugFiles::fetch(const std::string& build_id, int owner,
                                     const IsRight& is_right) {
  const uint64_t began = monotonic_ns();
  const auto seconds =
      static_cast<uint32_t>(std::min<uint64_t>(options_.seconds, (kMaxNs - spent_.ns) / kSecondNs));
  Sought out;
  spent_.queries++;
  auto put = store_.put(kept_name(build_id), [&](int file) -> Result<> {
    const Fd to(::dup(file));
    auto got = fetcher_.fetch(build_id, to, seconds, owner);
    spent_.bytes += size_of(to);
    if (got.what == Fetcher::What::kAbsent) {
      out.what = Fetch::kAbsent;
      return fail("no server has it");
    }
    if (got.what != Fetcher::What::kWhole) {
      return fail(std::move(got.why));
    }
    if (!is_right(to)) {
      remember_absent(build_id);
      return fail("what a server gave is no debug file of that build");
    }
    return {};
  });
  spent_.ns += monotonic_ns() - began;
  if (put) {
    out.file = *std::move(put);
    out.what = Fetch::kFetched;
  } else if (out.what == Fetch::kAbsent) {
    remember_absent(build_id);
  } else {
    out.what = Fetch::kFailed;
    out.why = put.error().what;
  }
  return out;
}

bool DebugFiles::is_known_absent(const std::string& build_id) const {
  const Fd note = store_.find(build_id + absent_ending_);
  std::array<char, 32> text{};
  const ssize_t size = note.ok() ? ::pread(note.get(), text.data(), text.size(), 0) : -1;
  uint64_t since = 0;
  if (size <= 0 || std::from_chars(text.data(), text.data() + size, since).ec != std::errc()) {
    return false;
  }
  const uint64_t now = wall_ns() / kSecondNs;
  return now >= since && now - since < kAbsentSeconds;
}

void DebugFiles::remember_absent(const std::string& build_id) const {
  (void)store_.put(build_id + absent_ending_, [](int file) -> Result<> {
    const std::string text = std::to_string(wall_ns() / kSecondNs);
    return ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size())
               ? Result<>()
               : fail("no room to remember it");
  });
}

}  // namespace sonde::extraction
