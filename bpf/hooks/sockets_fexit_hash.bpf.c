/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The door `fexit` with the state of each connection in a hash by the socket's address, for kernels
 * whose programs at functions have no storage in sockets (before Linux 6.1).
 */
#define SONDE_TYPED
/* NOLINTNEXTLINE(bugprone-suspicious-include): the same source once more */
#include "bpf/hooks/sockets_fexit_btf.bpf.c"
