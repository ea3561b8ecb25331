# SPDX-License-Identifier: Apache-2.0
"""Kernels of other shapes than their distributor gave them: what makes them so, and what is expected there."""

import re
from dataclasses import dataclass, field

NO_OWN_TYPES = "it needs a kernel that has types"
NO_JIT = "echo 0 >/proc/sys/net/core/bpf_jit_enable"
PREEMPT = ("--append", "preempt=full")
FILE_OF_TYPES = "export SONDE_KERNEL_TYPES=/types"
CONFINED_OLD = {"confined": ("degraded", "holds CAP_BPF")}  # 5.10: no Landlock, and maps are read with a capability


@dataclass(frozen=True)
class Shape:
    name: str
    about: str
    kernel: str
    door: str  # that is taken; empty: none, and that is told
    boot: tuple[str, ...] = ()  # options of scripts/lib/vm/run
    guest: str = ""  # shell, before Sonde is started
    # What doctor says beyond "ok": by feature its state and a part of its words. Of the doors only those named here
    # and the one that is taken are looked at: what a kernel has of them the first table tells.
    doctor: dict[str, tuple[str, str]] = field(default_factory=dict)
    refusal: str = ""  # a part of the words of `sonde run`, where no door is


SHAPES = (
    Shape(
        "lockdown",
        "lockdown=integrity",
        "6.12",
        "socktp-btf",
        ("--append", "lockdown=integrity"),
        "mount -t securityfs none /sys/kernel/security",
        {"lockdown": ("ok", "integrity")},
    ),
    Shape(
        "confidential",
        "lockdown=confidentiality",
        "6.12",
        "",
        ("--append", "lockdown=confidentiality"),
        "mount -t securityfs none /sys/kernel/security",
        {"lockdown": ("blocked", "confidentiality"), "verdict": ("blocked", "no door works")},
        "lockdown=integrity",
    ),
    Shape("no-tracefs", "no tracefs, no debugfs", "newest", "socktp-btf", ("--without", "tracefs", "--without", "debugfs")),
    Shape("no-debugfs", "debugfs=off", "6.1", "syscall", ("--append", "debugfs=off", "--without", "debugfs")),
    Shape(
        "cgroup1",
        "control groups v1 only",
        "6.1",
        "fexit-btf",
        ("--without", "cgroup2"),
        "mount -t tmpfs none /sys/fs/cgroup; mkdir /sys/fs/cgroup/cpu; mount -t cgroup -o cpu none /sys/fs/cgroup/cpu",
    ),
    Shape("no-cgroups", "no control groups mounted", "6.12", "socktp-btf", ("--without", "cgroup2")),
    Shape("no-jit", "net.core.bpf_jit_enable=0", "6.1", "fexit-btf", (), NO_JIT),
    Shape(
        "no-jit-new",
        "net.core.bpf_jit_enable=0",
        "6.12",
        "",
        (),
        NO_JIT,
        {"socktp-btf": ("blocked", "bpf_jit_enable=1"), "verdict": ("blocked", "no door works"), "profiles": ("ok", "")},
        "bpf_jit_enable=1",
    ),
    Shape("preempt", "preempt=full", "6.12", "socktp-btf", PREEMPT, "", {"fexit-btf": ("degraded", "preempt=voluntary")}),
    Shape(
        "preempt-old",
        "preempt=full",
        "6.1",
        "syscall",
        PREEMPT,
        "",
        {"fexit-btf": ("blocked", "preempt=voluntary"), "fexit-hash": ("blocked", "preempt=voluntary")},
    ),
    Shape("memlock", "64 KiB of locked memory, CAP_SYS_RESOURCE", "5.10", "fexit-hash", (), "ulimit -l 64", CONFINED_OLD),
    Shape(
        "memlock-fixed",
        "64 KiB of locked memory, no CAP_SYS_RESOURCE",
        "5.10",
        "",
        ("--with", "/usr/bin/setpriv"),
        "ulimit -l 64; as='/usr/bin/setpriv --bounding-set=-sys_resource'",
        {
            "syscall": ("blocked", "ulimit -l unlimited"),
            "privileges": ("degraded", "CAP_SYS_RESOURCE"),
            "verdict": ("blocked", "no door works"),
        },
        "ulimit -l unlimited",
    ),
    Shape(
        "no-types",
        "no types (BTF)",
        "5.10",
        "",
        ("--without", "types"),
        "",
        {"kernel types": ("blocked", "--kernel-types"), "verdict": ("blocked", "no door works")},
        "--kernel-types",
    ),
    Shape(
        "types-by-file",
        "no types (BTF), a file of them",
        "6.1",
        "syscall",
        ("--without", "types"),
        FILE_OF_TYPES,
        {"kernel types": ("degraded", "of the file /types"), "hooks": ("degraded", NO_OWN_TYPES)},
    ),
    Shape(
        "types-by-file-old",
        "no types (BTF), a file of them",
        "5.10",
        "syscall",
        ("--without", "types"),
        FILE_OF_TYPES,
        {"kernel types": ("degraded", "of the file /types"), "hooks": ("degraded", "ends of some answers come late")} | CONFINED_OLD,
    ),
)


def unexpected(shape: Shape, doctor: dict[str, tuple[str, str]], doors: tuple[str, ...]) -> list[str]:
    """What doctor says otherwise than the table."""
    wrong = []
    expected = {shape.door: ("ok", ""), "verdict": ("ok", f"door {shape.door}")} if shape.door else {}
    if not shape.door:  # what keeps every door shut keeps the sampler out too
        expected["profiles"] = ("degraded", "")
    expected |= shape.doctor
    for feature in dict.fromkeys((*doctor, *expected)):
        if feature in doors and feature not in expected:
            continue
        state, words = doctor.get(feature, ("missing", ""))
        wanted, part = expected.get(feature, ("ok", ""))
        if state != wanted or part not in words:
            wrong.append(f"{feature} is {state} ({words}), not {wanted} ({part})")
    return wrong


def refusal_in(output: str) -> tuple[int, str]:
    """Exit code and last words of a `sonde run` that found no door; 0 if it was not tried."""
    found = re.search(r"^refused (\d+) (.*)$", output, re.MULTILINE)
    return (int(found[1]), found[2]) if found else (0, "")
