# SPDX-License-Identifier: Apache-2.0
"""Measures what profilers cost whoever they look at, and writes docs/benchmarks/profiles.md. Called by scripts/bench.

usage: profiles.py --programs DIR [--rounds N] [--out DIR]

Every CPU runs one busy program (tests/bench/deep_work) for a fixed amount of work, so that all that a profiler does takes
its time from them: the interrupts, the stacks, the profiler's own process. All profilers in each round.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from statistics import median

import peers
from gate import spread_of
from host import REPO, SKIP, machine, progress
from programs import Unavailable, bpftool, path_of
from tables import table

TURNS = 150_000  # some seconds
SETTLE_S = 1.0  # what a profiler does once is done: programs loaded, processes met
AIM_SHARE, AIM_OF_DWARF, AIM_SAMPLE_US = 0.003, 0.1, 12.0
BPFTRACE = "profile:hz:99 /pid != 0/ { @[kstack, ustack] = count(); }"


@dataclass
class Profiler:
    """How one is started; it ends by SIGINT."""

    name: str
    command: list[str]
    own_ms: list[float] = field(default_factory=list)  # CPU time per second, while the programs work
    program_ms: list[float] = field(default_factory=list)  # of programs on this machine's clocks, per second
    sample_us: list[float] = field(default_factory=list)
    kept: list[float] = field(default_factory=list)
    wall_s: list[float] = field(default_factory=list)


def profilers(sonde: str, folder: str) -> list[Profiler]:
    found = [Profiler("none", [])]
    for hz in (49, 99):
        found.append(Profiler(f"sonde profile, {hz} Hz",
                              [sonde, "profile", "-d", "600", "-F", str(hz), "-o", f"{folder}/out.pb.gz"]))  # fmt: skip
    try:
        perf = [path_of("perf"), "record", "-a", "-q", "-F", "99", "-e", "cpu-clock", "-o", f"{folder}/perf.data"]
        found.append(Profiler("perf record -g, 99 Hz", [*perf, "--call-graph", "fp"]))
        found.append(Profiler("perf record --call-graph dwarf, 99 Hz", [*perf, "--call-graph", "dwarf"]))
    except Unavailable as reason:
        progress(f"skipped: perf: {reason}")
    try:
        bpftrace = path_of("bpftrace", "apt-get install bpftrace")  # not by scripts/setup: a compiler of its own for one row
        found.append(Profiler("bpftrace profile:hz:99", [bpftrace, "-e", BPFTRACE, "-o", f"{folder}/bpftrace"]))
    except Unavailable as reason:
        progress(f"skipped: bpftrace: {reason}")
    return found


def clock_programs() -> dict[int, tuple[int, int]]:
    """Of programs on perf's clocks: nanoseconds and runs, by id."""
    listed = subprocess.run([bpftool(), "-j", "prog", "list"], capture_output=True, text=True, check=True).stdout
    return {each["id"]: (each.get("run_time_ns", 0), each.get("run_cnt", 0))
            for each in json.loads(listed) if each["type"] == "perf_event"}  # fmt: skip


def run_work(program: str, cpus: int) -> float:
    """Seconds that the slowest of the programs took."""
    busy = [subprocess.Popen(["taskset", "-c", str(cpu), program, str(TURNS)], stdout=subprocess.PIPE, text=True)
            for cpu in range(cpus)]  # fmt: skip
    return max(int(each.communicate(timeout=600)[0].split()[0]) for each in busy) / 1e9



def one(profiler: Profiler, work: str, cpus: int) -> None:
    if not profiler.command:
        profiler.wall_s.append(run_work(work, cpus))
        return
    process = subprocess.Popen(profiler.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(SETTLE_S)
        before, own = clock_programs(), peers.cpu_ns(process.pid)
        profiler.wall_s.append(run_work(work, cpus))
        own = peers.cpu_ns(process.pid) - own
        after = clock_programs()
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=120)
    profiler.own_ms.append(own / 1e6 / profiler.wall_s[-1])
    ns, runs = (sum(after[number][i] - before.get(number, (0, 0))[i] for number in after) for i in (0, 1))
    if runs:
        profiler.program_ms.append(ns / 1e6 / profiler.wall_s[-1])
        profiler.sample_us.append(ns / 1e3 / runs)


def measure(sonde: str, work: str, rounds: int) -> list[Profiler]:
    cpus = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        found = profilers(sonde, folder)
        for number in range(rounds):
            progress(f"round {number + 1} of {rounds}: {', '.join(each.name for each in found)}")
            for each in found:
                one(each, work, cpus)
                each.kept.append(found[0].wall_s[-1] / each.wall_s[-1])
    return found


def share_of(profiler: Profiler) -> float | None:
    """Of each busy core: what the programs on the clocks and the profiler's process take."""
    if not profiler.program_ms:
        return None
    return (median(profiler.program_ms) + median(profiler.own_ms)) / 1000 / (os.cpu_count() or 1)


def page(found: list[Profiler]) -> str:
    rows = []
    for each in found:
        share = share_of(each)
        rows.append([
            each.name, f"{median(each.kept):.1%}", f"{spread_of(each.kept):.1%}",
            f"{median(each.own_ms):.2f}" if each.own_ms else "",
            f"{median(each.program_ms):.2f}" if each.program_ms else "",
            f"{median(each.sample_us):.1f}" if each.sample_us else "", f"{share:.2%}" if share is not None else "",
        ])  # fmt: skip
    head = ["profiler", ">work kept", ">spread", ">its CPU, ms/s", ">in BPF, ms/s", ">us a sample", ">of each busy core"]
    return f"""# Profilers, side by side

{machine().partition(";")[0]}. Written by `scripts/bench --profiles`; medians of {len(found[0].kept)} alternating rounds. On each core a program with a stack of 40
functions without frame pointers works for {TURNS:,} turns; *work kept* is the time that takes with no profiler by the time it takes with this
one, so whatever the profiler does anywhere is in it, and what else the machine did too (*spread*: of the rounds). *In BPF* is what
the kernel counts for programs on perf's clocks (perf has none; its work in the interrupt is in *work kept* alone); the counting itself is in it.
*Of each busy core* is both together.

{table(head, rows)}

perf by frame pointers sees none of the callers here. perf by copied stacks writes what it copied to disk and finds the callers later,
which is not counted.
"""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", default=os.path.join(REPO, "docs/benchmarks"))
    options = parser.parse_args()
    if os.geteuid() != 0:
        raise Unavailable("privilege: BPF programs need root: run 'sudo scripts/bench --profiles'")
    with peers.program_statistics():
        found = measure(f"{options.programs}/sonde", f"{options.programs}/tests/bench/deep_work", options.rounds)
    text = page(found)
    with open(os.path.join(options.out, "profiles.md"), "w", encoding="utf-8") as file:
        file.write(text)
    print(text)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Unavailable as reason:
        print(f"not available: {reason}", file=sys.stderr)
        sys.exit(SKIP)
