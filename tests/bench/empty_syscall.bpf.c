/* SPDX-License-Identifier: Apache-2.0 */
/* The hooks of the door `syscall` (bpf/hooks/sockets_syscall.bpf.c), with nothing behind them: the
 * floor that no collector on these hooks can go below. A hook added there is added here.
 */
#include "bpf/lib/prelude.h"

SEC("tp_btf/sys_exit")
int on_call(void* ctx) { return 0; }

SEC("raw_tp/inet_sock_set_state")
int on_set_state(void* ctx) { return 0; }

SEC("raw_tp/tcp_destroy_sock")
int on_destroy_sock(void* ctx) { return 0; }
