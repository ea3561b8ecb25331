# SPDX-License-Identifier: Apache-2.0
"""What is put into the guests of scripts/kernels beside busybox: Sonde, bpftool, and programs of tests/kernels."""

import os
import subprocess
from dataclasses import dataclass

from programs import Unavailable, bpftool, path_of, stripped

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILT = ("cpu_clock", "stacks")
# What bpftool is linked with, which is all that is not static in a guest of arm64.
ARM64_LIBRARIES = ("libelf.so.1", "libz.so.1", "libcap.so.2", "libc.so.6")


@dataclass(frozen=True)
class GuestPrograms:
    with_libraries: tuple[str, ...]  # of this machine
    put: dict[str, str]  # where it is here: where it is there

    def options(self) -> list[str]:
        """Of scripts/lib/vm/run."""
        words = []
        for path in self.with_libraries:
            words += ["--with", path]
        for file, place in self.put.items():
            words += ["--put", f"{file}={place}"]
        return words


def built(folder: str, compiler: str, *flags: str) -> dict[str, str]:
    """Programs that ask a kernel themselves."""
    found = {}
    for name in BUILT:
        command = [path_of(compiler), *flags, "-O2", "-static", "-o", f"{folder}/{name}", f"{REPO}/tests/kernels/{name}.c"]
        subprocess.run(command, check=True)
        found[f"{folder}/{name}"] = f"/usr/bin/{name}"
    return found


def own_programs(sonde: str, folder: str) -> GuestPrograms:
    put = {bpftool(): "/usr/bin/bpftool", stripped(sonde, folder): "/usr/bin/sonde"}
    return GuestPrograms((bpftool(),), put | built(folder, "cc"))


def arm64_programs(sonde: str, folder: str) -> GuestPrograms:
    cache = os.environ.get("SONDE_CACHE") or os.path.expanduser("~/.cache/sonde")
    sysroot = f"{cache}/sysroot-arm64"
    loader = f"{sysroot}/lib/ld-linux-aarch64.so.1"
    if not os.path.exists(loader):
        raise Unavailable("nothing of arm64 is there: run scripts/setup --arm64")
    put = {
        f"{cache}/newer-arm64/usr/sbin/bpftool": "/usr/bin/bpftool",
        stripped(sonde, folder, tool="aarch64-linux-gnu-strip"): "/usr/bin/sonde",
        loader: "/usr/lib/ld-linux-aarch64.so.1",
    }
    for library in ARM64_LIBRARIES:
        below = next(path for path in ("lib", "usr/lib") if os.path.exists(f"{sysroot}/{path}/aarch64-linux-gnu/{library}"))
        put[f"{sysroot}/{below}/aarch64-linux-gnu/{library}"] = f"/usr/lib/aarch64-linux-gnu/{library}"
    return GuestPrograms((), put | built(folder, "aarch64-linux-gnu-gcc", f"--sysroot={sysroot}"))
