// SPDX-License-Identifier: Apache-2.0
// What stands behind the kernel's refusal to load programs, where its own words do not say it.
#pragma once

#include <string>

namespace sonde {

// The cause and the way out; empty: not known. at_functions: some of the programs are.
std::string cause_of_refusal(int error, bool at_functions);

// The same of a program that was loaded and is to be attached.
std::string cause_of_no_attachment(int error);

// Whether the kernel refuses whatever program at a function (fentry, fexit), but none at a
// tracepoint: found out by trying.
bool refuses_programs_at_functions();

}  // namespace sonde
