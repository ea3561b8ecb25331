// SPDX-License-Identifier: Apache-2.0
// Label values of hostile origin, made fit to be exported: valid UTF-8, printable, bounded.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sonde {

inline constexpr size_t kMaxLabelBytes = 256;        // of a cleaned value, marker included
inline constexpr std::string_view kCutMarker = "…";  // ends a value that was cut

// Appends raw to out: well-formed UTF-8 stays, control bytes and stray bytes become \xNN. True: it
// was too long and was cut (between characters) to kMaxLabelBytes.
bool append_label_value(std::string_view raw, std::string& out);

}  // namespace sonde
