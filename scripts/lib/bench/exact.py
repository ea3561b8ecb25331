# SPDX-License-Identifier: Apache-2.0
"""Runs the exact overhead gate and prints its tables. Called by scripts/bench --exact, which builds first.

usage: exact.py --programs DIR [--short] [--record] [--load LOAD] [--collectors A,B...] [--profile]
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import exact_tables as tables
import gate
from facts import Window, read_facts
from programs import Unavailable, bpftool, path_of, sonde_or_reason, stripped, version_line

HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
DOCS = os.path.join(REPO, "docs/benchmarks")
RECORD = os.path.join(DOCS, "exact.json")
KERNEL = "6.12"
LOADS = ("keepalive", "close")
COLLECTORS = ("none", "empty", "sonde", "bystander")
CONNECTIONS = 16
BODY_BYTES = 612
PORT = 8080  # nginx.conf's
PROFILE_S = 3
GUEST_LIMIT_S = 3600
SKIP = 77


def plan_of(load: str, collectors: list[str], options: argparse.Namespace) -> dict[str, str]:
    rounds, window_s = (3, 0.4) if options.short else (5, 1.0)
    return {
        "load": load,
        "collectors": " ".join(collectors),
        "rounds": "0" if options.profile else str(rounds),
        "window_s": str(PROFILE_S if options.profile else window_s),
        "connections": str(CONNECTIONS),
        "profile": "yes" if options.profile else "no",
        "sonde_options": "",
        "bystander_options": "--exclude exe=*/nginx --exclude exe=*/wrk",
    }


def measure(plan: dict[str, str], programs: dict[str, str], profile: bool) -> list[Window]:
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
            command + [KERNEL, f"{HERE}/guest"], stdout=subprocess.PIPE, text=True, check=False, errors="replace"
        )
        if run.returncode == SKIP:
            raise Unavailable(f"kernel {KERNEL} is not to be had here")
        if run.returncode != 0:
            raise RuntimeError(f"the guest's job for {plan['load']} ended with {run.returncode}:\n{run.stdout[-3000:]}")
        return read_facts(run.stdout)


def record_of(rows: list[gate.Row], kernel: str) -> dict:
    made_of = {"kernel": kernel, "nginx": version_line("nginx", "-v"), "wrk": version_line("wrk", "-v"),
               "qemu": version_line("qemu-system-x86_64", "--version")}  # fmt: skip
    figures: dict = {load: {} for load in LOADS}
    for row in rows:
        figures[row.load][row.collector] = row.as_record()
    return {"made_of": made_of, "figures": figures}


def kernel_release() -> str:
    root = subprocess.run([f"{REPO}/scripts/fetch", "kernel", KERNEL], stdout=subprocess.PIPE, text=True, check=False)
    if root.returncode != 0:
        raise Unavailable(f"kernel {KERNEL} is not to be had here")
    return os.listdir(f"{root.stdout.strip()}/lib/modules")[0]


def measure_all(options: argparse.Namespace, loads: list[str]) -> tuple[dict[str, list[Window]], list[str]]:
    """The windows of each load, and the collectors that this build has."""
    collectors = options.collectors.split(",")
    with tempfile.TemporaryDirectory() as work:
        programs = {"empty_hooks": stripped(f"{options.programs}/tests/bench/empty_hooks", work)}
        sonde, reason = sonde_or_reason(f"{options.programs}/sonde")
        if sonde:
            programs["sonde"] = stripped(sonde, work, keep_names=options.profile)
        elif missing := [collector for collector in collectors if collector in ("sonde", "bystander")]:
            print(f"skipped: {', '.join(missing)}: {reason}", file=sys.stderr)
            collectors = [collector for collector in collectors if collector not in missing]
        # What happens on this machine does not change what an exact one counts: both loads at once.
        with ThreadPoolExecutor() as pool:
            told = pool.map(lambda load: measure(plan_of(load, collectors, options), programs, options.profile), loads)
            return dict(zip(loads, told)), collectors


def judge(rows: list[gate.Row], windows: dict[str, list[Window]], kernel: str) -> list[gate.Check]:
    recorded = {}
    if os.path.exists(RECORD):
        with open(RECORD, encoding="utf-8") as file:
            recorded = json.load(file)
        if recorded["made_of"]["kernel"] != kernel:
            print(f"warning: the record is of kernel {recorded['made_of']['kernel']}: figures of two do not compare")
    checks = []
    for load, own in windows.items():
        checks.append(gate.check_saturated(load, own))
        checks += gate.check_counts(load, own, CONNECTIONS, PORT)
    for row in rows:
        if row.collector != "none":
            checks.append(gate.check_row(row, recorded.get("figures", {}).get(row.load, {}).get(row.collector)))
    return checks


def write(files: dict[str, str]) -> None:
    for path, text in files.items():
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    print(f"recorded in {os.path.relpath(RECORD, REPO)}: say in the commit why the figures changed\n")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", required=True)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--load", choices=LOADS)
    parser.add_argument("--collectors", default=",".join(COLLECTORS))
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()

    loads = [options.load] if options.load else list(LOADS)
    kernel = kernel_release()
    windows, collectors = measure_all(options, loads)
    if options.profile:
        print(*(tables.profile(load, window) for load in loads for window in windows[load]), sep="\n\n")
        return 0

    rows = [row for load in loads for row in gate.rows_of(load, windows[load])]
    title = f"Linux {kernel}, one exact CPU; nginx and wrk -t1 -c{CONNECTIONS} saturated, {BODY_BYTES} bytes"
    print(title, tables.rows(rows), tables.breakdown(windows, collectors), sep="\n\n", end="\n\n")
    if options.record:
        write({RECORD: json.dumps(record_of(rows, kernel), indent=2) + "\n",
               f"{DOCS}/exact.md": tables.page(title, rows, windows, collectors),
               f"{DOCS}/exact.svg": tables.plot(title, rows)})  # fmt: skip
    checks = judge(rows, windows, kernel)
    for check in checks:
        print(f"{'good  ' if check.passed else 'FAILED'} {check.what}: {check.detail}")
    failed = sum(not check.passed for check in checks)
    skipped = len(set(options.collectors.split(",")) - set(collectors)) * len(loads)
    print(f"{len(checks) - failed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Unavailable as reason:
        print(f"not available: {reason}", file=sys.stderr)
        sys.exit(SKIP)
