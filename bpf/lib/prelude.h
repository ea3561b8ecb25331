/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What every BPF source includes first. */
#pragma once

#include <stdbool.h>

#include <linux/types.h>
#include <linux/bpf.h>

#include "bpf/lib/kernel_types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

/* Keeps the compiler from forgetting a bound that the verifier must see. */
#ifndef barrier_var
#define barrier_var(var) asm volatile("" : "+r"(var))
#endif

/* For what not every file that includes it calls. */
#ifndef __maybe_unused
#define __maybe_unused __attribute__((unused))
#endif
