/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Processes: who begins, who becomes another program, who ends. Told at once, so that a process
 * that lives for milliseconds has its name; and the verdict of a parent holds for its child from
 * the first instruction until it becomes another program. Scheduler tracepoints as raw ones:
 * since 4.18. They miss nothing; threads are not processes and are passed over.
 */
#include "bpf/lib/prelude.h"

#include "bpf/lib/ring.h"
#include "bpf/maps/processes.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline void send_process(__u32 change, __u32 pid, __u32 parent,
					 struct task_struct *task)
{
	struct sonde_process_record *record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);
	struct sonde_control *board = switchboard();
	struct counters *count = ledger();

	if (!record) {
		if (count)
			count->of[SONDE_COUNT_records_lost]++;
		return;
	}
	fill_header(&record->header, SONDE_RECORD_PROCESS, sizeof(*record), 0, bpf_ktime_get_ns());
	record->pid = pid;
	record->parent = parent;
	record->change = change;
	record->uid = (__u32)bpf_get_current_uid_gid();
	record->cgroup = bpf_get_current_cgroup_id();
	BPF_CORE_READ_STR_INTO(&record->name, task, comm);
	bpf_ringbuf_submit(record, board ? wake_flags(board) : BPF_RB_FORCE_WAKEUP);
	if (count)
		count->of[SONDE_COUNT_records_sent]++;
}

SEC("raw_tp/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 pid = BPF_CORE_READ(child, tgid), from = BPF_CORE_READ(parent, tgid);
	__u32 *verdict;

	if (BPF_CORE_READ(child, pid) != (int)pid)
		return 0;
	verdict = bpf_map_lookup_elem(&processes, &from);
	if (verdict) {
		__u32 same = *verdict;

		bpf_map_update_elem(&processes, &pid, &same, BPF_ANY);
	}
	send_process(SONDE_PROCESS_FORK, pid, from, child);
	return 0;
}

SEC("raw_tp/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task)
{
	__u32 pid = BPF_CORE_READ(task, tgid);

	/* Another program than the one that was decided on: its bytes ship until user space has
	 * decided anew, so that a short-lived one is not missed for its parent's sake.
	 */
	bpf_map_delete_elem(&processes, &pid);
	send_process(SONDE_PROCESS_EXEC, pid, 0, task);
	return 0;
}

/* Fires for each thread; the process ends with its last one. */
SEC("raw_tp/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	__u32 pid = BPF_CORE_READ(task, tgid);

	if (BPF_CORE_READ(task, signal, live.counter) > 0)
		return 0;
	bpf_map_delete_elem(&processes, &pid);
	send_process(SONDE_PROCESS_EXIT, pid, 0, task);
	return 0;
}
