/* SPDX-License-Identifier: Apache-2.0 */
/* The hooks of the door `fexit` (bpf/hooks/sockets_fexit_btf.bpf.c), with nothing behind them: the
 * floor that no collector on these hooks can go below. A hook added there is added here. (Only
 * those that every kernel has.)
 */
#include "bpf/lib/prelude.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define EMPTY(where, name) \
  SEC(where "/" #name)     \
  int on_##name(void* ctx) { return 0; }

EMPTY("fexit", inet_sendmsg)
EMPTY("fexit", inet6_sendmsg)
EMPTY("fexit", unix_stream_sendmsg)
EMPTY("fexit", inet_recvmsg)
EMPTY("fexit", inet6_recvmsg)
EMPTY("fexit", unix_stream_recvmsg)
EMPTY("fexit", tcp_splice_read)
EMPTY("fexit", unix_stream_splice_read)
EMPTY("fentry", unix_release)
EMPTY("tp_btf", inet_sock_set_state)
EMPTY("tp_btf", tcp_destroy_sock)
EMPTY("tp_btf", tcp_receive_reset)
EMPTY("tp_btf", tcp_send_reset)
