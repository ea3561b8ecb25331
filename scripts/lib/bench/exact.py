# SPDX-License-Identifier: Apache-2.0
"""Runs the exact overhead gate and prints its tables. Called by scripts/bench --exact, which builds first.

usage: exact.py --programs DIR [--short] [--record] [--door DOOR [--kernel KERNEL]] [--load LOAD]
                [--collectors A,B...] [--profile]
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import exact_tables as tables
import gate
from facts import Window, read_calls, read_facts
from programs import Unavailable, bpftool, path_of, sonde_or_reason, stripped, version_line

HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
DOCS = os.path.join(REPO, "docs/benchmarks")
LOADS = ("keepalive", "close")
COLLECTORS = ("none", "empty", "sonde", "bystander")
CONNECTIONS = 16
BODY_BYTES = 612
PORT = 8080  # nginx.conf's
PROFILE_S = 3
GUEST_LIMIT_S = 3600
SKIP = 77


@dataclass(frozen=True)
class Door:
    """Each is measured on the oldest kernel of the matrix that takes it, and has pages of its own."""

    name: str
    kernel: str
    page: str  # docs/benchmarks/<page>.md, .json, .svg
    options: str
    short_loads: tuple[str, ...]  # none: with --short it is left out
    price: bool  # whether it is measured what those pay who have nothing to do with sockets

    @property
    def record(self) -> str:
        return os.path.join(DOCS, f"{self.page}.json")


DOORS = (
    Door("socktp", "6.12", "exact", "", LOADS, False),
    Door("fexit", "5.10", "exact-fexit", "--door=fexit-hash", (), True),
    Door("syscall", "5.10", "exact-syscall", "--door=syscall", ("keepalive",), True),
)


def plan_of(door: Door, load: str, collectors: list[str], options: argparse.Namespace) -> dict[str, str]:
    rounds, window_s = (3, 0.4) if options.short else (5, 1.0)
    return {
        "door": door.name,
        "load": load,
        "collectors": " ".join(collectors),
        "rounds": "0" if options.profile else str(rounds),
        "window_s": str(PROFILE_S if options.profile else window_s),
        "connections": str(CONNECTIONS),
        "profile": "yes" if options.profile else "no",
        "sonde_options": door.options,
        "bystander_options": "--exclude exe=*/nginx --exclude exe=*/wrk",
    }


def run_guest(kernel: str, plan: dict[str, str], programs: dict[str, str], profile: bool) -> str:
    with tempfile.TemporaryDirectory() as work:
        put = {f"{work}/plan": "plan", f"{work}/small.txt": "www/small.txt",
               f"{HERE}/nginx.conf": "nginx.conf", f"{HERE}/done.lua": "done.lua"}  # fmt: skip
        put |= {path: name for name, path in programs.items()}
        with open(f"{work}/plan", "w", encoding="utf-8") as file:
            file.writelines(f"{name}={shlex.quote(value)}\n" for name, value in plan.items())
        with open(f"{work}/small.txt", "w", encoding="utf-8") as page:
            page.write("x" * BODY_BYTES)
        command = [f"{REPO}/scripts/lib/vm/run", "--exact", "--timeout", str(GUEST_LIMIT_S)]
        for name in ["wrk", "nginx"] + (["perf"] if profile else []):
            command += ["--with", path_of(name)]
        command += ["--with", bpftool(), "--put", f"{bpftool()}=/usr/bin/bpftool"]
        for path, name in put.items():
            command += ["--put", f"{path}=/bench/{name}"]
        run = subprocess.run(
            command + [kernel, f"{HERE}/guest"], stdout=subprocess.PIPE, text=True, check=False, errors="replace"
        )
        if run.returncode == SKIP:
            raise Unavailable(f"kernel {kernel} is not to be had here")
        if run.returncode != 0:
            raise RuntimeError(f"the guest's job for {plan['load']} ended with {run.returncode}:\n{run.stdout[-3000:]}")
        return run.stdout


def record_of(rows: list[gate.Row], prices: dict[str, dict[str, float]], kernel: str) -> dict:
    made_of = {"kernel": kernel, "nginx": version_line("nginx", "-v"), "wrk": version_line("wrk", "-v"),
               "qemu": version_line("qemu-system-x86_64", "--version")}  # fmt: skip
    figures: dict = {row.load: {} for row in rows}
    for row in rows:
        figures[row.load][row.collector] = row.as_record()
    record = {"made_of": made_of, "figures": figures}
    if prices:
        record["added_to_a_call"] = {name: round(spent) for name, spent in gate.added(prices, "sonde").items()}
    return record


def release_of(kernel: str) -> str:
    root = subprocess.run([f"{REPO}/scripts/fetch", "kernel", kernel], stdout=subprocess.PIPE, text=True, check=False)
    if root.returncode != 0:
        raise Unavailable(f"kernel {kernel} is not to be had here")
    return os.listdir(f"{root.stdout.strip()}/lib/modules")[0]


@dataclass
class Measured:
    windows: dict[str, list[Window]]  # by load
    prices: dict[str, dict[str, float]]  # of a system call, by collector; empty for doors that nobody else pays
    collectors: list[str]  # that this build has


def measure(door: Door, options: argparse.Namespace, loads: list[str]) -> Measured:
    collectors = options.collectors.split(",")
    with tempfile.TemporaryDirectory() as work:
        own = ("empty_hooks", "system_calls")
        programs = {name: stripped(f"{options.programs}/tests/bench/{name}", work) for name in own}
        sonde, reason = sonde_or_reason(f"{options.programs}/sonde")
        if sonde:
            programs["sonde"] = stripped(sonde, work, keep_names=options.profile)
        elif missing := [collector for collector in collectors if collector in ("sonde", "bystander")]:
            print(f"skipped: {', '.join(missing)}: {reason}", file=sys.stderr)
            collectors = [collector for collector in collectors if collector not in missing]

        def told(load: str, by: list[str]) -> str:
            return run_guest(door.kernel, plan_of(door, load, by, options), programs, options.profile)

        # What happens on this machine does not change what an exact one counts: all loads at once.
        with ThreadPoolExecutor() as pool:
            windows = pool.map(lambda load: read_facts(told(load, collectors)), loads)
            prices = {}
            if door.price and "sonde" in collectors and not options.profile:
                priced = [collector for collector in collectors if collector != "bystander"]
                prices = read_calls(pool.submit(told, "calls", priced).result())
            return Measured(dict(zip(loads, windows)), prices, collectors)


def recorded_of(door: Door, kernel: str) -> dict:
    if not os.path.exists(door.record):
        return {}
    with open(door.record, encoding="utf-8") as file:
        recorded = json.load(file)
    if recorded["made_of"]["kernel"] != kernel:
        print(f"warning: the record is of kernel {recorded['made_of']['kernel']}: figures of two do not compare")
    return recorded


def check_windows(measured: Measured, recorded: dict) -> list[gate.Check]:
    checks = []
    for load, own in measured.windows.items():
        checks.append(gate.check_saturated(load, own))
        checks += gate.check_counts(load, own, CONNECTIONS, PORT)
    if measured.prices:
        checks += gate.check_calls(measured.prices, recorded.get("added_to_a_call", {}))
    return checks


def check_rows(rows: list[gate.Row], recorded: dict) -> dict[tuple[str, str], gate.Check]:
    figures = recorded.get("figures", {})
    return {
        (row.load, row.collector): gate.check_row(row, figures.get(row.load, {}).get(row.collector))
        for row in rows
        if row.collector != "none"
    }


def check_again(door: Door, options: argparse.Namespace, failed: list[tuple[str, str]], recorded: dict) -> dict:
    """In another boot, with all rounds: the few of --short may meet the scheduler's other rhythm more often than not."""
    print(f"measured again, with all rounds: {', '.join(f'{load}, {collector}' for load, collector in failed)}")
    loads = list(dict.fromkeys(load for load, _ in failed))
    windows = measure(replace(door, price=False), argparse.Namespace(**(vars(options) | {"short": False})), loads).windows
    rows = [row for load in loads for row in gate.rows_of(load, windows[load])]
    return {key: check for key, check in check_rows(rows, recorded).items() if key in failed}


def write(door: Door, files: dict[str, str]) -> None:
    for path, text in files.items():
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    print(f"recorded in {os.path.relpath(door.record, REPO)}: say in the commit why the figures changed\n")


def measure_and_judge(door: Door, options: argparse.Namespace) -> tuple[int, int, int]:
    """Prints the door's tables and verdicts; how many checks passed, failed, were skipped."""
    loads = [options.load] if options.load else list(options.short and door.short_loads or LOADS)
    kernel = release_of(door.kernel)
    measured = measure(door, options, loads)
    if options.profile:
        print(*(tables.profile(load, window) for load in loads for window in measured.windows[load]), sep="\n\n")
        return 0, 0, 0

    rows = [row for load in loads for row in gate.rows_of(load, measured.windows[load])]
    title = (
        f"Door {door.name} on Linux {kernel}, one exact CPU; nginx and wrk -t1 -c{CONNECTIONS} saturated, "
        f"{BODY_BYTES} bytes"
    )
    print(title, tables.rows(rows), tables.breakdown(measured.windows, measured.collectors), sep="\n\n", end="\n\n")
    if measured.prices:
        print(tables.calls(measured.prices), end="\n\n")
    if options.kernel:
        return 0, 0, 0
    if options.record:
        page = tables.page(title, door.page, rows, measured.windows, measured.prices, measured.collectors)
        write(door, {door.record: json.dumps(record_of(rows, measured.prices, kernel), indent=2) + "\n",
                     f"{DOCS}/{door.page}.md": page, f"{DOCS}/{door.page}.svg": tables.plot(title, rows)})  # fmt: skip
    recorded = recorded_of(door, kernel)
    by_row = check_rows(rows, recorded)
    if failing := [key for key, check in by_row.items() if not check.passed]:
        by_row |= check_again(door, options, failing, recorded)
    checks = [*check_windows(measured, recorded), *by_row.values()]
    for check in checks:
        print(f"{'good  ' if check.passed else 'FAILED'} {door.name}: {check.what}: {check.detail}")
    failed = sum(not check.passed for check in checks)
    skipped = len(set(options.collectors.split(",")) - set(measured.collectors)) * len(loads)
    return len(checks) - failed, failed, skipped


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", required=True)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--door", choices=[door.name for door in DOORS])
    parser.add_argument("--kernel")
    parser.add_argument("--load", choices=LOADS)
    parser.add_argument("--collectors", default=",".join(COLLECTORS))
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()

    doors = [door for door in DOORS if options.door == door.name or not (options.door or options.short and not door.short_loads)]
    if options.kernel:
        if options.record or not options.door:
            parser.error("--kernel is for a look at one --door elsewhere: nothing is recorded or judged")
        doors = [replace(door, kernel=options.kernel) for door in doors]
    counts = [measure_and_judge(door, options) for door in doors]
    if options.profile or options.kernel:
        return 0
    passed, failed, skipped = (sum(column) for column in zip(*counts))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Unavailable as reason:
        print(f"not available: {reason}", file=sys.stderr)
        sys.exit(SKIP)
