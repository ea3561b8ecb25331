/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The door `syscall` for kernels without types of their own: nothing typed can be asked of them,
 * and each register costs a helper's call. Where the fields lie, a file says (--kernel-types).
 */
#define SONDE_BARE
/* NOLINTNEXTLINE(bugprone-suspicious-include): the same source once more */
#include "bpf/hooks/sockets_syscall.bpf.c"
