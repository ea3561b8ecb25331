# SPDX-License-Identifier: Apache-2.0
"""Which capabilities each feature needs, measured on booted kernels. Called by scripts/privileges.

usage: privileges.py --sonde FILE [--record] [KERNEL...]
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(REPO, "scripts/lib/bench"))
from kernels import DOORS  # noqa: E402
from programs import Unavailable, path_of, stripped  # noqa: E402

KERNELS = ("5.10", "6.1", "6.12", "newest")
# All that a program of this kind may want, and what goes with files and sockets. Not CAP_SYS_ADMIN: that all features
# work without it is part of what is found out.
CANDIDATES = (
    "bpf", "perfmon", "sys_resource", "sys_ptrace", "dac_read_search", "net_bind_service", "checkpoint_restore", "syslog",
    "net_admin", "net_raw", "ipc_lock",
)  # fmt: skip
# Doctor's words for them, and ours.
FEATURES = {door: f"door `{door}`" for door in DOORS} | {
    "hooks": "sweeps, roles of older connections, resets",
    "new processes": "new processes at once",
    "TCP health": "the health of TCP",
    "names": "names of other users' services",
    "declared names": "names that they declare",
    "metrics": "serving below port 1024",
}
NUMBERS = {"dac_read_search": 2, "sys_ptrace": 19, "bpf": 39}  # of what may be held after the start
FACTS = os.path.join(REPO, "tests/kernels/privileges.txt")
PAGE = os.path.join(REPO, "docs/reference/privileges.md")
HELD = "held"
NONE = "-"
REQUESTS = 20
GUEST_LIMIT_S = 500
SKIP = 77

Needs = dict[str, list[str]]  # by feature, and by HELD: capabilities


@dataclass
class Told:
    """What one kernel's guest printed."""

    name: str
    release: str = ""
    skipped: str = ""  # why, if it was not booted
    broken: str = ""  # why, if the guest did not come to its end
    doctor: dict[str, dict[str, str]] = field(default_factory=dict)  # capabilities as the guest names them: feature: state
    held: dict[str, set[tuple[int, str, str]]] = field(default_factory=dict)  # thread: set, no_new_privs, seccomp
    live: str = "nothing was told"
    output: str = ""

    def works(self, under: str, feature: str) -> bool:
        states = self.doctor.get(under, {})
        if feature == "hooks":  # doctor tells only of those that fail
            return states.get("requests") == "ok" and feature not in states
        return states.get(feature) == "ok"


def read(name: str, output: str) -> Told:
    told = Told(name, output=output)
    for line in output.splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "release":
            told.release = rest
        elif kind == "doctor" and (found := re.match(r"(\S+)   (\S.*?) +(ok|degraded|blocked|unknown) ", rest)):
            told.doctor.setdefault(found[1], {})[found[2]] = found[3]
        elif kind == "held":
            thread, held, no_new, seccomp = rest.split()
            told.held.setdefault(thread, set()).add((int(held, 16), no_new, seccomp))
        elif kind == "live":
            told.live = rest
    return told


def boot(name: str, sonde: str, capabilities: list[str], sets: list[str]) -> Told:
    with tempfile.TemporaryDirectory() as work:
        with open(f"{work}/plan", "w", encoding="utf-8") as plan:
            plan.write(f"capabilities='{' '.join(capabilities)}'\nsets='{' '.join(sets)}'\nrequests={REQUESTS}\n")
        command = [
            f"{REPO}/scripts/lib/vm/run", "--timeout", str(GUEST_LIMIT_S), "--with", path_of("setpriv"),
            "--put", f"{sonde}=/usr/bin/sonde", "--put", f"{work}/plan=/plan", name, f"{REPO}/tests/kernels/privileges_guest",
        ]  # fmt: skip
        run = subprocess.run(command, capture_output=True, text=True, check=False, errors="replace")
    if run.returncode == SKIP:
        return Told(name, skipped=(run.stderr.strip().splitlines() or ["no reason told"])[-1])
    told = read(name, run.stdout)
    if run.returncode != 0:
        told.broken = f"the guest ended with {run.returncode}"
        told.output += run.stderr
    print(f"privileges: {name}: {told.release or 'did not boot'}", file=sys.stderr, flush=True)
    return told


def needs_of(told: Told) -> Needs:
    """What was missed when it was missing, of each feature that this kernel has."""
    needs = {}
    for feature in FEATURES:
        if told.works("root", feature):
            if not told.works("all", feature):
                sys.exit(f"privileges: error: {told.name}: {feature} works for root, and not with {', '.join(CANDIDATES)}")
            needs[feature] = [one for one in CANDIDATES if f"without:{one}" in told.doctor and not told.works(f"without:{one}", feature)]
    main = max(told.held.get("sonde", {(0, "", "")}))[0]
    needs[HELD] = [one for one in CANDIDATES if one in NUMBERS and main >> NUMBERS[one] & 1]
    return needs


def all_of(needs: Needs) -> list[str]:
    return [one for one in CANDIDATES if any(one in set_of for set_of in needs.values())]


def sets_of(needs: Needs) -> list[str]:
    return sorted({"+".join(set_of) for feature, set_of in needs.items() if feature != HELD and set_of})


def verify(told: Told, needs: Needs) -> list[tuple[bool, str]]:
    if told.broken:
        return [(False, f"{told.name}: {told.broken}")]
    verdicts = []
    for feature in FEATURES:
        if feature not in needs:
            verdicts.append((not told.works("root", feature), f"{told.name} has no {feature}"))
            continue
        set_of = needs[feature]
        wrong = [f"without {one}" for one in all_of(needs) if told.works(f"without:{one}", feature) != (one not in set_of)]
        if set_of and not told.works("only:" + "+".join(set_of), feature):
            wrong.append("it does not work with these alone")
        verdicts.append((not wrong, f"{told.name} {feature} needs {', '.join(set_of) or 'nothing'}" + "".join(f"; wrong {w}" for w in wrong)))
    held = sum(1 << NUMBERS[one] for one in needs[HELD])
    expected = {"sonde": {(held, "1", "2")}, "sonde-web": {(0, "1", "2")}}
    # Where the sampler cannot be opened there is no thread for profiles.
    with_profiles = expected | {"sonde-profile": {(held, "1", "2")}}
    verdicts.append((told.held in (expected, with_profiles), f"{told.name} holds {', '.join(needs[HELD])} once started: {told.held}"))
    verdicts.append((told.live.startswith("ok "), f"{told.name} as nobody, confined: {told.live}"))
    return verdicts


def recorded() -> dict[str, tuple[str, Needs]]:
    """By kernel: its release, and what its features need."""
    found: dict[str, tuple[str, Needs]] = {}
    if os.path.exists(FACTS):
        with open(FACTS, encoding="utf-8") as file:
            for line in file:
                if not line.startswith("#") and line.strip():
                    kernel, release, set_of, feature = line.strip().split(maxsplit=3)
                    found.setdefault(kernel, (release, {}))[1][feature] = [] if set_of == NONE else set_of.split("+")
    return found


def cell(needs: Needs, feature: str) -> str:
    if feature not in needs:
        return "not there"
    return " ".join(f"`{one.upper()}`" for one in needs[feature]) or "nothing"


def table(facts: dict[str, tuple[str, Needs]]) -> str:
    rows = [["feature"] + [release for release, _ in facts.values()]]
    for feature, words in FEATURES.items():
        rows.append([words] + [cell(needs, feature) for _, needs in facts.values()])
    rows.append(["held once all is attached"] + [cell(needs, HELD) for _, needs in facts.values()])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["| " + " | ".join(word.ljust(width) for word, width in zip(row, widths)) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|"] + lines[1:])


def page(facts: dict[str, tuple[str, Needs]]) -> str:
    return f"""# Privileges

Written by `scripts/privileges --record`: on each kernel, booted in an emulated machine with Debian's settings
(`kernel.unprivileged_bpf_disabled=2`), doctor was run as nobody with these capabilities, with each one of them missing in turn,
and with those of each row alone. A row names what its feature does not work without, and works with. `scripts/test` verifies it.

{table(facts)}

Candidates that no feature misses: {', '.join(f'`{one.upper()}`' for one in CANDIDATES if not any(one in all_of(n) for _, n in facts.values()))}.
All of this is without `SYS_ADMIN`, which no feature needs; if it is there it stands for `BPF` and `PERFMON` (tried on 5.10 and 6.12).

* `SYS_RESOURCE`, before 5.11, is for locking more memory than `ulimit -l` allows: with `ulimit -l unlimited`, or `LimitMEMLOCK=infinity`
  in a unit, it is not needed (tried on 5.10).
* `DAC_READ_SEARCH` is also for the files of container runtimes, where these are root's alone. The doors at the kernel's functions
  want it where debugfs says whether tasks interrupt the kernel (`sched/preempt`): that is root's alone, too.
* Serving from port 1024 on needs nothing.

What is held once all is attached, and what else is given up then: [confinement](../architecture/confinement.md).

A unit with just these, on 5.11 and later:

```ini
[Service]
ExecStart=/usr/bin/sonde run
DynamicUser=yes
AmbientCapabilities=CAP_BPF CAP_PERFMON CAP_SYS_PTRACE CAP_DAC_READ_SEARCH
CapabilityBoundingSet=CAP_BPF CAP_PERFMON CAP_SYS_PTRACE CAP_DAC_READ_SEARCH
```
"""


def record(facts: dict[str, tuple[str, Needs]]) -> None:
    with open(FACTS, "w", encoding="utf-8") as file:
        file.write("# Written by scripts/privileges --record: kernel, release, capabilities, the feature that needs them.\n")
        for kernel, (release, needs) in facts.items():
            for feature, set_of in needs.items():
                file.write(f"{kernel} {release} {'+'.join(set_of) or NONE} {feature}\n")
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(page(facts))
    print(f"recorded in {os.path.relpath(FACTS, REPO)} and {os.path.relpath(PAGE, REPO)}\n")


def measure(pool: ThreadPoolExecutor, sonde: str) -> dict[str, tuple[str, Needs]]:
    everything = list(pool.map(lambda name: boot(name, sonde, list(CANDIDATES), []), KERNELS))
    if missing := [told for told in everything if told.skipped or told.broken]:
        sys.exit(f"privileges: error: {missing[0].name}: {missing[0].skipped or missing[0].broken}: nothing is recorded")
    return {told.name: (told.release, needs_of(told)) for told in everything}


def judge(everything: list[Told], facts: dict[str, tuple[str, Needs]]) -> int:
    passed = failed = 0
    for told in everything:
        if told.skipped:
            print(f"skipped: {told.name}: {told.skipped}")
            continue
        own = verify(told, facts[told.name][1])
        for good, text in own:
            print(f"{'good  ' if good else 'FAILED'} {text}")
        wrong = sum(not good for good, _ in own)
        if wrong:
            print(told.output)
        passed, failed = passed + len(own) - wrong, failed + wrong
    print(f"{passed} passed, {failed} failed, {sum(bool(told.skipped) for told in everything)} skipped")
    return 1 if failed else 0


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sonde", required=True)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("kernels", nargs="*", metavar="KERNEL")
    options = parser.parse_args()
    if unknown := [name for name in options.kernels if name not in KERNELS]:
        parser.error(f"no kernel '{unknown[0]}'; one of {', '.join(KERNELS)}")
    if options.record and options.kernels:
        parser.error("--record is for all kernels at once")

    with tempfile.TemporaryDirectory() as work, ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        sonde = stripped(options.sonde, work)
        facts = measure(pool, sonde) if options.record else recorded()
        names = options.kernels or KERNELS
        if unmeasured := [name for name in names if name not in facts]:
            sys.exit(f"privileges: error: {unmeasured[0]} is not recorded; scripts/privileges --record")
        everything = list(pool.map(lambda name: boot(name, sonde, all_of(facts[name][1]), sets_of(facts[name][1])), names))
    code = judge(everything, facts)
    if options.record and code == 0:
        record(facts)
    return code


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Unavailable as reason:
        print(f"not available: {reason}", file=sys.stderr)
        sys.exit(SKIP)
