/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Can a task interrupt a program at a tracepoint? Found out once at start, by trying: user space
 * moves a byte over a socket of its own and reads the answer; somebody else's call answers as well.
 * sock_send_length: since 6.3; no older kernel lets it.
 */
#include "bpf/lib/prelude.h"

#include "bpf/shared/preemption.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define PREEMPT_MASK 0xff

/* One answer: enum sonde_preemption. Written here, read once by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} preemption SEC(".maps");

#if defined(__TARGET_ARCH_x86)
extern const int __preempt_count __ksym __weak;

/* How often this CPU has been told to keep its task; negative: nobody can tell. */
static __always_inline int preempt_count(void)
{
	const int *count;

	/* Where it has another name, a tracepoint keeps the CPU by itself. */
	if (!bpf_ksym_exists(&__preempt_count))
		return -1;
	count = bpf_this_cpu_ptr(&__preempt_count);
	return *count & PREEMPT_MASK;
}
#elif defined(__TARGET_ARCH_arm64)
static __always_inline int preempt_count(void)
{
	return bpf_get_current_task_btf()->thread_info.preempt.count & PREEMPT_MASK;
}
#endif

SEC("raw_tp/sock_send_length")
int probe(void *ctx)
{
	__u32 zero = 0, *answer = bpf_map_lookup_elem(&preemption, &zero);

	if (!answer)
		return 0;
	if (preempt_count() == 0)
		*answer = SONDE_PREEMPTION_POSSIBLE;
	else if (*answer == SONDE_PREEMPTION_UNKNOWN)
		*answer = SONDE_PREEMPTION_IMPOSSIBLE;
	return 0;
}
