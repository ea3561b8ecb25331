/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Samples of what the CPUs run: a clock of each CPU (a perf event, cpu-clock) interrupts whatever
 * runs there, so many times a second. Works in virtual machines, which have no counters of their
 * CPU. It misses what runs with interrupts off: the clock then rings when they are on again.
 * bpf_ringbuf_output: since 5.8.
 */
#include "bpf/lib/prelude.h"

#include "bpf/maps/samples.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The callers' addresses; how many. The kernel walks them itself: its own stack by its own tables,
 * that of the program by frame pointers. Pages of it that are not in memory end the walk. */
static __always_inline __u32 take_stack(void *ctx, void *to, __u64 which, __u32 *flags, __u32 cut,
					__u32 unreadable)
{
	const __u32 room = SONDE_SAMPLE_FRAMES * sizeof(__u64);
	long bytes = bpf_get_stack(ctx, to, room, which);

	if (bytes < 0 || bytes > room) {
		*flags |= unreadable;
		return 0;
	}
	if (bytes == room)
		*flags |= cut;
	return (__u32)bytes / sizeof(__u64);
}

static __always_inline void take_stacks(void *ctx, struct sonde_sample *sample)
{
	__u32 flags = 0, kernel, user;

	kernel = take_stack(ctx, sample->frames, 0, &flags, SONDE_SAMPLE_KERNEL_CUT,
			    SONDE_SAMPLE_KERNEL_UNREADABLE);
	barrier_var(kernel);
	if (kernel > SONDE_SAMPLE_FRAMES)
		kernel = 0;
	user = take_stack(ctx, sample->frames + kernel, BPF_F_USER_STACK, &flags,
			  SONDE_SAMPLE_USER_CUT, SONDE_SAMPLE_USER_UNREADABLE);
	sample->kernel_frames = kernel;
	sample->user_frames = user;
	sample->flags = flags;
}

static __always_inline void fill_sample(struct sonde_sample *sample, __u64 who)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	sample->time_ns = bpf_ktime_get_ns();
	sample->cgroup = bpf_get_current_cgroup_id();
	sample->started_ns = BPF_CORE_READ(task, group_leader, start_boottime);
	sample->image = BPF_CORE_READ(task, self_exec_id);
	sample->pid = who >> 32;
	sample->tid = (__u32)who;
	sample->cpu = bpf_get_smp_processor_id();
	bpf_get_current_comm(sample->name, sizeof(sample->name));
}

static __always_inline void send_sample(struct sonde_sample *sample, struct sample_counters *count)
{
	__u32 frames = sample->kernel_frames + sample->user_frames;

	count->of[SONDE_SAMPLES_taken]++;
	count->of[SONDE_SAMPLES_kernel_cut] += !!(sample->flags & SONDE_SAMPLE_KERNEL_CUT);
	count->of[SONDE_SAMPLES_user_cut] += !!(sample->flags & SONDE_SAMPLE_USER_CUT);
	count->of[SONDE_SAMPLES_kernel_unreadable] +=
		!!(sample->flags & SONDE_SAMPLE_KERNEL_UNREADABLE);
	count->of[SONDE_SAMPLES_user_unreadable] +=
		!!(sample->flags & SONDE_SAMPLE_USER_UNREADABLE);
	barrier_var(frames);
	if (frames > 2 * SONDE_SAMPLE_FRAMES)
		frames = 2 * SONDE_SAMPLE_FRAMES;
	if (bpf_ringbuf_output(&samples, sample, SONDE_SAMPLE_HEAD + frames * sizeof(__u64),
			       BPF_RB_NO_WAKEUP))
		count->of[SONDE_SAMPLES_ring_full]++;
	else
		count->of[SONDE_SAMPLES_delivered]++;
}

SEC("perf_event")
int sample_cpu(void *ctx)
{
	__u32 zero = 0;
	struct sample_counters *count = bpf_map_lookup_elem(&sample_counters, &zero);
	__u64 who = bpf_get_current_pid_tgid();
	struct sonde_sampling *wanted;
	struct sonde_sample *sample;

	if (!count)
		return 0;
	count->of[SONDE_SAMPLES_fired]++;
	if (!(who >> 32)) {
		count->of[SONDE_SAMPLES_idle]++;
		return 0;
	}
	wanted = bpf_map_lookup_elem(&sampling, &zero);
	sample = bpf_map_lookup_elem(&sample_bench, &zero);
	if (!wanted || !sample || (wanted->only_pid && wanted->only_pid != who >> 32)) {
		count->of[SONDE_SAMPLES_elsewhere]++;
		return 0;
	}
	fill_sample(sample, who);
	take_stacks(ctx, sample);
	send_sample(sample, count);
	return 0;
}
