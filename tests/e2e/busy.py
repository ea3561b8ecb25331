# SPDX-License-Identifier: Apache-2.0
"""A program whose functions take known shares of CPU time, and what `sonde profile` says of programs."""
import collections
import gzip
import re
import subprocess

from harness import SONDE
from processes import DEADLINE_S, HERE, Process

PROTO = HERE.parents[1] / "exporters/pprof/profile.proto"
# Three functions of one body: what they take is what they are told to do.
SOURCE = r"""
#include "work.h"
APART void outer(void) { work_much(units(6)); work_some(units(3)); __asm__ volatile(""); }
int main(void) { for (say_ready();;) { outer(); work_little(units(1)); } }
"""
# With frame pointers in functions that call nobody, too.
FLAGS = ("-O1", "-fno-omit-frame-pointer")
# Of the stacks of one profile: where more are by frame pointers Sonde did not get to run while the clock rang on.
MOST_BY_FRAME_POINTERS = 0.005
SHARES = {"work_much": 0.6, "work_some": 0.3, "work_little": 0.1}


class Busy(Process):
    """A program, compiled; threads of it do not exist, its name is its service's."""

    def __init__(self, name, source=SOURCE, flags=FLAGS, **options):
        super().__init__(**options)
        self.source, self.flags = source, flags
        self.name = name

    def prepare(self):
        self.directory.chmod(0o755)  # for another user
        source = self.directory / "busy.c"
        source.write_text(self.source)
        program = self.directory / self.name
        subprocess.run(["cc", *self.flags, f"-I{HERE}/profiled", "-o", program, source], check=True)
        self.command = [str(program)]

    def ready(self):
        return "ready" in self.output()


def java_options(name):
    """With these each method of this class has code of its own, made before it first runs and never again: a map of it stays true."""
    methods = [f"-XX:CompileCommand={what},{name}::*" for what in ("compileonly", "dontinline")]
    return ["-XX:+PreserveFramePointer", "-Xcomp", "-XX:TieredStopAtLevel=1", "-XX:CompileCommand=quiet", *methods]


def profile(*flags, code=0):
    done = subprocess.run([SONDE, "profile", *map(str, flags)], capture_output=True, text=True, timeout=DEADLINE_S)
    assert done.returncode == code, f"{flags}: {done.returncode}\n{done.stderr}"
    return done


def within_sampling_error(found, share, samples):
    """Five deviations of so many draws, and what the loops' own overhead may be."""
    return abs(found - share) < 5 * (share * (1 - share) / samples) ** 0.5 + 0.02


def decoded(pprof):
    """A profile of pprof's format as protoc shows it."""
    return subprocess.run(
        ["protoc", f"--proto_path={PROTO.parent}", "--decode=sonde.pprof.wire.Profile", PROTO.name],
        input=gzip.decompress(pprof), capture_output=True, check=True,
    ).stdout.decode()  # fmt: skip


def samples_of(text):
    """Of what protoc shows: {service: [samples, nanoseconds]}."""
    strings = re.findall(r'^string_table: "(.*)"$', text, re.MULTILINE)
    found = collections.defaultdict(lambda: [0, 0])
    for sample in re.findall(r"^sample \{(.*?)^\}", text, re.MULTILINE | re.DOTALL):
        samples, nanoseconds = map(int, re.findall(r"^  value: (\d+)", sample, re.MULTILINE))
        labels = {strings[int(key)]: strings[int(value)] for key, value in re.findall(r"key: (\d+)\s+str: (\d+)", sample)}
        found[labels["service"]][0] += samples
        found[labels["service"]][1] += nanoseconds
    return found


def folded(*flags):
    """{stack: samples}, and what was said of them."""
    done = profile("--folded", *flags)
    stacks = collections.Counter()
    for line in done.stdout.splitlines():
        stack, samples = line.rsplit(" ", 1)
        stacks[tuple(stack.split(";"))] += int(samples)
    return stacks, done.stderr


def told_of(said, what):
    """How many of these a profile speaks of."""
    found = re.search(rf"(\d+) {what}", said)
    return int(found[1]) if found else 0


def starved(said):
    """Whether Sonde, or who was watched, did not get to run: such a profile says little of either."""
    stacks = told_of(said, "stacks of programs")
    early = told_of(said, "by frame pointers, for want of rules")
    return not stacks or early > MOST_BY_FRAME_POINTERS * stacks or "the ring was full" in said or "without lines" in said


def settled(*flags, least=20):
    """folded(), made again while it is of a machine whose CPUs are taken away."""
    for _ in range(10):
        stacks, said = folded(*flags)
        if sum(stacks.values()) >= least and not starved(said):
            break
        print(f"      passed over: {said.strip()}", flush=True)
    return stacks, said
