/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* One step up a stack: from a function's frame to its caller's. The same source runs in the kernel
 * and, on copies of stacks, in user space. Whoever includes it says first how to look at the
 * target; `from` is handed through and means nothing here:
 *
 *   SONDE_READ_MEMORY(from, to, size, address)   0: done
 *   SONDE_READ_REGISTER(from, number, to)        0: done; of the innermost frame, DWARF's number
 *   SONDE_IS_CODE(from, pc)                      is it within anything executable?
 *   SONDE_ROW_LO(rows, index)                    of a row; index may be beyond the page's last
 *
 * A target's memory is hostile: no loop here depends on it, a frame that does not lie above the one
 * before is refused, and how many frames there may be is the caller's to bound.
 */
#pragma once

#include "bpf/shared/unwind.h"

/* Halvings that find a row among the most that a page can have. */
#define SONDE_ROW_HALVINGS 17

/* BPF functions take five arguments; these are part of their callers. */
#define SONDE_WALKER static inline __attribute__((always_inline))

/* What code the frame is in: behind the last call of a function that does not return there may
 * already be another function. */
SONDE_WALKER sonde_u64 sonde_code_of(const struct sonde_frame *frame)
{
	return frame->exact ? frame->pc : frame->pc - 1;
}

/* Into a search over the page's rows. */
SONDE_WALKER void sonde_begin_row_search(volatile struct sonde_row_search *search, sonde_u32 first,
					 sonde_u32 count, sonde_u32 lo)
{
	search->at = first;
	search->end = first + count;
	search->step = count > 1 ? 1u << (31 - __builtin_clz(count - 1)) : 0;
	search->lo = lo;
}

/* Nothing is decided by a branch but when to stop: which half is taken is arithmetic. */
#define SONDE_FIND_ROW(search, rows)                                                           \
	do {                                                                                   \
		volatile struct sonde_row_search *s_ = (search);                               \
		for (int i_ = 0; i_ < SONDE_ROW_HALVINGS && s_->step; i_++) {                  \
			sonde_u32 middle_ = s_->at + s_->step;                                 \
			sonde_u32 there_ = (sonde_u32)(middle_ < s_->end) &                    \
					   (sonde_u32)(SONDE_ROW_LO(rows, middle_) <= s_->lo); \
			s_->at = s_->at + (s_->step & (0u - there_));                          \
			s_->step = s_->step >> 1;                                              \
		}                                                                              \
	} while (0)

/* arm64 may sign return addresses, above the bits that an address has. */
#if defined(__TARGET_ARCH_arm64) || defined(__aarch64__)
#define SONDE_WITHOUT_SIGNATURE(pc) ((pc) & ((1ull << 48) - 1))
#else
#define SONDE_WITHOUT_SIGNATURE(pc) (pc)
#endif

SONDE_WALKER int sonde_read_word(void *from, sonde_u64 *to, sonde_u64 address)
{
	return SONDE_READ_MEMORY(from, to, sizeof(*to), address);
}

/* The frame pointer and the return address stand side by side. A rule may say so of code that goes
 * from one stack to another; as a guess it must be near.
 */
SONDE_WALKER enum sonde_step sonde_step_by_fp(void *from, struct sonde_frame *frame, int guess)
{
	sonde_u64 saved[2] = {0, 0};

	if ((frame->fp & 7) ||
	    (guess && (frame->fp < frame->sp || frame->fp - frame->sp >= SONDE_MAX_GUESSED_SIZE)))
		return SONDE_STEP_bad_frame;
	if (SONDE_READ_MEMORY(from, saved, sizeof(saved), frame->fp))
		return SONDE_STEP_unreadable;
	saved[1] = SONDE_WITHOUT_SIGNATURE(saved[1]);
	if (!saved[1])
		return SONDE_STEP_outermost;
	if (!SONDE_IS_CODE(from, saved[1]))
		return SONDE_STEP_no_code;
	frame->pc = saved[1];
	frame->sp = frame->fp + sizeof(saved);
	frame->fp = saved[0];
	frame->exact = 0;
	frame->innermost = 0;
	return SONDE_STEP_caller;
}

/* The registers of who was interrupted, from the stack pointer of who returns from the handler: on
 * x86 that is at the kernel's struct ucontext, on arm64 at the siginfo before it.
 */
#if defined(__TARGET_ARCH_arm64) || defined(__aarch64__)
#define SONDE_SIGNAL_FP 544
#define SONDE_SIGNAL_SP 560
#define SONDE_SIGNAL_PC 568
#else
#define SONDE_SIGNAL_FP 120
#define SONDE_SIGNAL_SP 160
#define SONDE_SIGNAL_PC 168
#endif

SONDE_WALKER enum sonde_step sonde_step_over_signal(void *from, struct sonde_frame *frame)
{
	sonde_u64 fp = 0, sp = 0, pc = 0;

	if (sonde_read_word(from, &fp, frame->sp + SONDE_SIGNAL_FP) ||
	    sonde_read_word(from, &sp, frame->sp + SONDE_SIGNAL_SP) ||
	    sonde_read_word(from, &pc, frame->sp + SONDE_SIGNAL_PC))
		return SONDE_STEP_unreadable;
	/* The handler may have had a stack of its own: which of the two lies higher says nothing.
	 */
	if (!SONDE_IS_CODE(from, pc))
		return SONDE_STEP_no_code;
	frame->pc = pc;
	frame->sp = sp;
	frame->fp = fp;
	frame->exact = 1;
	frame->innermost = 0;
	return SONDE_STEP_caller;
}

SONDE_WALKER enum sonde_step sonde_find_cfa(void *from, const struct sonde_rule *rule,
					    const struct sonde_frame *frame, sonde_u64 *cfa)
{
	sonde_s64 offset = rule->cfa_offset;
	sonde_u64 base = 0;

	switch (rule->cfa) {
	case SONDE_CFA_SP:
		*cfa = frame->sp + (sonde_u64)offset;
		return SONDE_STEP_caller;
	case SONDE_CFA_FP:
		*cfa = frame->fp + (sonde_u64)offset;
		return SONDE_STEP_caller;
	case SONDE_CFA_PLT:
		*cfa = frame->sp + 8 + ((sonde_s64)(frame->pc & 15) >= offset ? 8 : 0);
		return SONDE_STEP_caller;
	case SONDE_CFA_SP_DEREF:
	case SONDE_CFA_FP_DEREF:
		base = rule->cfa == SONDE_CFA_SP_DEREF ? frame->sp : frame->fp;
		base += (sonde_u64)(sonde_s64)(sonde_s16)(offset & 0xffff);
		if (sonde_read_word(from, cfa, base))
			return SONDE_STEP_unreadable;
		*cfa += (sonde_u64)(offset >> 16);
		return SONDE_STEP_caller;
	default:
		if (!(rule->cfa & SONDE_CFA_REGISTER))
			return SONDE_STEP_no_rule;
		if (!frame->innermost ||
		    SONDE_READ_REGISTER(from, rule->cfa & (SONDE_CFA_REGISTER - 1), &base))
			return SONDE_STEP_no_register;
		*cfa = base + (sonde_u64)offset;
		return SONDE_STEP_caller;
	}
}

/* Where the caller's frame pointer is saved; 0: nowhere. */
SONDE_WALKER sonde_u64 sonde_saved_fp_at(const struct sonde_rule *rule, sonde_u64 cfa, sonde_u64 fp)
{
	switch (SONDE_SAVED_FP(rule->saved)) {
	case SONDE_FP_AT_CFA:
		return cfa + (sonde_u64)(sonde_s64)rule->offset;
	case SONDE_FP_AT_FP:
		return fp + (sonde_u64)(sonde_s64)rule->offset;
	default:
		return 0;
	}
}

SONDE_WALKER enum sonde_step sonde_find_return(void *from, const struct sonde_rule *rule,
					       const struct sonde_frame *frame, sonde_u64 cfa,
					       sonde_u64 fp_at, sonde_u64 *pc)
{
	sonde_u64 at = 0;

	switch (SONDE_SAVED_RA(rule->saved)) {
	case SONDE_RA_AT_CALL:
		at = cfa - 8;
		break;
	case SONDE_RA_AT_CFA:
		at = cfa + (sonde_u64)(sonde_s64)rule->offset;
		break;
	case SONDE_RA_BESIDE_FP:
		at = fp_at + 8;
		break;
	default:
		if (!frame->innermost || SONDE_READ_REGISTER(from, (sonde_u32)rule->offset, pc))
			return SONDE_STEP_no_register;
		return SONDE_STEP_caller;
	}
	return sonde_read_word(from, pc, at) ? SONDE_STEP_unreadable : SONDE_STEP_caller;
}

/* The frame is the caller's if the answer is SONDE_STEP_caller, else it is as it was. */
SONDE_WALKER enum sonde_step sonde_step_by_rule(void *from, const struct sonde_rule *rule,
						struct sonde_frame *frame)
{
	sonde_u64 cfa = 0, pc = 0, fp = frame->fp, fp_at;
	enum sonde_step found;

	switch (rule->cfa) {
	case SONDE_CFA_INVALID:
		return SONDE_STEP_no_rule;
	case SONDE_CFA_STOP:
		return SONDE_STEP_outermost;
	case SONDE_CFA_SIGNAL:
		return sonde_step_over_signal(from, frame);
	case SONDE_CFA_FP_ONLY:
		return sonde_step_by_fp(from, frame, 0);
	default:
		break;
	}
	found = sonde_find_cfa(from, rule, frame, &cfa);
	if (found != SONDE_STEP_caller)
		return found;
	/* A leaf that keeps its return address in a register may have no frame at all. */
	if ((cfa & 7) || cfa - frame->sp >= SONDE_MAX_FRAME_SIZE ||
	    (cfa == frame->sp && SONDE_SAVED_RA(rule->saved) != SONDE_RA_REGISTER))
		return SONDE_STEP_bad_frame;
	fp_at = sonde_saved_fp_at(rule, cfa, fp);
	found = sonde_find_return(from, rule, frame, cfa, fp_at, &pc);
	if (found != SONDE_STEP_caller)
		return found;
	pc = SONDE_WITHOUT_SIGNATURE(pc);
	if (!pc)
		return SONDE_STEP_outermost;
	if (fp_at && sonde_read_word(from, &fp, fp_at))
		return SONDE_STEP_unreadable;
	if (SONDE_SAVED_FP(rule->saved) == SONDE_FP_UNDEFINED)
		fp = 0;
	frame->pc = pc;
	frame->sp = cfa;
	frame->fp = fp;
	frame->exact = SONDE_SAVED_INTERRUPTED(rule->saved);
	frame->innermost = 0;
	return SONDE_STEP_caller;
}
