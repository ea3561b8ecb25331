/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The kernel types and fields we read, and no others. Offsets come from the running kernel's BTF
 * (CO-RE), so only names and kinds matter here. Written by hand: a generated header of all types is
 * 135,000 lines that nobody reads.
 */
#pragma once

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct in6_addr {
	union {
		__u8 u6_addr8[16];
	} in6_u;
};

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	unsigned long skc_flags;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct qstr d_name;
};

struct path {
	struct dentry *dentry;
};

struct inode {
	unsigned short i_mode;
	unsigned long i_ino;
};

struct file_operations;

struct file {
	const struct file_operations *f_op;
	struct inode *f_inode;
	void *private_data; /* of a socket: its struct socket */
	struct path f_path;
};

struct mm_struct {
	unsigned long arg_start;
	unsigned long arg_end;
	unsigned long env_start;
	unsigned long env_end;
	struct file *exe_file;
	struct task_struct *owner;
};

struct linux_binprm {
	const char *interp; /* what is loaded: of a script its interpreter */
};

struct socket {
	struct file *file;
	struct sock *sk;
};

enum iter_type {
	ITER_UBUF,
	ITER_IOVEC,
};

/* Over the buffers of one call: behind what it has moved. */
struct iov_iter {
	__u8 iter_type;
	unsigned long iov_offset;
	void *ubuf;
	const void *__iov;
};

struct iov_iter___6_3 { /* and older */
	const void *iov;
};

struct iov_iter___5_13 { /* and older */
	unsigned int type;
};

struct msghdr {
	struct iov_iter msg_iter;
	unsigned int msg_flags;
};

struct sk_buff_head {
	__u32 qlen;
};

struct sock {
	struct sock_common __sk_common;
	__u16 sk_type;
	__u16 sk_protocol;
	struct socket *sk_socket;
	__u32 sk_max_ack_backlog; /* a listener's; its children keep a copy */
	int sk_err;
	struct sk_buff_head sk_receive_queue;
};

struct tcp_sock {
	__u32 copied_seq; /* next byte the reader gets */
	__u32 write_seq;  /* next byte the writer puts */
	__u32 rcv_nxt;
	__u32 snd_una;
	__u32 snd_nxt;
	__u64 bytes_received;
	__u64 bytes_acked;
	__u64 bytes_sent; /* data alone, retransmits included */
	__u64 bytes_retrans;
	__u32 srtt_us; /* smoothed round-trip time, times 8 */
	__u32 total_retrans;
	__u32 segs_out;
};

typedef struct {
	int counter;
} atomic_t;

typedef struct refcount_struct {
	atomic_t refs;
} refcount_t;

struct sockaddr_un {
	unsigned short sun_family;
	char sun_path[108];
};

struct unix_address {
	refcount_t refcnt; /* a listener and all it accepted share one */
	int len;	   /* of the name, its family included */
	struct sockaddr_un name[];
};

struct unix_sock {
	struct unix_address *addr; /* null: it was never bound */
	struct sock *peer;	   /* held: stays when the peer has closed */
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
	struct fdtable fdtab; /* the table of those that have few files */
};

struct signal_struct {
	atomic_t live;
};

struct thread_info {
	__u32 status; /* x86: TS_COMPAT is 2 */
	struct {
		__u32 count;
	} preempt; /* arm64 */
};

struct task_struct {
	struct thread_info thread_info;
	void *stack;
	int pid;
	int tgid;
	struct files_struct *files;
	struct task_struct *real_parent;
	struct mm_struct *mm;
	unsigned int flags; /* PF_* */
	void *worker_private;
	struct signal_struct *signal;
	struct task_struct *group_leader;
	__u64 start_boottime;
	__u64 self_exec_id; /* moves with each exec */
	char comm[16];
};

struct task_struct___5_16 { /* and older */
	void *pf_io_worker;
};

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r15;
	unsigned long r14;
	unsigned long r13;
	unsigned long r12;
	unsigned long bp;
	unsigned long bx;
	unsigned long r11;
	unsigned long r10;
	unsigned long r9;
	unsigned long r8;
	unsigned long cx;
	unsigned long dx;
	unsigned long si;
	unsigned long di;
	unsigned long ax;
	unsigned long orig_ax;
	unsigned long ip;
	unsigned short cs; /* 64 bits before 6.9, of which 16 say something */
	unsigned long flags;
	unsigned long sp;
};
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
	__u64 regs[31];
	__u64 sp;
	__u64 pc;
	__u64 pstate;
	__u64 orig_x0;
	__s32 syscallno;
};
#endif

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
	__u64 session_id;
	__u64 seq_num;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

struct bpf_map;

struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	void *key;
	void *value;
};

struct bpf_iter__bpf_sk_storage_map {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	struct sock *sk;
	void *value;
};

#pragma clang attribute pop

/* Constants that no header for BPF programs has. */
#define AF_UNIX		1
#define AF_INET		2
#define AF_INET6	10
#define SOCK_STREAM	1
#define S_IFMT		0170000
#define S_IFSOCK	0140000
#define IPPROTO_TCP	6
#define MSG_PEEK	0x2
#define MSG_TRUNC	0x20
#define MSG_ERRQUEUE	0x2000
#define EACCES		13
#define EPIPE		32 /* what a reset leaves when the peer's FIN came before it */
#define ENONET		64
#define ENETUNREACH	101
#define ECONNRESET	104
#define ETIMEDOUT	110
#define ECONNREFUSED	111
#define EHOSTDOWN	112
#define EHOSTUNREACH	113
#define PF_KTHREAD	0x200000
#define MODE_OF_32_BITS 0x10 /* arm64: of pstate */
#define SOCK_DONE	1    /* bit of skc_flags: the peer's FIN arrived */
#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT	2
#define TCP_SYN_RECV	3
#define TCP_FIN_WAIT1	4
#define TCP_CLOSE	7
#define TCP_CLOSE_WAIT	8
#define TCP_LAST_ACK	9
#define TCP_LISTEN	10
