// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/extraction.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "userspace/base/log.h"

namespace sonde::cli {

namespace {

// The variable may also hold what is no server but how elfutils shall trust it.
std::vector<std::string> servers_of(const std::string& wish) {
  std::string_view text = wish;
  if (wish == "env") {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): no thread runs yet
    const char* const variable = std::getenv("DEBUGINFOD_URLS");
    text = variable != nullptr ? variable : "";
  }
  std::vector<std::string> out;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    if (word.starts_with("http://") || word.starts_with("https://")) {
      out.emplace_back(word);
    }
  }
  if (out.empty() && !wish.empty()) {
    log::warn(
        "no server is asked for debug files: DEBUGINFOD_URLS names none here (sudo drops it)");
  }
  return out;
}

}  // namespace

std::optional<Extractor> start_extractor(const SymbolsConfig& config) {
  constexpr uint64_t kSecondMs = 1000;
  auto extractor =
      Extractor::start({.servers = servers_of(config.debuginfod),
                        .seconds = static_cast<uint32_t>(config.debuginfod_ms / kSecondMs),
                        .bytes = config.debuginfod_bytes});
  if (!extractor) {
    log::warn("functions of files have no names: {}", extractor.error().what);
    return std::nullopt;
  }
  if (!extractor->why_not_kept().empty()) {
    log::info("tables of symbols are not kept: {}", extractor->why_not_kept());
  }
  if (!extractor->why_not_fetched().empty()) {
    log::warn("no server is asked for debug files: {}", extractor->why_not_fetched());
  }
  return std::optional<Extractor>(*std::move(extractor));
}

void tell_fetched(const ExtractionCounts& counts) {
  if (counts.fetched + counts.absent + counts.not_fetched + counts.not_asked > 0) {
    fmt::print(stderr,
               "sonde: debug files of servers: {} fetched, {} that none has, {} asked for in vain, "
               "{} not asked for\n",
               counts.fetched, counts.absent, counts.not_fetched, counts.not_asked);
  }
}

}  // namespace sonde::cli
