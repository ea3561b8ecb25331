/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The walk up a program's stack, frame by frame (bpf/unwind/walker.h): by the rows of the code that
 * it is in, as far as user space has told them. Its state is in a map: it goes on from one program
 * to the next, and the verifier need not follow it.
 */
#pragma once

#include "bpf/lib/prelude.h"
#include "bpf/lib/user_registers.h"

#include "bpf/shared/unwind.h"

#include "bpf/maps/samples.h"

/* A piece of the program's stack: what callers saved lies near to one another, and to read a piece
 * takes little longer than to read a word (measured: 107 ns for 512 bytes, 72 for 8).
 */
#define WINDOW_WORDS 128
#define WINDOW_BYTES (WINDOW_WORDS * 8)

struct stack_window {
	__u64 address;
	volatile __u32 bytes; /* 0: there is none */
	volatile __u32 at;    /* the word that is wanted */
	__u64 words[WINDOW_WORDS];
};

struct walk {
	struct sonde_frame frame;
	struct user_registers registers;
	/* The process's. */
	__u32 first_code;
	__u32 code_count;
	/* The code that was met last: the next frame is often in the same. */
	struct sonde_code code;
	struct sonde_row_search rows;
	struct sonde_rule rule; /* of the code that it is in */
	volatile __u32 code_at;
	volatile __u32 code_step;
	volatile __u32 step;   /* how the last one ended: enum sonde_step */
	__u32 programs;	       /* that have gone on with it */
	__u32 settled;	       /* the process is */
	volatile __u8 not_yet; /* it needs what user space has not told */
	__u8 pad[3];
	struct stack_window window;
};

/* One element for each CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct walk);
} walks SEC(".maps");

/* A build without tables for the kernel side has stacks copied, and no more. */
#if SONDE_CFI_UNWIND
#include "bpf/maps/unwind.h"

static __always_inline bool covers(const struct sonde_code *code, __u64 address)
{
	return address - code->begin < code->end - code->begin;
}

/* Is it in what may be executed? walk->code is that then. Which half is searched is arithmetic, as
 * in the walker's search: the verifier need not follow each way through it.
 */
static __always_inline bool find_code(struct walk *walk, __u64 address)
{
	const struct sonde_code *code;
	__u32 index;

	if (covers(&walk->code, address))
		return true;
	walk->code_at = 0;
	walk->code_step =
		walk->code_count > 1 ? 1u << (31 - __builtin_clz(walk->code_count - 1)) : 0;
	for (int i = 0; i < SONDE_CODE_HALVINGS && walk->code_step; i++) {
		__u32 middle = walk->code_at + walk->code_step, there;

		index = walk->first_code + middle;
		code = bpf_map_lookup_elem(&codes, &index);
		if (!code)
			return false;
		there = (__u32)(middle < walk->code_count) & (__u32)(code->begin <= address);
		walk->code_at = walk->code_at + (walk->code_step & (0u - there));
		walk->code_step = walk->code_step >> 1;
	}
	index = walk->first_code + walk->code_at;
	code = bpf_map_lookup_elem(&codes, &index);
	if (!code || !walk->code_count || !covers(code, address))
		return false;
	walk->code = *code;
	return true;
}

static __always_inline int read_register(struct walk *walk, __u32 number, __u64 *to)
{
	*to = walk->registers.of[number & (USER_REGISTERS - 1)];
	return number >= USER_REGISTERS;
}

static __always_inline bool is_in_window(struct stack_window *window, __u64 address, __u32 size)
{
	__u64 offset = address - window->address;

	window->at = (offset >> 3) & (WINDOW_WORDS - 1);
	return offset + size <= window->bytes && !(offset & 7) && offset < WINDOW_BYTES;
}

/* From the frame's end on, if the word is not far from there. Not beyond the word's page: it may be
 * the stack's last.
 */
static __always_inline void read_window(struct walk *walk, __u64 address)
{
	struct stack_window *window = &walk->window;
	__u64 begin = walk->frame.sp, page = 4096, bytes;

	if (address - begin >= WINDOW_BYTES / 2)
		begin = address;
	begin &= ~7ull;
	bytes = (address | (page - 1)) + 1 - begin;
	if (bytes > WINDOW_BYTES)
		bytes = WINDOW_BYTES;
	barrier_var(bytes);
	window->address = begin;
	window->bytes = 0;
	if (bytes <= WINDOW_BYTES && !bpf_probe_read_user(window->words, bytes, (void *)begin))
		window->bytes = bytes;
}

/* One word, or two. */
static __always_inline int read_stack(struct walk *walk, __u64 *to, __u32 size, __u64 address)
{
	struct stack_window *window = &walk->window;

	if (!is_in_window(window, address, size)) {
		read_window(walk, address);
		if (!is_in_window(window, address, size))
			return bpf_probe_read_user(to, size, (void *)address);
	}
	to[0] = window->words[window->at & (WINDOW_WORDS - 1)];
	if (size > sizeof(*to))
		to[1] = window->words[(window->at + 1) & (WINDOW_WORDS - 1)];
	return 0;
}

#define SONDE_READ_MEMORY(from, to, size, address) read_stack(from, to, size, address)
#define SONDE_READ_REGISTER(from, number, to)	   read_register(from, number, to)
#define SONDE_IS_CODE(from, pc)			   1 /* looked up behind the step, once */
#define SONDE_ROW_LO(rows, index)		   ((rows)[(index) & (SONDE_CHUNK_ROWS - 1)].lo)
#include "bpf/unwind/walker.h"

/* What is known of the process; false: nothing, or only of the program it ran before. */
static __always_inline bool begin_walk(struct walk *walk, struct sonde_sample *sample)
{
	const struct sonde_code_list *list = bpf_map_lookup_elem(&code_lists, &sample->pid);

	walk->code.begin = walk->code.end = 0;
	walk->window.bytes = 0;
	walk->programs = 0;
	if (!list || list->started_ns != sample->started_ns || list->image != sample->image)
		return false;
	walk->first_code = list->first;
	walk->code_count = list->count;
	walk->settled = list->settled;
	return true;
}

enum rule_found {
	RULE_FOUND,
	RULE_NONE,    /* nothing is known of this code */
	RULE_NOT_YET, /* user space has not told */
};

static __always_inline enum rule_found search_rule(struct walk *walk, __u64 at)
{
	struct sonde_page_key key = {.file = walk->code.file,
				     .page = (__u32)(at >> SONDE_UNWIND_PAGE_BITS)};
	const struct sonde_page *page = bpf_map_lookup_elem(&row_pages, &key);
	const struct sonde_rule *rule;
	const struct sonde_row *all;
	__u32 chunk, zero = 0, number;
	void *rows_of_chunk;

	if (!page)
		return RULE_NOT_YET;
	chunk = page->chunk;
	if (chunk == SONDE_NO_CHUNK)
		return RULE_NONE;
	rows_of_chunk = bpf_map_lookup_elem(&row_chunks, &chunk);
	if (!rows_of_chunk)
		return RULE_NONE;
	all = bpf_map_lookup_elem(rows_of_chunk, &zero);
	if (!all)
		return RULE_NONE;
	sonde_begin_row_search(&walk->rows, page->first, page->last + 1u,
			       at & (SONDE_UNWIND_PAGE_SIZE - 1));
	SONDE_FIND_ROW(&walk->rows, all);
	number = all[walk->rows.at & (SONDE_CHUNK_ROWS - 1)].rule;
	rule = bpf_map_lookup_elem(&rules, &number);
	if (!rule)
		return RULE_NONE;
	walk->rule = *rule;
	return RULE_FOUND;
}

/* REQUIRES: find_code() found the address. */
static __always_inline enum rule_found find_rule(struct walk *walk, struct known_rules *all,
						 __u64 address)
{
	__u64 at = address - walk->code.bias;
	__u32 file = walk->code.file;
	struct sonde_known_rule *known =
		&all->of[(at ^ (at >> 10) ^ file) & (SONDE_KNOWN_RULES - 1)];

	enum rule_found found;

	if (file == SONDE_NO_FILE)
		return RULE_NONE;
	if (known->at == at && known->file == file) {
		walk->rule = known->rule;
		return RULE_FOUND;
	}
	found = search_rule(walk, at);
	if (found != RULE_FOUND)
		return found;
	known->at = at;
	known->file = file;
	known->rule = walk->rule;
	return RULE_FOUND;
}

static __always_inline bool push_frame(struct sonde_sample *sample, __u64 address)
{
	__u32 kernel = sample->kernel_frames, user = sample->user_frames, at;

	if (user >= SONDE_SAMPLE_USER_FRAMES || kernel > SONDE_SAMPLE_KERNEL_FRAMES)
		return false;
	at = kernel + user;
	barrier_var(at);
	if (at >= SONDE_SAMPLE_KERNEL_FRAMES + SONDE_SAMPLE_USER_FRAMES)
		return false;
	sample->frames[at] = address;
	sample->user_frames = user + 1;
	return true;
}

/* From a frame to its caller's; walk->step tells how that ended, in memory: else the verifier
 * follows each end on its own. If walk->not_yet the frame is one that cannot be gone on from: it
 * was not pushed. REQUIRES: find_code() found the frame's.
 */
static __always_inline void walk_frame(struct walk *walk, struct known_rules *known,
				       struct sonde_sample *sample)
{
	__u64 address = sonde_code_of(&walk->frame);
	const struct sonde_rule *rule = &walk->rule;
	enum rule_found found = find_rule(walk, known, address);

	walk->step = SONDE_STEP_no_rule;
	if (found == RULE_NOT_YET && !(sample->flags & SONDE_SAMPLE_MISSED)) {
		walk->not_yet = 1;
		return;
	}
	/* Nobody called the trampoline of a signal: its first byte is where it stands. */
	if (found == RULE_FOUND && rule->cfa == SONDE_CFA_SIGNAL)
		address = walk->frame.pc;
	if (!push_frame(sample, address)) {
		walk->step = SONDE_STEP_too_deep;
		return;
	}
	if (found == RULE_FOUND)
		walk->step = sonde_step_by_rule(walk, rule, &walk->frame);
	if (walk->step == SONDE_STEP_no_rule) {
		/* Why a guess fails says nothing of the stack: what stays is that nothing is known.
		 */
		if (sonde_step_by_fp(walk, &walk->frame, 1) != SONDE_STEP_caller ||
		    !find_code(walk, sonde_code_of(&walk->frame)))
			return;
		sample->guessed++;
		walk->step = SONDE_STEP_caller;
	} else if (walk->step == SONDE_STEP_caller &&
		   !find_code(walk, sonde_code_of(&walk->frame))) {
		walk->step = SONDE_STEP_no_code;
		walk->not_yet = !walk->settled;
	}
}
#endif
