/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The process hooks for kernels without types of their own. */
#define SONDE_BARE
/* NOLINTNEXTLINE(bugprone-suspicious-include): the same source once more */
#include "bpf/hooks/processes.bpf.c"
