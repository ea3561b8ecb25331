// SPDX-License-Identifier: Apache-2.0
#include "userspace/confine/call_rules.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

namespace sonde::confine {
namespace {

// NOLINTBEGIN(cppcoreguidelines-macro-usage): the name and the number of a call are one word
#define CALL(name) SYS_##name, #name
#define NEVER(name) {CALL(name)}
// NOLINTEND(cppcoreguidelines-macro-usage)

constexpr uint32_t kToWrite = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND;

constexpr CallRule kRules[] = {
    // No program is started, and no process: only threads. clone3 keeps its flags in memory, where
    // no filter can look: the C library then takes clone.
    NEVER(execve),
    NEVER(execveat),
    {CALL(clone), When::kNoBit, 0, CLONE_THREAD},
    {CALL(clone3), When::kAlways, 0, 0, Refusal::kUnknown},
    // No memory becomes code.
    {CALL(mmap), When::kAnyBit, 2, PROT_EXEC},
    {CALL(mprotect), When::kAnyBit, 2, PROT_EXEC},
    NEVER(pkey_mprotect),
    NEVER(memfd_create),
    NEVER(personality),

    // Other processes are not touched: no memory, no descriptors, no signals, no priorities.
    NEVER(ptrace),
    NEVER(process_vm_readv),
    NEVER(process_vm_writev),
    NEVER(process_madvise),
    NEVER(process_mrelease),
    NEVER(kcmp),
    NEVER(pidfd_open),
    NEVER(pidfd_getfd),
    NEVER(pidfd_send_signal),
    {CALL(kill), When::kNotSelf, 0},
    {CALL(tgkill), When::kNotSelf, 0},
    NEVER(tkill),
    NEVER(rt_sigqueueinfo),
    NEVER(rt_tgsigqueueinfo),
    {CALL(prlimit64), When::kNotEqual, 0, 0},
    {CALL(sched_setaffinity), When::kNotEqual, 0, 0},
    {CALL(sched_setattr), When::kNotEqual, 0, 0},
    NEVER(sched_setparam),
    NEVER(sched_setscheduler),
    NEVER(setpriority),
    NEVER(ioprio_set),
    NEVER(migrate_pages),
    NEVER(move_pages),
    {CALL(ioctl), When::kEqual, 1, TIOCSTI},  // as if somebody had typed it

    // No new sockets: the one that listens is there, and those it accepts are not made by socket().
    NEVER(socket),
    NEVER(socketpair),
    NEVER(connect),
    NEVER(bind),
    NEVER(listen),

    // Files are opened for reading only; the tape is open by then. openat2 keeps its flags in
    // memory, and io_uring its calls.
    {CALL(openat), When::kAnyBit, 2, kToWrite},
    {CALL(openat2), When::kAlways, 0, 0, Refusal::kUnknown},
    NEVER(open_by_handle_at),
    NEVER(io_uring_setup),
    NEVER(io_uring_enter),
    NEVER(io_uring_register),
    NEVER(truncate),
    NEVER(unlinkat),
    NEVER(renameat),
    NEVER(renameat2),
    NEVER(linkat),
    NEVER(symlinkat),
    NEVER(mkdirat),
    NEVER(mknodat),
    NEVER(fchmod),
    NEVER(fchmodat),
    NEVER(fchown),
    NEVER(fchownat),
    NEVER(utimensat),
    NEVER(setxattr),
    NEVER(lsetxattr),
    NEVER(fsetxattr),
    NEVER(removexattr),
    NEVER(lremovexattr),
    NEVER(fremovexattr),

    // The kernel side is loaded and attached: its maps are read and written, its sweeps run.
    {CALL(bpf), When::kEqual, 0, BPF_PROG_LOAD},
    {CALL(bpf), When::kEqual, 0, BPF_MAP_CREATE},
    {CALL(bpf), When::kEqual, 0, BPF_BTF_LOAD},
    {CALL(bpf), When::kEqual, 0, BPF_RAW_TRACEPOINT_OPEN},
    {CALL(bpf), When::kEqual, 0, BPF_PROG_ATTACH},
    {CALL(bpf), When::kEqual, 0, BPF_LINK_UPDATE},
    {CALL(bpf), When::kEqual, 0, BPF_OBJ_PIN},
    {CALL(bpf), When::kEqual, 0, BPF_OBJ_GET},
    {CALL(bpf), When::kEqual, 0, BPF_PROG_GET_FD_BY_ID},
    {CALL(bpf), When::kEqual, 0, BPF_MAP_GET_FD_BY_ID},
    {CALL(bpf), When::kEqual, 0, BPF_LINK_GET_FD_BY_ID},
    {CALL(bpf), When::kEqual, 0, BPF_BTF_GET_FD_BY_ID},
    NEVER(perf_event_open),

    // Nor is the rest of the kernel: modules, mounts, namespaces, clocks, keys, users.
    NEVER(init_module),
    NEVER(finit_module),
    NEVER(delete_module),
    NEVER(kexec_load),
    NEVER(kexec_file_load),
    NEVER(reboot),
    NEVER(mount),
    NEVER(umount2),
    NEVER(pivot_root),
    NEVER(chroot),
    NEVER(move_mount),
    NEVER(open_tree),
    NEVER(fsopen),
    NEVER(fsconfig),
    NEVER(fsmount),
    NEVER(fspick),
    NEVER(mount_setattr),
    NEVER(setns),
    NEVER(unshare),
    NEVER(swapon),
    NEVER(swapoff),
    NEVER(quotactl),
    NEVER(quotactl_fd),
    NEVER(acct),
    NEVER(syslog),
    NEVER(settimeofday),
    NEVER(clock_settime),
    NEVER(clock_adjtime),
    NEVER(adjtimex),
    NEVER(sethostname),
    NEVER(setdomainname),
    NEVER(vhangup),
    NEVER(userfaultfd),
    NEVER(fanotify_init),
    NEVER(add_key),
    NEVER(request_key),
    NEVER(keyctl),
    NEVER(setuid),
    NEVER(setgid),
    NEVER(setreuid),
    NEVER(setregid),
    NEVER(setresuid),
    NEVER(setresgid),
    NEVER(setfsuid),
    NEVER(setfsgid),
    NEVER(setgroups),

#ifdef __x86_64__
    // The older names of some of these, which later machines never had.
    NEVER(fork),
    NEVER(vfork),
    {CALL(open), When::kAnyBit, 1, kToWrite},
    NEVER(creat),
    NEVER(unlink),
    NEVER(rmdir),
    NEVER(rename),
    NEVER(link),
    NEVER(symlink),
    NEVER(mkdir),
    NEVER(mknod),
    NEVER(chmod),
    NEVER(chown),
    NEVER(lchown),
    NEVER(utime),
    NEVER(utimes),
    NEVER(futimesat),
    NEVER(iopl),
    NEVER(ioperm),
    NEVER(modify_ldt),
    NEVER(uselib),
    NEVER(create_module),
#endif
};

#undef NEVER
#undef CALL

}  // namespace

std::span<const CallRule> call_rules() { return kRules; }

// 6.1's newest. No library that we link needs a younger one.
const uint32_t kNewestCall = SYS_set_mempolicy_home_node;

}  // namespace sonde::confine
