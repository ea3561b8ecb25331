/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Samples of what the CPUs run: a clock of each CPU (a perf event, cpu-clock) interrupts whatever
 * runs there, so many times a second. Works in virtual machines, which have no counters of their
 * CPU. It misses what runs with interrupts off: the clock then rings when they are on again.
 *
 * The kernel walks its own stack. That of the program is walked by rows; by a chain of programs, as
 * that is what all kernels offer (a loop of any length is one only since 5.17). Where something is
 * not known yet the stack is copied for user space, which finds out by it what to tell.
 * bpf_ringbuf_output: since 5.8.
 */
#include "bpf/lib/prelude.h"

#include "bpf/lib/stack_copy.h"
#include "bpf/lib/walk.h"
#include "bpf/maps/samples.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The callers' addresses; how many. Pages that are not in memory end the kernel's walk. */
static __always_inline __u32 take_stack(void *ctx, void *to, __u64 which,
					struct sonde_sample *sample, __u8 cut, __u8 unreadable)
{
	const __u32 room = SONDE_SAMPLE_KERNEL_FRAMES * sizeof(__u64);
	long bytes = bpf_get_stack(ctx, to, room, which);

	if (bytes < 0 || bytes > room) {
		sample->flags |= unreadable;
		return 0;
	}
	if (bytes == room)
		sample->flags |= cut;
	return (__u32)bytes / sizeof(__u64);
}

/* By frame pointers. */
static __always_inline void let_kernel_walk(void *ctx, struct sonde_sample *sample)
{
	__u32 kernel = sample->kernel_frames;

	barrier_var(kernel);
	if (kernel > SONDE_SAMPLE_KERNEL_FRAMES)
		return;
	sample->user_frames = take_stack(ctx, sample->frames + kernel, BPF_F_USER_STACK, sample,
					 SONDE_SAMPLE_USER_CUT, SONDE_SAMPLE_USER_UNREADABLE);
	sample->flags |= SONDE_SAMPLE_USER_BY_KERNEL;
}

/* Of how many rings that meet this process one is taken. It costs who is passed over no more than
 * this. */
static __always_inline __u32 one_in(const struct sonde_sampling *wanted, struct task_struct *task,
				    __u32 pid)
{
	struct sonde_rate *own = bpf_map_lookup_elem(&rates, &pid);

	if (own && own->started_ns == BPF_CORE_READ(task, group_leader, start_boottime) &&
	    own->image == BPF_CORE_READ(task, self_exec_id))
		return own->one_in;
	return wanted->one_in;
}

static __always_inline void fill_sample(struct sonde_sample *sample, struct task_struct *task,
					__u64 who)
{
	sample->kind = SONDE_SAMPLE;
	sample->cpu = bpf_get_smp_processor_id();
	sample->time_ns = bpf_ktime_get_ns();
	sample->cgroup = bpf_get_current_cgroup_id();
	sample->started_ns = BPF_CORE_READ(task, group_leader, start_boottime);
	sample->image = BPF_CORE_READ(task, self_exec_id);
	sample->pid = who >> 32;
	sample->tid = (__u32)who;
	sample->user_frames = 0;
	sample->guessed = 0;
	sample->flags = 0;
	sample->end = SONDE_STEP_outermost;
	sample->pad = 0;
	bpf_get_current_comm(sample->name, sizeof(sample->name));
}

static __always_inline void send_sample(struct sonde_sample *sample, struct sample_counters *count)
{
	__u32 frames = sample->kernel_frames + sample->user_frames;
	__u8 flags = sample->flags;

	count->of[SONDE_SAMPLES_kernel_cut] += !!(flags & SONDE_SAMPLE_KERNEL_CUT);
	count->of[SONDE_SAMPLES_user_cut] += !!(flags & SONDE_SAMPLE_USER_CUT);
	count->of[SONDE_SAMPLES_kernel_unreadable] += !!(flags & SONDE_SAMPLE_KERNEL_UNREADABLE);
	count->of[SONDE_SAMPLES_user_unreadable] += !!(flags & SONDE_SAMPLE_USER_UNREADABLE);
	count->of[SONDE_SAMPLES_missed] += !!(flags & SONDE_SAMPLE_MISSED);
	count->of[SONDE_SAMPLES_copied] += !!(flags & SONDE_SAMPLE_COPIED);
	barrier_var(frames);
	if (frames > SONDE_SAMPLE_KERNEL_FRAMES + SONDE_SAMPLE_USER_FRAMES)
		frames = SONDE_SAMPLE_KERNEL_FRAMES + SONDE_SAMPLE_USER_FRAMES;
	if (bpf_ringbuf_output(&samples, sample, SONDE_SAMPLE_HEAD + frames * sizeof(__u64),
			       BPF_RB_NO_WAKEUP))
		count->of[SONDE_SAMPLES_ring_full]++;
	else
		count->of[SONDE_SAMPLES_delivered]++;
}

#if SONDE_CFI_UNWIND
/* The kernel's own limit is 33. */
#define MOST_PROGRAMS	  32
#define FRAMES_OF_PROGRAM (SONDE_SAMPLE_USER_FRAMES / MOST_PROGRAMS)

int walk_on(void *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__array(values, int(void *));
} walk_programs SEC(".maps") = {
	.values = {(void *)&walk_on},
};

SEC("perf_event")
int walk_on(void *ctx)
{
	__u32 zero = 0;
	struct sample_counters *count = bpf_map_lookup_elem(&sample_counters, &zero);
	struct sonde_sample *sample = bpf_map_lookup_elem(&sample_bench, &zero);
	struct walk *walk = bpf_map_lookup_elem(&walks, &zero);
	struct known_rules *known = bpf_map_lookup_elem(&known_rules, &zero);

	if (!count || !sample || !walk || !known)
		return 0;
	walk->step = SONDE_STEP_caller;
	walk->not_yet = 0;
	for (int i = 0; i < FRAMES_OF_PROGRAM && walk->step == SONDE_STEP_caller; i++)
		walk_frame(walk, known, sample);
	if (walk->not_yet) {
		sample->flags |= SONDE_SAMPLE_MISSED;
		/* Else the rest is guessed, if this is code. */
		if (!copy_stack(walk, sample) && walk->step == SONDE_STEP_no_rule)
			walk->step = SONDE_STEP_caller;
	}
	if (walk->step == SONDE_STEP_caller) {
		if (++walk->programs < MOST_PROGRAMS)
			bpf_tail_call(ctx, &walk_programs, 0);
		walk->step = SONDE_STEP_too_deep;
	}
	if (walk->step == SONDE_STEP_too_deep)
		sample->flags |= SONDE_SAMPLE_USER_CUT;
	sample->end = walk->step;
	send_sample(sample, count);
	return 0;
}

/* Does not return if it can begin. */
static __always_inline void walk_by_rows(void *ctx, struct walk *walk, struct sonde_sample *sample)
{
	if (begin_walk(walk, sample) && find_code(walk, walk->frame.pc))
		bpf_tail_call(ctx, &walk_programs, 0);
}
#else
static __always_inline void walk_by_rows(void *ctx, struct walk *walk, struct sonde_sample *sample)
{
}
#endif

/* Walks the program's stack; or else it is for the caller to send what there is. */
static __always_inline void walk_program(struct interrupted *ctx, struct task_struct *task,
					 struct sonde_sample *sample)
{
	__u32 zero = 0;
	struct walk *walk = bpf_map_lookup_elem(&walks, &zero);

	if (!walk || !read_user_registers(ctx, task, &walk->registers)) {
		let_kernel_walk(ctx, sample);
		return;
	}
	walk->frame.pc = walk->registers.pc;
	walk->frame.sp = walk->registers.sp;
	walk->frame.fp = walk->registers.fp;
	walk->frame.exact = 1;
	walk->frame.innermost = 1;
	walk_by_rows(ctx, walk, sample);
	sample->flags |= SONDE_SAMPLE_MISSED;
	if (!copy_stack(walk, sample))
		let_kernel_walk(ctx, sample);
}

SEC("perf_event")
int sample_cpu(struct interrupted *ctx)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u32 zero = 0;
	struct sample_counters *count = bpf_map_lookup_elem(&sample_counters, &zero);
	__u64 who = bpf_get_current_pid_tgid();
	struct sonde_sampling *wanted;
	struct sonde_sample *sample;
	__u32 every;

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
	every = one_in(wanted, task, who >> 32);
	if (!every) {
		count->of[SONDE_SAMPLES_elsewhere]++;
		return 0;
	}
	count->of[SONDE_SAMPLES_taken]++;
	/* By chance: what counts may keep step with somebody. */
	if (every > 1 && bpf_get_prandom_u32() % every) {
		count->of[SONDE_SAMPLES_thinned]++;
		return 0;
	}
	fill_sample(sample, task, who);
	sample->weight = wanted->weight * every;
	sample->kernel_frames = 0;
	if (!was_in_program(ctx))
		sample->kernel_frames =
			take_stack(ctx, sample->frames, 0, sample, SONDE_SAMPLE_KERNEL_CUT,
				   SONDE_SAMPLE_KERNEL_UNREADABLE);
	walk_program(ctx, task, sample);
	send_sample(sample, count);
	return 0;
}
