// SPDX-License-Identifier: Apache-2.0
// Text for HTML and XML, within an element or an attribute in double quotes.
#pragma once

#include <string>
#include <string_view>

namespace sonde {

std::string markup_escaped(std::string_view text);

}  // namespace sonde
