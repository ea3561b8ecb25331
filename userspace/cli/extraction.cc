// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/extraction.h"

#include <utility>

#include "userspace/base/log.h"

namespace sonde::cli {

std::optional<Extractor> start_extractor() {
  auto extractor = Extractor::start();
  if (!extractor) {
    log::warn("functions of files have no names: {}", extractor.error().what);
    return std::nullopt;
  }
  if (!extractor->why_not_kept().empty()) {
    log::info("tables of symbols are not kept: {}", extractor->why_not_kept());
  }
  return std::optional<Extractor>(*std::move(extractor));
}

}  // namespace sonde::cli
