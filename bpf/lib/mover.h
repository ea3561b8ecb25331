/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Who moves the bytes: the current thread. But before Linux 5.12 io_uring's workers are threads of
 * the kernel that borrow the memory of the process they work for; what they move is that process's,
 * and which of its threads asked for it is not known. No system call is ever made in one.
 */
#pragma once

#include "bpf/lib/prelude.h"

/* Process and thread, as bpf_get_current_pid_tgid() tells them. */
static __always_inline __u64 mover(void)
{
#ifdef SONDE_EXITED_CALL
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct task_struct *owner;

	if (!bpf_core_field_exists(task->worker_private) &&
	    !bpf_core_field_exists(((struct task_struct___5_16 *)task)->pf_io_worker) &&
	    bpf_core_field_exists(task->mm->owner) && BPF_CORE_READ(task, flags) & PF_KTHREAD) {
		owner = BPF_CORE_READ(task, mm, owner);
		if (owner)
			return (__u64)BPF_CORE_READ(owner, tgid) << 32 | BPF_CORE_READ(owner, pid);
	}
#endif
	return bpf_get_current_pid_tgid();
}
