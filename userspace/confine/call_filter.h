// SPDX-License-Identifier: Apache-2.0
// The kernel's filter of system calls, made of the table in call_rules.
#pragma once

#include <linux/filter.h>

#include <span>
#include <vector>

#include "userspace/base/result.h"
#include "userspace/confine/call_rules.h"

namespace sonde::confine {

// The program that gives those of the rules their refusal that have this one, and allows all else;
// self is the number of this process. Calls of another machine (32 bits) are refused by both kinds.
std::vector<sock_filter> filter_program(std::span<const CallRule> rules, Refusal refusal,
                                        uint32_t self);

// Whether somebody has to do later what the rule refuses.
using LeftOut = bool (*)(const CallRule& rule);

// Puts the filter over all threads of this process, and those to come, for good. Null: all rules.
Result<> filter_calls(LeftOut left_out = nullptr);

}  // namespace sonde::confine
