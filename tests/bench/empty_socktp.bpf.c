/* SPDX-License-Identifier: Apache-2.0 */
/* The hooks of the door `socktp`, typed (bpf/hooks/sockets_btf.bpf.c), and of the health of TCP
 * beside it (tcp_health_btf.bpf.c), with nothing behind them: the floor that no collector on these
 * hooks can go below. A hook added there is added here.
 */
#include "bpf/lib/prelude.h"

SEC("tp_btf/sock_send_length")
int on_send(void* ctx) { return 0; }

SEC("tp_btf/sock_recv_length")
int on_receive(void* ctx) { return 0; }

SEC("tp_btf/inet_sock_set_state")
int on_set_state(void* ctx) { return 0; }

SEC("tp_btf/tcp_destroy_sock")
int on_destroy_sock(void* ctx) { return 0; }

SEC("tp_btf/tcp_receive_reset")
int health_reset_in(void* ctx) { return 0; }

SEC("tp_btf/tcp_send_reset")
int health_reset_out(void* ctx) { return 0; }
