// SPDX-License-Identifier: Apache-2.0
// The redactor of HTTP/1.x. Kept: methods, paths, versions, status codes, the header names it
// knows, values by allow-list, chunk sizes. Everything else is overwritten: queries, path
// parameters, authorities in targets, reason phrases, other values, bodies, and all that is not
// HTTP/1. docs/reference/tape-format.md has the promise in full.
#pragma once

#include "userspace/protocols/redactor.h"

namespace sonde {

std::unique_ptr<Redactor> make_http1_redactor();

}  // namespace sonde
