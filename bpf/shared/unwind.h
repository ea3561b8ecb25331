/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* How to get from a function's frame to its caller's, for every instruction of a file: rows and the
 * rules that they name. Made from the file's call frame information (symbolizer/unwind), applied by
 * bpf/unwind/walker.h on both sides. docs/architecture/unwinding.md tells it in prose.
 *
 * Addresses are those of the file (as its segments say), not of a process. A file's text is cut
 * into pages of 64 KiB. The rows of a page are sorted; a row's rule holds from its address to that
 * of the next row. Each page begins with a row at 0, the rule in force at its first byte: a page
 * can be looked up without its neighbours.
 *
 * The CFA ("canonical frame address") is the stack pointer as it was before the call: what all
 * else is reckoned from.
 */
#pragma once

#include "bpf/shared/records.h"

#ifndef __bpf__
typedef int16_t sonde_s16;
typedef int32_t sonde_s32;
typedef int64_t sonde_s64;
#else
typedef signed short sonde_s16;
typedef signed int sonde_s32;
typedef signed long long sonde_s64;
#endif

#define SONDE_UNWIND_PAGE_BITS 16
#define SONDE_UNWIND_PAGE_SIZE (1u << SONDE_UNWIND_PAGE_BITS)

struct sonde_row {
	sonde_u16 lo; /* address within the page */
	sonde_u16 rule;
};
SONDE_ASSERT_SIZE(struct sonde_row, 4);

/* Where the CFA is. The first ones are a rule as a whole: nothing else of it counts. */
enum sonde_cfa {
	SONDE_CFA_INVALID = 0, /* nothing is known here, or nothing that can be said */
	SONDE_CFA_STOP = 1,    /* the outermost frame */
	SONDE_CFA_SIGNAL = 2,  /* the kernel's frame of a signal: all registers are in it */
	SONDE_CFA_FP_ONLY = 3, /* code that keeps frame pointers, perhaps those of another stack */

	SONDE_CFA_SP = 4,	/* stack pointer + cfa_offset */
	SONDE_CFA_FP = 5,	/* frame pointer + cfa_offset */
	SONDE_CFA_SP_DEREF = 6, /* what stands at stack pointer + low half of cfa_offset,
				   and to that the high half is added; both signed */
	SONDE_CFA_FP_DEREF = 7, /* the same from the frame pointer */
	SONDE_CFA_PLT = 8, /* a stub of 16 bytes that pushes once: stack pointer + 8, and 8 more
			      from its byte cfa_offset on */

	/* Plus DWARF's number of a register + cfa_offset. Only the innermost frame (and one that a
	 * signal interrupted) has registers other than the two above. */
	SONDE_CFA_REGISTER = 0x80,
};

/* Where the caller's frame pointer is. */
enum sonde_fp {
	SONDE_FP_SAME = 0,	/* nobody touched it */
	SONDE_FP_AT_CFA = 1,	/* saved at CFA + offset */
	SONDE_FP_AT_FP = 2,	/* saved at frame pointer + offset */
	SONDE_FP_UNDEFINED = 3, /* gone */
};

/* Where the return address is. */
enum sonde_ra {
	SONDE_RA_AT_CALL = 0,	/* where x86's call put it: CFA - 8 */
	SONDE_RA_AT_CFA = 1,	/* CFA + offset; the frame pointer's rule needs no offset then */
	SONDE_RA_BESIDE_FP = 2, /* 8 above the saved frame pointer: arm64's pair */
	SONDE_RA_REGISTER = 3,	/* in the register that offset names: the innermost frame alone */
};

struct sonde_rule {
	sonde_u8 cfa;	  /* enum sonde_cfa */
	sonde_u8 saved;	  /* SONDE_SAVED(...) */
	sonde_s16 offset; /* of the frame pointer, or of the return address */
	sonde_s32 cfa_offset;
};
SONDE_ASSERT_SIZE(struct sonde_rule, 8);

/* interrupted: the caller did not call but was stopped at this very instruction. */
#define SONDE_SAVED(fp, ra, interrupted) ((fp) | (ra) << 2 | (interrupted) << 4)
#define SONDE_SAVED_FP(saved)		 ((saved) & 3)
#define SONDE_SAVED_RA(saved)		 ((saved) >> 2 & 3)
#define SONDE_SAVED_INTERRUPTED(saved)	 ((saved) >> 4 & 1)

/* How a step ended, and with it a walk. X(name) */
#define SONDE_STEPS(X)                                                              \
	X(caller)      /* the frame is the caller's now */                          \
	X(outermost)   /* there is no caller */                                     \
	X(no_rule)     /* nothing is known of this code */                          \
	X(no_register) /* the rule needs a register that only an inner frame had */ \
	X(bad_frame)   /* the caller's frame would not lie above this one */        \
	X(unreadable)  /* the stack could not be read there */                      \
	X(no_code)     /* what should be a return address is none */                \
	X(too_deep)    /* more frames than the walk may have */

enum sonde_step {
#define X(name) SONDE_STEP_##name,
	SONDE_STEPS(X)
#undef X
	SONDE_STEP_KINDS
};

struct sonde_frame {
	sonde_u64 pc;
	sonde_u64 sp;
	sonde_u64 fp;
	sonde_u8 exact;	    /* pc is the instruction that runs next, not one behind a call */
	sonde_u8 innermost; /* all registers are known */
	sonde_u8 reserved[6];
};
SONDE_ASSERT_SIZE(struct sonde_frame, 32);

/* The search for the last row at or below an address of its page. In the kernel it must lie in a
 * map: the verifier forgets what it knew of a value that was in memory, and does not follow each
 * way through the halvings (measured: 331,645 instructions for a search whose index it tracks). */
struct sonde_row_search {
	sonde_u32 at;	/* begin: the page's first row; end: the row that was found */
	sonde_u32 end;	/* behind the page's last row */
	sonde_u32 step; /* a power of two that is at least half of the rows */
	sonde_u32 lo;	/* the address in the page */
};

/* A frame is smaller than a main thread's whole stack. Without a rule a frame pointer is only a
 * guess: it must be nearer. */
#define SONDE_MAX_FRAME_SIZE   (8u << 20)
#define SONDE_MAX_GUESSED_SIZE (1u << 20)

/* Rules of all files on the host, each once; a file alone has a few hundred. Rule 0 is
 * SONDE_CFA_INVALID. */
#define SONDE_MAX_RULES 16384

/* The kernel side keeps rows in chunks of so many bytes, and finds a page's by this. */
#define SONDE_CHUNK_SIZE (1u << 20)
#define SONDE_CHUNK_ROWS (SONDE_CHUNK_SIZE / 4)
#define SONDE_MAX_CHUNKS 32

struct sonde_page_key {
	sonde_u32 file;
	sonde_u32 page; /* address >> SONDE_UNWIND_PAGE_BITS */
};
SONDE_ASSERT_SIZE(struct sonde_page_key, 8);

/* A page that has no entry was not asked for yet; one that has no rows is known to have none. */
#define SONDE_NO_CHUNK 0xffff

struct sonde_page {
	sonde_u16 chunk;
	sonde_u16 last;	 /* rows, less the one that each page has */
	sonde_u32 first; /* row in the chunk */
};
SONDE_ASSERT_SIZE(struct sonde_page, 8);

/* 1 GiB of text that is run. */
#define SONDE_MAX_LOADED_PAGES 16384

/* Rules that addresses of files were found to have. Each CPU has so many, each at the place that
 * its bits say. */
#define SONDE_KNOWN_RULES 1024

struct sonde_known_rule {
	sonde_u64 at;
	sonde_u32 file;
	sonde_u32 pad;
	struct sonde_rule rule;
};
SONDE_ASSERT_SIZE(struct sonde_known_rule, 24);

/* Code that belongs to no file: made at run time. It is walked by frame pointers. */
#define SONDE_NO_FILE 0xffffffff

/* Executable memory of a process. */
struct sonde_code {
	sonde_u64 begin;
	sonde_u64 end;	/* behind it */
	sonde_u64 bias; /* what to take from an address for that of the file */
	sonde_u32 file; /* user space's number for it */
	sonde_u32 pad;
};
SONDE_ASSERT_SIZE(struct sonde_code, 32);

/* Of all processes together; of one. */
#define SONDE_MAX_CODES	       131072
#define SONDE_MAX_CODES_OF_ONE 4096
#define SONDE_CODE_HALVINGS    12

/* A process's stand side by side, by their addresses, and are its own from one exec to the next. */
struct sonde_code_list {
	sonde_u64 started_ns;
	sonde_u64 image;
	sonde_u32 first;
	sonde_u32 count;   /* at least one */
	sonde_u32 settled; /* what is not in it is no code; else the program may still load it */
	sonde_u32 pad;
};
SONDE_ASSERT_SIZE(struct sonde_code_list, 32);

#define SONDE_MAX_KNOWN_PROCESSES 8192
