// SPDX-License-Identifier: Apache-2.0
// glob_matches: * is any text (slashes too), ? one byte, \ makes the next byte plain; the whole
// text must match. Iterative, no allocation; at most pattern times text steps, whatever the
// pattern.
#pragma once

#include <string_view>

namespace sonde {

bool glob_matches(std::string_view pattern, std::string_view text);

}  // namespace sonde
