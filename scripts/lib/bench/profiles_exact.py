# SPDX-License-Identifier: Apache-2.0
"""What profilers cost, counted in instructions, and docs/benchmarks/profiles-exact.md. Called by scripts/bench --profiles --exact.

usage: profiles_exact.py --programs DIR [--rounds N] [--kernel KERNEL] [--out DIR]

One CPU runs a fixed piece of work (tests/bench/deep_work), and what the work takes longer under a profiler is all that the
profiler does meanwhile: in interrupts, in its programs, in its process. What it does when the sampling is over counts apart.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from statistics import median

from gate import spread_of
from host import REPO, SKIP
from programs import Unavailable, path_of, stripped, version_line
from tables import table

HERE = os.path.dirname(os.path.abspath(__file__))
TURNS = 60_000  # about three seconds
GUEST_LIMIT_S = 3000
RATE = {"none": 0, "sonde-49": 49, "sonde-99": 99, "perf-fp": 99, "perf-dwarf": 99}
NAMES = {"none": "none", "sonde-49": "sonde profile, 49 Hz", "sonde-99": "sonde profile, 99 Hz",
         "perf-fp": "perf record -g, 99 Hz", "perf-dwarf": "perf record --call-graph dwarf, 99 Hz"}  # fmt: skip
AIM_SHARE, AIM_OF_DWARF = 0.003, 0.1


def run_guest(kernel: str, programs: str, rounds: int) -> str:
    with tempfile.TemporaryDirectory() as work:
        put = {f"{work}/plan": "plan", stripped(f"{programs}/sonde", work): "sonde",
               f"{programs}/tests/bench/deep_work": "deep_work"}  # fmt: skip
        with open(f"{work}/plan", "w", encoding="utf-8") as file:
            file.write(f"profilers='{' '.join(NAMES)}'\nrounds={rounds}\nturns={TURNS}\n")
        command = [f"{REPO}/scripts/lib/vm/run", "--exact", "--timeout", str(GUEST_LIMIT_S), "--with", path_of("perf")]
        command += ["--with", f"{programs}/tests/bench/deep_work"]  # for its libraries
        for path, name in put.items():
            command += ["--put", f"{path}=/bench/{name}"]
        run = subprocess.run(
            command + [kernel, f"{HERE}/profiles_guest"], stdout=subprocess.PIPE, text=True, check=False, errors="replace"
        )
        if run.returncode == SKIP:
            raise Unavailable(f"kernel {kernel} is not to be had here")
        if run.returncode != 0:
            raise RuntimeError(f"the guest's job ended with {run.returncode}:\n{run.stdout[-3000:]}")
        return run.stdout


class Facts:
    """By profiler: nanoseconds, which are instructions, of the work and of what came after it, of each round."""

    def __init__(self, told: str) -> None:
        self.work: dict[str, list[int]] = defaultdict(list)
        self.after: dict[str, list[float]] = defaultdict(list)
        worked = 0.0
        for line in told.splitlines():
            match line.strip().split("\t"):
                case ["work", profiler, _, figures]:
                    self.work[profiler].append(int(figures.split()[0]))
                case ["clock", _, _, "worked", up, idle]:
                    worked = float(up) - float(idle)
                case ["clock", profiler, _, "ended", up, idle]:
                    self.after[profiler].append((float(up) - float(idle) - worked) * 1e9)

    def rounds(self, profiler: str) -> list[tuple[float, float]]:
        """Of each: what was added to a second of work, and what came after for a second of work."""
        return [(with_it / without - 1, after / without)
                for with_it, without, after in zip(self.work[profiler], self.work["none"], self.after[profiler])]  # fmt: skip

    def share(self, profiler: str) -> float:
        return median(while_it for while_it, _ in self.rounds(profiler))

    def after_share(self, profiler: str) -> float:
        return median(after for _, after in self.rounds(profiler))


def verdict(figure: float, aim: float) -> str:
    return f"{figure:.2%}, aim {aim:.1%}: {'reached' if figure < aim else 'missed'}"


def page(facts: Facts, kernel: str) -> str:
    rows = []
    for profiler, name in NAMES.items():
        if profiler == "none":
            rows.append([name, "", "", "", ""])
            continue
        share = facts.share(profiler)
        rows.append([
            name, f"{share:.3%}", f"{share * 1e9 / RATE[profiler]:,.0f}", f"{facts.after_share(profiler):.2%}",
            f"{spread_of([while_it for while_it, _ in facts.rounds(profiler)]):.0%}",
        ])  # fmt: skip
    head = ["profiler", ">of a busy core", ">instructions a sample", ">afterwards", ">spread"]
    all_told = {name: facts.share(name) + facts.after_share(name) for name in ("sonde-99", "perf-dwarf")}
    while_it = facts.share("sonde-99") / facts.share("perf-dwarf")
    of_dwarf = all_told["sonde-99"] / all_told["perf-dwarf"]
    return f"""# Profilers, counted in instructions

Linux {kernel} in a machine whose one CPU runs one instruction a nanosecond ({version_line('qemu-system-x86_64', '--version')}); {version_line('perf', '--version')}. Written by
`scripts/bench --profiles --exact`; medians of {len(facts.work["none"])} alternating rounds. A program with a stack of 40 functions without frame
pointers does {TURNS:,} turns of work, which takes {median(facts.work["none"]) / 1e9:.1f} s. *Of a busy core*: by how much longer it took with the profiler: interrupts,
programs, the profiler's process, everything; the program had been met before. *Afterwards*: what is done when the sampling is over
(names; perf: `perf script`, which finds the callers), for a second of work. An instruction here has no caches that miss:
real time is another thing ([profiles.md](profiles.md)).

{table(head, rows)}

* 49 Hz, while it samples: {verdict(facts.share("sonde-49"), AIM_SHARE)}.
* 99 Hz, of what `perf record --call-graph dwarf` takes while it samples: {while_it:.1%}; with what comes afterwards: {verdict(of_dwarf, AIM_OF_DWARF)}.

perf by frame pointers sees none of the callers here.
"""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kernel", default="6.12")
    parser.add_argument("--out", default=os.path.join(REPO, "docs/benchmarks"))
    options = parser.parse_args()
    kernel = subprocess.run([f"{REPO}/scripts/fetch", "kernel", options.kernel], stdout=subprocess.PIPE, text=True, check=False)
    if kernel.returncode != 0:
        raise Unavailable(f"kernel {options.kernel} is not to be had here")
    release = os.listdir(f"{kernel.stdout.strip()}/lib/modules")[0]
    text = page(Facts(run_guest(options.kernel, options.programs, options.rounds)), release)
    with open(os.path.join(options.out, "profiles-exact.md"), "w", encoding="utf-8") as file:
        file.write(text)
    print(text)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Unavailable as reason:
        print(f"not available: {reason}", file=sys.stderr)
        sys.exit(SKIP)
