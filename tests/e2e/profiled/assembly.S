// SPDX-License-Identifier: Apache-2.0
// Frames as no compiler makes them, each described as its author must: who calls what it is given as first argument.

	.text

// All registers that are the caller's, and none that keeps the frame.
	.globl	saves_all
	.type	saves_all, @function
saves_all:
	.cfi_startproc
	push	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_offset %rbx, -16
	push	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_offset %rbp, -24
	push	%r12
	.cfi_adjust_cfa_offset 8
	.cfi_offset %r12, -32
	mov	$-1, %rbp			// no frame pointer at all
	sub	$4096, %rsp
	.cfi_adjust_cfa_offset 4096
	call	*%rdi
	add	$4096, %rsp
	.cfi_adjust_cfa_offset -4096
	pop	%r12
	.cfi_adjust_cfa_offset -8
	pop	%rbp
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbp
	pop	%rbx
	.cfi_adjust_cfa_offset -8
	ret
	.cfi_endproc
	.size	saves_all, . - saves_all

// The stack aligned to a page; where it was is kept on it: CFA = *(rbp - 8).
	.globl	aligns
	.type	aligns, @function
aligns:
	.cfi_startproc
	lea	8(%rsp), %r10
	.cfi_def_cfa %r10, 0
	and	$-4096, %rsp
	push	-8(%r10)
	push	%rbp
	.cfi_escape 0x10, 6, 2, 0x76, 0		// rbp: at (rbp)
	mov	%rsp, %rbp
	push	%r10
	.cfi_escape 0x0f, 3, 0x76, 0x78, 0x06	// CFA: what is at (rbp - 8)
	sub	$8, %rsp
	call	*%rdi
	add	$8, %rsp
	pop	%r10
	.cfi_def_cfa %r10, 0
	pop	%rbp
	.cfi_restore %rbp
	lea	-8(%r10), %rsp
	.cfi_def_cfa %rsp, 8
	ret
	.cfi_endproc
	.size	aligns, . - aligns

// A loop that pushes and pops: at each instruction the frame is another one.
	.globl	pushes
	.type	pushes, @function
pushes:
	.cfi_startproc
1:	push	%rax
	.cfi_adjust_cfa_offset 8
	push	%rdx
	.cfi_adjust_cfa_offset 8
	push	%rcx
	.cfi_adjust_cfa_offset 8
	pop	%rcx
	.cfi_adjust_cfa_offset -8
	pop	%rdx
	.cfi_adjust_cfa_offset -8
	pop	%rax
	.cfi_adjust_cfa_offset -8
	dec	%rdi
	jnz	1b
	ret
	.cfi_endproc
	.size	pushes, . - pushes

	.section	.note.GNU-stack, "", @progbits
