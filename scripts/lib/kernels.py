# SPDX-License-Identifier: Apache-2.0
"""Boots kernels, collects what Sonde finds and does there, prints the table. Called by scripts/kernels.

usage: kernels.py --sonde FILE [--arm64] [--record] [--long] [KERNEL or SHAPE...]
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(REPO, "scripts/lib/bench"))
from guest_programs import GuestPrograms, arm64_programs, own_programs  # noqa: E402
from kernel_shapes import SHAPES, Shape, refusal_in, unexpected  # noqa: E402
from programs import Unavailable  # noqa: E402

KERNELS = ("5.10", "6.1", "6.12", "newest")
ARM64 = ("6.1:arm64", "6.12:arm64", "newest:arm64")
# The best first, as `auto` tries them, and the kernels that must offer them: one that fails there is a fault.
DOORS = {
    "socktp-btf": ("6.12", "newest", "6.12:arm64", "newest:arm64"),
    "socktp-raw": ("6.12", "newest", "6.12:arm64", "newest:arm64"),
    "fexit-btf": ("6.1", "6.12", "newest", "6.12:arm64", "newest:arm64"),
    "fexit-hash": (*KERNELS, "6.12:arm64", "newest:arm64"),
    "syscall": (*KERNELS, *ARM64),
}
PROOFS = ("live", "tape", "clock")
# Of these the way in is no matter: proven by the best door alone, by all with --long.
BY_THE_BEST = ("clock",)
REQUESTS = 20
GUEST_LIMIT_S = 1200
SKIP = 77
COUNTS = os.path.join(REPO, "tests/kernels/instructions{}.txt")
PAGE = os.path.join(REPO, "docs/reference/kernels{}.md")
# A compiler of another day moves the counts a little.
COUNT_TOLERANCE = 1.25
BY_NAME = {shape.name: shape for shape in SHAPES}


@dataclass
class Told:
    """What one kernel's guest printed."""

    name: str
    release: str = ""
    skipped: str = ""  # why, if it was not booted
    broken: str = ""  # why, if the guest did not come to its end
    doctor: dict[str, tuple[str, str]] = field(default_factory=dict)  # feature: state, words
    facts: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)  # door, proof: result, words
    programs: dict[tuple[str, str], int] = field(default_factory=dict)  # door, name: instructions after translation
    output: str = ""


def read(name: str, output: str) -> Told:
    told = Told(name, output=output)
    for line in output.splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "release":
            told.release = rest
        elif kind in ("doctor", "probe") and (found := re.match(r"  (\S.*?) +(ok|degraded|blocked) +(.*)", rest)):
            before = told.doctor.get(found[1], ("", ""))[1]
            told.doctor[found[1]] = (found[2], f"{before}; {found[3]}" if before else found[3])
        elif kind == "fact":
            door, proof, result, words = rest.split(" ", 3)
            told.facts[door, proof] = (result, words)
        elif kind == "programs":
            door, _, listing = rest.partition(" ")
            told.programs |= programs_in(door, json.loads(listing))
    return told


def programs_in(door: str, listing: list[dict]) -> dict[tuple[str, str], int]:
    found = {}
    for program in listing:
        holders = {holder["comm"] for holder in program.get("pids", [])}
        if program.get("name") and (not holders or "sonde" in holders):
            found[door, program["name"]] = program["bytes_xlated"] // 8
    return found


def boot(name: str, programs: GuestPrograms, shape: Shape | None = None, long: bool = False) -> Told:
    """A kernel as it is, or in a shape: there only by the door that is taken, live, unless there is time."""
    doors, proofs = (DOORS, PROOFS) if long or not shape else ((shape.door,), PROOFS[:1])
    with tempfile.TemporaryDirectory() as work:
        with open(f"{work}/plan", "w", encoding="utf-8") as plan:
            plan.write(f"doors='{' '.join(doors)}'\nproofs='{' '.join(proofs)}'\nrequests={REQUESTS}\n")
            plan.write(f"by_the_best='{'' if long else ' '.join(BY_THE_BEST)}'\n")
            plan.write(f"{shape.guest}\n" if shape else "stacks=yes\n")
        command = [f"{REPO}/scripts/lib/vm/run", "--timeout", str(GUEST_LIMIT_S)]
        command += shape.boot if shape else ()
        command += programs.options()
        command += ["--put", f"{work}/plan=/plan"]
        run = subprocess.run(
            command + [shape.kernel if shape else name, f"{REPO}/tests/kernels/guest"],
            capture_output=True,
            text=True,
            check=False,
            errors="replace",
        )
    if run.returncode == SKIP:
        return Told(name, skipped=(run.stderr.strip().splitlines() or ["no reason told"])[-1])
    told = read(name, run.stdout)
    if run.returncode != 0:
        told.broken = f"the guest ended with {run.returncode}"
        told.output += run.stderr
    print(f"kernels: {name}: {told.release or 'did not boot'}", file=sys.stderr, flush=True)
    return told


@dataclass
class Verdict:
    passed: bool
    text: str


def judge(told: Told) -> list[Verdict]:
    if told.broken:
        return [Verdict(False, f"{told.name}: {told.broken}")]
    verdicts = []
    best = next((door for door in DOORS if told.doctor.get(door, ("",))[0] == "ok"), "none")
    for door, promised in DOORS.items():
        state, words = told.doctor.get(door, ("missing", "doctor does not name it"))
        if told.name in promised:
            verdicts.append(Verdict(state == "ok", f"{told.name} {door} proves itself: {words}"))
        if state == "ok":
            for proof in PROOFS:
                if proof in BY_THE_BEST and door != best and (door, proof) not in told.facts:
                    continue
                result, words = told.facts.get((door, proof), ("missing", "nothing was told"))
                verdicts.append(Verdict(result == "ok", f"{told.name} {door} {proof}: {words}"))
    for sample in ("CPU sample", "CPU stacks"):
        state, words = told.doctor.get(sample, ("missing", "nothing was told"))
        verdicts.append(Verdict(state == "ok", f"{told.name} {sample}: {words}"))
    words = told.doctor.get("verdict", ("", ""))[1]
    verdicts.append(Verdict(words.endswith(f"door {best}"), f"{told.name} the best is taken: {words}"))
    return verdicts


def judge_shape(shape: Shape, told: Told) -> list[Verdict]:
    if told.broken:
        return [Verdict(False, f"{told.name}: {told.broken}")]
    wrong = unexpected(shape, told.doctor, tuple(DOORS))
    verdicts = [Verdict(not wrong, "; ".join([f"{told.name} doctor says what is so"] + wrong))]
    if not shape.door:
        code, words = refusal_in(told.output)
        verdicts.append(Verdict(code != 0 and shape.refusal in words, f"{told.name} refused with the way out: {words}"))
    for (door, proof), (result, words) in told.facts.items():
        verdicts.append(Verdict(result == "ok", f"{told.name} {door} {proof}: {words}"))
    if shape.door and (shape.door, PROOFS[0]) not in told.facts:
        verdicts.append(Verdict(False, f"{told.name} {shape.door} {PROOFS[0]}: nothing was told"))
    return verdicts


def recorded_counts(path: str) -> dict[tuple[str, str, str], tuple[str, int]]:
    """By kernel, door and program: release, instructions."""
    counts = {}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            for line in file:
                if not line.startswith("#") and (words := line.split()):
                    counts[words[0], words[2], words[3]] = (words[1], int(words[4]))
    return counts


def judge_counts(told: Told, recorded: dict[tuple[str, str, str], tuple[str, int]]) -> list[Verdict]:
    """One verdict a kernel: a list of programs that nobody reads helps nobody."""
    wrong = []
    for (door, program), now in sorted(told.programs.items()):
        release, before = recorded.get((told.name, door, program), ("", 0))
        if not release:
            wrong.append(f"{door} {program} is not recorded")
        elif release == told.release and now > before * COUNT_TOLERANCE:
            wrong.append(f"{door} {program}: {now} instead of {before}")
    text = f"{told.name} instructions of {len(told.programs)} programs as recorded"
    return [Verdict(bool(told.programs) and not wrong, "; ".join([text] + wrong))]


def cells(header: list[str], rows: list[list[str]]) -> str:
    widths = [max(len(row[i]) for row in [header] + rows) for i in range(len(header))]
    lines = ["| " + " | ".join(word.ljust(width) for word, width in zip(row, widths)) + " |" for row in [header] + rows]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|"] + lines[1:])


def doors_table(kernels: list[Told]) -> str:
    rows = []
    for door in DOORS:
        for what in ("self-test",) + PROOFS:
            row = [door, what]
            for told in kernels:
                state = told.doctor.get(door, ("not told", ""))[0]
                row.append(state if what == "self-test" or state != "ok" else told.facts.get((door, what), ("-",))[0])
            rows.append(row)
    return cells(["door", "proof"] + [told.release for told in kernels], rows)


def features_table(kernels: list[Told]) -> str:
    names = list(dict.fromkeys(name for told in kernels for name in told.doctor))
    rows = []
    for name in names:
        if name not in DOORS and name not in ("kernel", "verdict"):
            rows.append([name] + [told.doctor.get(name, ("-",))[0] for told in kernels])
    rows.append(["door taken"] + [told.doctor.get("verdict", ("", "none"))[1].split()[-1] for told in kernels])
    return cells(["feature"] + [told.release for told in kernels], rows)


def programs_table(kernels: list[Told]) -> str:
    names = list(dict.fromkeys(key for told in kernels for key in told.programs))
    rows = []
    for door in DOORS:
        for key in names:
            if key[0] == door:
                rows.append([door, key[1]] + [str(told.programs.get(key, "")) for told in kernels])
    return cells(["door", "program"] + [told.release for told in kernels], rows)


def words_of(kernels: list[Told]) -> str:
    lines = []
    for told in kernels:
        for name, (state, words) in told.doctor.items():
            if state != "ok" and not (name in DOORS and told.name in BY_NAME and BY_NAME[told.name].door):
                where = f"{BY_NAME[told.name].about}, {told.release}" if told.name in BY_NAME else told.release
                lines.append(f"* {where}: {name} is {state}: {words}")
    return "\n".join(lines)


def shapes_table(shapes: list[Told]) -> str:
    rows = []
    for shape in SHAPES:
        for told in shapes:
            if told.name == shape.name:
                result, words = told.facts.get((shape.door, PROOFS[0]), ("refused", f"names `{shape.refusal}`"))
                rows.append([shape.about, told.release, shape.door or "none", result, words])
    return cells(["shape", "kernel", "door taken", PROOFS[0], "in words"], rows)


def shapes_part(shapes: list[Told]) -> str:
    return f"""
## Kernels of other shapes

Each on one kernel, by the door that is taken there; what is expected of each stands in `scripts/lib/kernel_shapes.py`.

{shapes_table(shapes)}

What is not ok there, but for doors that the kernel never had:

{words_of(shapes)}
"""


def page(kernels: list[Told], shapes: list[Told], suffix: str) -> str:
    title, option = ("Kernels of arm64", "--arm64 --record") if suffix else ("Kernels", "--record")
    return f"""# {title}

Written by `scripts/kernels {option}`: each kernel booted in an emulated machine, as root, with nothing but Sonde and busybox in it.
`self-test`: doctor loads the door's programs and proves them by an exchange of its own. `live`: {REQUESTS} requests over a server
that forks for each, counted at both ends by method, status and size, nothing lost. `tape`: as many, recorded and replayed. `clock`: three times
as many, while the clock is set an hour ahead and two back.

{doors_table(kernels)}

{features_table(kernels)}

What is not ok, in doctor's words:

{words_of(kernels)}
{shapes_part(shapes) if shapes else ""}
## Instructions

Of each program, after the kernel's translation: what a run could take at most without loops. How many the verifier walks stands
in `tests/bpf/verified_instructions.txt`.

{programs_table(kernels)}
"""


def record(kernels: list[Told], shapes: list[Told], suffix: str) -> None:
    with open(COUNTS.format(suffix), "w", encoding="utf-8") as file:
        file.write(
            "# Written by scripts/kernels --record: kernel, release, door, program, its instructions after the kernel's\n"
            "# translation. scripts/kernels allows a quarter more on the same release.\n"
        )
        for told in kernels:
            for (door, program), count in sorted(told.programs.items()):
                file.write(f"{told.name} {told.release} {door} {program} {count}\n")
    with open(PAGE.format(suffix), "w", encoding="utf-8") as file:
        file.write(page(kernels, shapes, suffix))
    print(f"recorded in {os.path.relpath(COUNTS.format(suffix), REPO)} and {os.path.relpath(PAGE.format(suffix), REPO)}\n")


def report(everything: list[Told], suffix: str) -> int:
    """Prints what is good and what is not, and counts it."""
    recorded = recorded_counts(COUNTS.format(suffix))
    passed = failed = skipped = 0
    for told in everything:
        if told.skipped:
            print(f"skipped: {told.name}: {told.skipped}")
            skipped += 1
            continue
        shape = BY_NAME.get(told.name)
        verdicts = judge_shape(shape, told) if shape else judge(told) + judge_counts(told, recorded)
        for verdict in verdicts:
            print(f"{'good  ' if verdict.passed else 'FAILED'} {verdict.text}")
        wrong = sum(not verdict.passed for verdict in verdicts)
        passed += len(verdicts) - wrong
        failed += wrong
        if wrong:
            print(told.output)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return failed


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sonde", required=True)
    parser.add_argument("--arm64", action="store_true")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("wanted", nargs="*", metavar="KERNEL or SHAPE")
    options = parser.parse_args()
    suffix = "-arm64" if options.arm64 else ""
    names = ARM64 if options.arm64 else (*KERNELS, *BY_NAME)
    if unknown := [name for name in options.wanted if name not in names]:
        parser.error(f"no kernel or shape '{unknown[0]}'; one of {', '.join(names)}")
    if options.record and options.wanted:
        parser.error("--record is for all kernels at once")

    with tempfile.TemporaryDirectory() as work, ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        programs = (arm64_programs if options.arm64 else own_programs)(options.sonde, work)
        boots = [(name, programs, BY_NAME.get(name), options.long) for name in options.wanted or names]
        everything = list(pool.map(lambda one: boot(*one), boots))
    there = [told for told in everything if told.release]
    kernels = [told for told in there if told.name not in BY_NAME]
    shapes = [told for told in there if told.name in BY_NAME]
    if kernels:
        print(doors_table(kernels), features_table(kernels), programs_table(kernels), sep="\n\n", end="\n\n")
    if shapes:
        print(shapes_table(shapes), end="\n\n")
    if options.record:
        if len(there) != len(names):
            sys.exit("kernels: error: not all kernels were there: nothing is recorded")
        record(kernels, shapes, suffix)
    return 1 if report(everything, suffix) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Unavailable as reason:
        print(f"not available: {reason}", file=sys.stderr)
        sys.exit(SKIP)
