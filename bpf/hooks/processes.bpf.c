/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Processes: who begins, who becomes another program, who ends. Told at once, so that a process
 * that lives for milliseconds has its name; and the verdict of a parent holds for its child from
 * the first instruction until it becomes another program. Scheduler tracepoints as raw ones:
 * since 4.18. They miss nothing; threads are not processes and are passed over. An exec is told
 * with its words: who waits for /proc may come too late for both.
 */
#include "bpf/lib/prelude.h"

#include "bpf/lib/preempt.h"
#include "bpf/lib/ring.h"
#include "bpf/maps/processes.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline void fill_process(struct sonde_process_record *record, __u16 kind,
					 __u32 size, __u32 change, __u32 pid, __u32 parent,
					 struct task_struct *task)
{
	fill_header(&record->header, kind, size, 0, bpf_ktime_get_ns());
	record->pid = pid;
	record->parent = parent;
	record->change = change;
	record->uid = (__u32)bpf_get_current_uid_gid();
	record->cgroup = bpf_get_current_cgroup_id();
	BPF_CORE_READ_STR_INTO(&record->name, task, comm);
}

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
	fill_process(record, SONDE_RECORD_PROCESS, sizeof(*record), change, pid, parent, task);
	bpf_ringbuf_submit(record, board ? wake_flags(board) : BPF_RB_FORCE_WAKEUP);
	if (count)
		count->of[SONDE_COUNT_records_sent]++;
}

/* Copies at most `room` bytes of the range; tells how many. The stack of a new program was written
 * a moment ago, by the kernel itself: it is in memory. */
static __always_inline __u32 copy_words(void *to, __u32 room, unsigned long start,
					unsigned long end, bool *fault)
{
	unsigned long length = end - start;

	if (!start || end <= start)
		return 0;
	if (length > room)
		length = room;
	barrier_var(length);
	if (length > room)
		return 0;
	if (bpf_probe_read_user(to, length, (void *)start)) {
		*fault = true;
		return 0;
	}
	return length;
}

static __always_inline void send_exec(__u32 pid, struct task_struct *task,
				      struct linux_binprm *binary)
{
	struct sonde_exec_record *record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);
	struct sonde_control *board = switchboard();
	struct counters *count = ledger();
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	unsigned long start, end;
	bool fault = false;

	if (!record) {
		if (count)
			count->of[SONDE_COUNT_records_lost]++;
		return;
	}
	fill_process(&record->process, SONDE_RECORD_EXEC, sizeof(*record), SONDE_PROCESS_EXEC, pid,
		     BPF_CORE_READ(task, real_parent, tgid), task);
	record->pad[0] = record->pad[1] = 0;
	record->path[0] = record->file[0] = 0;
	bpf_probe_read_kernel_str(record->path, sizeof(record->path),
				  BPF_CORE_READ(binary, interp));
	bpf_probe_read_kernel_str(record->file, sizeof(record->file),
				  BPF_CORE_READ(mm, exe_file, f_path.dentry, d_name.name));
	record->arguments_bytes =
		copy_words(record->arguments, sizeof(record->arguments),
			   BPF_CORE_READ(mm, arg_start), BPF_CORE_READ(mm, arg_end), &fault);
	start = BPF_CORE_READ(mm, env_start);
	end = BPF_CORE_READ(mm, env_end);
	record->environment_bytes =
		copy_words(record->environment, sizeof(record->environment), start, end, &fault);
	if (end > start && end - start > record->environment_bytes) {
		record->process.header.flags = SONDE_FLAG_CUT;
		if (count)
			count->of[SONDE_COUNT_execs_cut] += !fault;
	}
	bpf_ringbuf_submit(record, board ? wake_flags(board) : BPF_RB_FORCE_WAKEUP);
	if (count) {
		count->of[SONDE_COUNT_execs_unreadable] += fault;
		count->of[SONDE_COUNT_records_sent]++;
	}
}

SEC("raw_tp/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 pid = BPF_CORE_READ(child, tgid), from = BPF_CORE_READ(parent, tgid);
	__u32 *verdict;

	if (BPF_CORE_READ(child, pid) != (int)pid)
		return 0;
	keep_cpu();
	verdict = bpf_map_lookup_elem(&processes, &from);
	if (verdict) {
		__u32 same = *verdict;

		bpf_map_update_elem(&processes, &pid, &same, BPF_ANY);
	}
	send_process(SONDE_PROCESS_FORK, pid, from, child);
	give_cpu();
	return 0;
}

SEC("raw_tp/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, int old_pid, struct linux_binprm *binary)
{
	__u32 pid = BPF_CORE_READ(task, tgid);

	/* Another program than the one that was decided on: its bytes ship until user space has
	 * decided anew, so that a short-lived one is not missed for its parent's sake.
	 */
	keep_cpu();
	forget_process(pid);
	send_exec(pid, task, binary);
	give_cpu();
	return 0;
}

/* Fires for each thread; the process ends with its last one. */
SEC("raw_tp/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	__u32 pid = BPF_CORE_READ(task, tgid);

	if (BPF_CORE_READ(task, signal, live.counter) > 0)
		return 0;
	keep_cpu();
	forget_process(pid);
	send_process(SONDE_PROCESS_EXIT, pid, 0, task);
	give_cpu();
	return 0;
}
