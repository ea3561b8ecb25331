#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`sonde profile` of a host on which files, maps of names and jitdumps lie: it does not fall, its sums hold, others' stacks are whole."""
import contextlib
import os
import pathlib
import random
import re
import struct

from busy import SHARES, Busy, folded, settled, starved
from harness import run_scenarios
from processes import HERE

PLAIN = ("-O2", "-fomit-frame-pointer", f"-I{HERE.parents[1]}")
SOURCE = (HERE / "profiled/plain.c").read_text()
# Works in code of its own making, and maps `jit-PID.dump`, if it is there, as runtimes mark theirs.
MAKES_CODE = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
int main(int argc, char **argv)
{
  static const unsigned char code[] = {0x48, 0xff, 0xcf, 0x75, 0xfb, 0xc3};  // dec %rdi; jnz; ret
  void *at = mmap((void *)0x700000000000, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char dump[4096];
  memcpy(at, code, sizeof code);
  mprotect(at, 4096, PROT_READ | PROT_EXEC);
  puts("ready"), fflush(stdout);
  snprintf(dump, sizeof dump, "%s/jit-%d.dump", argv[argc - 1], getpid());
  for (int mapped = 0;; mapped = mapped || mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, open(dump, O_RDONLY), 0) != MAP_FAILED)
    ((void (*)(long))at)(10000000);
}
"""
CODE = 0x700000000000
NICE = ("nice", "-n", "19")  # there are many of them


class Elf:
    """The bytes of a program, to be changed where they are believed."""

    def __init__(self, path):
        self.bytes = bytearray(pathlib.Path(path).read_bytes())
        self.at, count, names = struct.unpack_from("<Q", self.bytes, 40)[0], *struct.unpack_from("<HH", self.bytes, 60)
        headers = [self.at + 64 * i for i in range(count)]
        text = self.place(headers[names])[0]
        self.headers = {}
        for header in headers:
            name = text + struct.unpack_from("<I", self.bytes, header)[0]
            self.headers[self.bytes[name:self.bytes.index(0, name)].decode()] = header

    def place(self, header):
        return struct.unpack_from("<QQ", self.bytes, header + 24)

    def fill(self, section, make):
        at, size = self.place(self.headers[section])
        self.bytes[at:at + size] = make(size)

    def lie_of_size(self, section, size):
        struct.pack_into("<Q", self.bytes, self.headers[section] + 32, size)


def repeated(*words):
    entry = struct.pack(f"<{len(words)}I", *words)
    return lambda size: (entry * size)[:size]


def noise(size):
    return random.Random(size).randbytes(size)


def all_sizes(elf):
    for section in (".symtab", ".strtab", ".dynsym", ".eh_frame", ".eh_frame_hdr", ".note.gnu.build-id"):
        elf.lie_of_size(section, 1 << 60)


# What is done to a program's file; it runs all the same.
LIES = {
    "liar_noise": lambda elf: elf.fill(".eh_frame", noise),
    "liar_self": lambda elf: elf.fill(".eh_frame", repeated(16, 4, 0, 0, 0)),  # an entry whose CIE is itself
    "liar_circle": lambda elf: elf.fill(".eh_frame", repeated(12, 2**32 - 12, 0, 0)),  # the one behind it
    "liar_long": lambda elf: elf.fill(".eh_frame", repeated(2**32 - 1, 2**32 - 1, 2**31 - 1)),
    "liar_index": lambda elf: elf.fill(".eh_frame_hdr", repeated(0x3B031B01, 0, 2**32 - 1, 0)),
    "liar_names": lambda elf: elf.fill(".symtab", noise),
    "liar_note": lambda elf: elf.fill(".note.gnu.build-id", repeated(2**32 - 1, 2**32 - 1, 3)),
    "liar_sizes": all_sizes,
    "liar_cut": lambda elf: elf.bytes.__delitem__(slice(elf.at, None)),
    "liar_many": lambda elf: struct.pack_into("<HH", elf.bytes, 60, 0xFFFF, 0xFFFE),
}


class Liar(Busy):
    def __init__(self, name):
        # Builds of one id share what is kept of them: what one of these says must not stand for the others.
        super().__init__(name, SOURCE, (*PLAIN, f"-Wl,--build-id=0x{os.urandom(20).hex()}"))

    def prepare(self):
        super().prepare()
        elf = Elf(self.command[0])
        LIES[self.name](elf)
        pathlib.Path(self.command[0]).write_bytes(elf.bytes)
        self.command[:0] = NICE


class MakesCode(Busy):
    def __init__(self, name):
        super().__init__(name, MAKES_CODE, PLAIN)

    def prepare(self):
        super().prepare()
        self.command = [*NICE, *self.command, str(self.directory)]

    @property
    def map(self):
        return pathlib.Path(f"/tmp/perf-{self.process.pid}.map")

    @property
    def dump(self):
        return self.directory / f"jit-{self.process.pid}.dump"

    def end(self):
        if hasattr(self, "process"):
            self.map.unlink(missing_ok=True)
        super().end()


def overlapping(count):
    """Ranges in ranges in ranges, and such as wrap around."""
    yield from (f"{CODE - i:x} {2 * i + 1:x} nested_{i}\n" for i in range(count))
    yield from (f"{2**64 - i:x} {2**64 - 1:x} wraps_{i}\n" for i in range(1, 1000))


def jit_dump(*records):
    return struct.pack("<IIIIIIQQ", 0x4A695444, 1, 40, 62, 0, 1, 0, 0) + b"".join(records)


def jit_load(total, size):
    return struct.pack("<IIQIIQQQQ", 0, total, 0, 1, 1, CODE, CODE, size, 1) + b"name\0"


def huge(path, first):
    path.write_bytes(first)
    os.truncate(path, 1 << 40)  # of which the disk has nothing


MAPS = {
    "maps_noise": lambda it: it.map.write_bytes(noise(1 << 20)),
    "maps_nested": lambda it: it.map.write_text("".join(overlapping(100_000))),
    "maps_line": lambda it: it.map.write_text(f"{CODE:x} 1000 " + "x" * (8 << 20)),
    "maps_huge": lambda it: huge(it.map, b"%x 1000 first\n" % CODE),
    "maps_itself": lambda it: it.map.symlink_to(it.map),
    "dumps_noise": lambda it: it.dump.write_bytes(jit_dump(noise(1 << 20))),
    "dumps_nothing": lambda it: it.dump.write_bytes(jit_dump(jit_load(0, 6) * 1000)),  # records of no size
    "dumps_sizes": lambda it: it.dump.write_bytes(jit_dump(jit_load(64, 2**63), jit_load(2**32 - 1, 6))),
    "dumps_huge": lambda it: huge(it.dump, jit_dump(jit_load(2**31, 6))),
}


def whole_among(make):
    """All of them at once, and a calm one beside; what is sampled of each."""
    with contextlib.ExitStack() as stack:
        calm = stack.enter_context(Busy("busy_calm", flags=PLAIN))
        names = make(stack)
        for _ in range(5):
            stacks, said = folded("-d", 3, "-F", 199)
            if not starved(said):
                break
        assert calm.process.poll() is None
    samples = int(re.search(r"sonde: (\d+) samples", said)[1])
    assert sum(stacks.values()) == samples and "not understood" not in said, said
    seen = {stack[0] for stack in stacks}
    assert len(names & seen) >= 0.5 * len(names), f"not seen: {names - seen}\n{said}"
    ours = {stack: count for stack, count in stacks.items() if stack[0] == "busy_calm" and SHARES.keys() & set(stack)}
    whole = sum(count for stack, count in ours.items() if stack[1] == "_start" and "main" in stack)
    if starved(said):
        print(f"      not asked whether others' stacks are whole: {said}", flush=True)
        return
    assert sum(ours.values()) > 10 and whole >= 0.95 * sum(ours.values()), f"{whole} of {sum(ours.values())}: {said}\n{ours}"


def files_that_lie():
    def make(stack):
        for name in LIES:
            stack.enter_context(Liar(name))
        return set(LIES)

    whole_among(make)
    # What else a file says is believed.
    for name in ("liar_noise", "liar_note"):
        with Liar(name) as liar:
            stacks, said = settled("-p", liar.process.pid, "-d", 1, "-F", 199)
            assert any(SHARES.keys() & set(stack) for stack in stacks), f"{name}: {said}\n{stacks}"


def names_that_lie():
    def make(stack):
        for name, lie in MAPS.items():
            lie(stack.enter_context(MakesCode(name)))
        return set(MAPS)

    whole_among(make)
    with MakesCode("maps_huge") as program:
        MAPS["maps_huge"](program)
        stacks, said = settled("-p", program.process.pid, "-d", 1, "-F", 199)
        assert any("first" in stack for stack in stacks), f"a file of any size has a beginning: {said}\n{stacks}"


def somebody_elses_names():
    """Anybody may write into /tmp: what is there counts only if it is the process's own user's."""
    with MakesCode("maps_others") as program:
        program.map.write_text(f"{CODE:x} 1000 planted\n")
        stacks, said = settled("-p", program.process.pid, "-d", 1, "-F", 199)
        assert any("planted" in stack for stack in stacks), f"{said}\n{stacks}"
        os.chown(program.map, 65534, 65534)
        stacks, said = settled("-p", program.process.pid, "-d", 1, "-F", 199)
        assert stacks and not any("planted" in stack for stack in stacks), f"{said}\n{stacks}"


run_scenarios(files_that_lie, names_that_lie, somebody_elses_names)
