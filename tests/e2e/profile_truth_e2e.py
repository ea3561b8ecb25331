#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`sonde profile` of programs of every kind whose shares of CPU time are known: shares, callers, whole stacks, names.

profile_truth_e2e.py [--long] [PROGRAM...]: one table of programs, one check. What is not installed is skipped, and said; with --long
there are at least 5,000 samples of each.
"""
import collections
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass

from busy import folded, java_options, starved, told_of, within_sampling_error
from harness import run_scenarios
from processes import DEADLINE_S, HERE, Process, wait_until

SOURCES = HERE / "profiled"
LONG = "--long" in sys.argv
ROOT = HERE.parents[1]
C, CXX = f"cc -I{ROOT} -O2 -fomit-frame-pointer", f"c++ -I{ROOT} -O2 -fomit-frame-pointer -std=c++20"
GO = "env HOME=HERE GOCACHE=HERE/cache GOFLAGS=-mod=mod go build"
RUST = ("/usr/bin/rustc" if os.access("/usr/bin/rustc", os.X_OK) else "rustc") + " -O"
THREE = {"work_much": 0.6, "work_some": 0.3, "work_little": 0.1}
THREE_CAMELS = {"workMuch": 0.6, "workSome": 0.3, "workLittle": 0.1}
HALVES = {"throwing": 0.5, "working": 0.5}


@dataclass(frozen=True)
class Truth:
    """How a program is made and run (IN, OUT and HERE are filled in), and what a profile of it must say."""

    source: str
    build: str
    shares: dict  # of all samples: those that a function stands in
    calls: tuple = ()  # "caller;callee;...": so the stacks are in which the last of them stands
    run: str = "OUT"
    begins: tuple = ()  # the outermost frames, if the program has no other threads
    whole: float = 0.99  # of all stacks; where it is less docs/limits.md says why
    named: float = 0.95  # of all frames
    frequency: int = 997
    within: str = ""  # only samples in which this function stands
    ready: object = None  # asked of the process until it says something true
    two_stacks: bool = False  # it goes from one to another: a copy is of one, so what was completed from it may be cut


def compiled_by_java(process):
    """Writes the map; what is compiled later is not in it."""
    subprocess.run(["jcmd", str(process.pid), "Compiler.perfmap"], check=True, capture_output=True, timeout=DEADLINE_S)
    text = pathlib.Path(f"/tmp/perf-{process.pid}.map").read_text(errors="replace")
    return all(f"Shares.{name}" in text for name in ("inner", "outer", "units", *THREE_CAMELS))


START = ("_start",)
PLAIN = {"shares": THREE, "calls": ("main;outer;inner;work_much", "main;outer;inner;work_some", "main;work_little")}
GO_TRUTH = {
    "shares": THREE_CAMELS,
    "calls": (
        "runtime.goexit;main.main.func1;main.(*much).work;main.workMuch",
        "runtime.goexit;main.main.func2;main.deferred;main.deferred.func1;main.workSome",
        "runtime.main;main.main;main.workLittle",
    ),
}
# Nothing describes the code of musl's C library, so the caller of main is the last that is known; and it has no symbols.
MUSL = PLAIN | {"whole": 0.0, "named": 0.7}
# What V8 inlines has no frame, and no map tells of it.
NODE = "node --perf-basic-prof --interpreted-frames-native-stack --no-turbo-inlining IN"
JAVA = f"java {' '.join(java_options('Shares'))} -cp HERE Shares"

TRUTHS = {
    "c": Truth("plain.c", f"{C} -o OUT IN", **PLAIN, begins=START),
    "c_frame_pointers": Truth("plain.c", f"cc -I{ROOT} -O1 -fno-omit-frame-pointer -o OUT IN", **PLAIN, begins=START),
    "c_clang": Truth("plain.c", f"clang-19 -I{ROOT} -O2 -fomit-frame-pointer -o OUT IN", **PLAIN, begins=START),
    "c_static": Truth("plain.c", f"{C} -static -o OUT IN", **PLAIN, begins=START),
    "c_static_pie": Truth("plain.c", f"{C} -static-pie -o OUT IN", **PLAIN, begins=START),
    "musl": Truth("plain.c", f"musl-gcc -I{ROOT} -O2 -o OUT IN", **MUSL),
    "musl_static": Truth("plain.c", f"musl-gcc -I{ROOT} -O2 -static -o OUT IN", **MUSL),
    "inlined": Truth(
        "inlined.cc", f"{CXX} -o OUT IN", THREE | {"sorted": 0.1},
        ("main;Square<3>::area;work_much", "main;call;_M_invoke;work_some", "main;sorted;less;work_little"), begins=START,
    ),
    "deep": Truth(
        "deep.cc", f"{CXX} -o OUT IN", {"work_much": 0.6, "work_some": 0.4}, (";".join(["main", *["descend"] * 200, "work_much"]),),
        begins=START,
    ),
    # The functions that libgcc_s keeps to itself have no symbols.
    "exceptions": Truth(
        "exceptions.cc", f"{CXX} -o OUT IN", HALVES, ("main;throwing", "main;working"), begins=START, named=0.9,
    ),
    "coroutines": Truth(
        "coroutines.cc", f"{CXX} -o OUT IN", THREE, ("main;filter;source;work_much", "main;filter;work_some", "main;work_little"),
        begins=START,
    ),
    "signals": Truth(
        "signals.c", f"{C} -o OUT IN", {"on_alarm": 0.3}, ("main;interrupted", "__restore_rt;on_alarm;work_some"),
        two_stacks=True,
    ),
    # Debian's libstdc++ has no symbols.
    "threads": Truth(
        "threads.cc", f"{CXX} -static-libstdc++ -o OUT IN", THREE,
        ("start_thread;execute_native_thread_routine;_M_run;work_much", "_M_run;work_some", "main;work_little"),
    ),
    "assembly": Truth(
        "assembly.c", f"{C} -o OUT IN {SOURCES}/assembly.S", {"pushing": 0.5, "calling": 0.5},
        ("main;calling;saves_all;through_one;aligns;through_both;work_much", "main;pushing;pushes"), begins=START,
    ),
    "rust": Truth("panics.rs", f"{RUST} -o OUT IN", HALVES, ("panics::main;panics::working;panics::work_some",), begins=START, named=0.9),
    "rust_stripped": Truth("panics.rs", f"{RUST} -C strip=symbols -o OUT IN", {}, named=0.0),
    "go": Truth("goroutines.go", f"{GO} -o OUT IN", **GO_TRUTH),
    "go_stripped": Truth("goroutines.go", f"{GO} -ldflags '-s -w' -o OUT IN", **GO_TRUTH),
    # C called back into Go has its callers in Go only.
    "go_calls_c": Truth(
        "calls_c.go", f"{GO} -o OUT IN", {"work_much": 0.6, "workSome": 0.4}, ("in_c;work_much",), two_stacks=True,
    ),
    # Slower: of a file as large more than a second's samples would have to be copied.
    "node": Truth("shares.js", "", THREE_CAMELS, ("inner;workMuch", "inner;workSome"), NODE, whole=0.97, frequency=199),
    "java": Truth(
        "Shares.java", "javac -d HERE IN", THREE_CAMELS, ("inner;workMuch", "inner;workSome"), JAVA, whole=0.97, frequency=199,
        ready=compiled_by_java,
    ),
    # Whoever is alive when the profile begins may be gone before its first sample is read.
    "shell_loop": Truth(
        "short.c", f"{C} -o OUT IN", THREE, ("main;life;inner;work_much",), "sh -c 'while :; do OUT; done'", begins=START,
        within="life", whole=0.95, frequency=199,
    ),
}  # fmt: skip


class Program(Process):
    def __init__(self, name, truth):
        super().__init__()
        self.name, self.truth = name, truth

    def filled(self, text):
        places = {"IN": SOURCES / self.truth.source, "OUT": self.directory / self.name, "HERE": self.directory}
        return shlex.split(re.sub(r"\b(IN|OUT|HERE)\b", lambda found: str(places[found[0]]), text))

    def prepare(self):
        if self.truth.build:
            subprocess.run(self.filled(self.truth.build), cwd=self.directory, check=True, timeout=DEADLINE_S)
        self.command = self.filled(self.truth.run)
        self.options["cwd"] = self.directory  # runtimes leave files where they run

    def ready(self):
        return self.truth.within or "ready" in self.output()


def is_called(frame, name):
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", frame) is not None


def stands_in(stack, name):
    return any(is_called(frame, name) for frame in stack)


def calls_so(stack, names):
    """Whether the names stand in it, each called by the one before."""
    for i in range(len(stack) - len(names) + 1):
        if all(is_called(frame, name) for frame, name in zip(stack[i:], names)):
            return True
    return False


def has_name(frame):
    return "+0x" not in frame and frame != "[unknown]"


class Found:
    """Samples of a program, as many as are wanted."""

    def __init__(self, program):
        self.stacks, self.walked, self.whole, self.copied, self.said = collections.Counter(), 0, 0, 0, ""
        truth = program.truth
        whose = ("-s", program.name) if truth.within else ("-p", program.process.pid)
        fast = truth.frequency > 500
        seconds, wanted = (10, 5000) if LONG else (1, 500) if fast else (2, 250)
        for _ in range(20):  # on a machine that has other work to do
            stacks, self.said = folded(*whose, "-d", seconds, "-F", truth.frequency)
            if starved(self.said):
                print(f"      {program.name}: passed over: {self.said.strip()}", flush=True)
                continue
            self.walked += told_of(self.said, "stacks of programs")
            self.whole += told_of(self.said, "of them whole")
            self.copied += told_of(self.said, "completed from a copy")
            for stack, count in stacks.items():
                if not truth.within or stands_in(stack, truth.within):
                    self.stacks[stack] += count
            if self.samples() >= wanted:
                return

    def samples(self, stands=lambda stack: True):
        return sum(count for stack, count in self.stacks.items() if stands(stack))

    def share(self, stands, among=lambda stack: True):
        return self.samples(lambda stack: among(stack) and stands(stack)) / max(self.samples(among), 1)

    def named(self):
        frames = sum(count * (len(stack) - 1) for stack, count in self.stacks.items())
        return sum(count * sum(map(has_name, stack[1:])) for stack, count in self.stacks.items()) / frames

    def told(self):
        most = "\n".join(f"{count:6} {';'.join(stack)}" for stack, count in self.stacks.most_common(12))
        return f"{self.said}\n{most}"


def mistakes(truth, found):
    """What is not as it is known to be."""
    samples = found.samples()
    for name, share in truth.shares.items():
        got = found.share(lambda stack, name=name: stands_in(stack, name))
        if not within_sampling_error(got, share, samples):
            yield f"{name} has {got:.3f} of {samples} samples, not {share}"
    for chain in truth.calls:
        names = chain.split(";")
        got = found.share(lambda stack, names=names: calls_so(stack, names), lambda stack, names=names: stands_in(stack, names[-1]))
        if got < min(truth.whole or 1, 0.98):
            yield f"{chain[:100]}: only {got:.3f} of them are called so"
    if truth.begins and found.share(lambda stack: stack[1] in truth.begins) < truth.whole:
        yield f"they begin with {collections.Counter(stack[1] for stack in found.stacks)}"
    if not truth.within and found.whole + (found.copied if truth.two_stacks else 0) < truth.whole * found.walked:
        yield f"{found.whole} of {found.walked} are whole, {found.copied} were completed from copies"
    if found.named() < truth.named:
        yield f"{found.named():.3f} of the frames have names"


def scenario(name, truth):
    def check():
        with Program(name, truth) as program:
            if truth.ready:
                wait_until(f"{name} is ready", lambda: truth.ready(program.process))
            found = Found(program)
        assert found.samples() >= 100, f"{found.samples()} samples\n{found.told()}"
        wrong = list(mistakes(truth, found))
        whole = f"{found.whole} of {found.walked} whole, " if not truth.within else ""
        print(f"      {name}: {found.samples()} samples, {whole}{found.named():.1%} of frames named", flush=True)
        assert not wrong, "\n".join([*wrong, found.told()])

    check.__name__ = name
    return check


def missing(truth):
    """The program that it takes and that is not here."""
    words = [word for word in shlex.split(truth.build) if word not in ("env",) and "=" not in word][:1] + shlex.split(truth.run)[:1]
    return next((word for word in words if word != "OUT" and not shutil.which(word)), None)


def main():
    sys.argv = [word for word in sys.argv if word != "--long"]
    for name, truth in TRUTHS.items():
        if missing(truth):
            print(f"skipped {name}: {missing(truth)} is not installed")
    run_scenarios(*(scenario(name, truth) for name, truth in TRUTHS.items() if not missing(truth)))


main()
