# SPDX-License-Identifier: Apache-2.0
"""Runs the exact overhead gate and prints its tables. Called by scripts/bench --exact, which builds first.

usage: exact.py --programs DIR [--short] [--record] [--load LOAD] [--agents A,B...] [--profile]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import gate
from facts import Window, read_facts
from charts import Bar, bar_chart
from programs import Unavailable, bpftool, path_of, sonde_or_reason, stripped, version_line
from tables import table

HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
DOCS = os.path.join(REPO, "docs/benchmarks")
RECORD = os.path.join(DOCS, "exact.json")
KERNEL = "6.12"
LOADS = ("keepalive", "close")
AGENTS = ("none", "empty", "sonde", "bystander")
AIMS = {("keepalive", "sonde"): 0.90, ("close", "sonde"): 0.90,
        ("keepalive", "bystander"): 0.99, ("close", "bystander"): 0.99}  # fmt: skip
CONNECTIONS = 16
BODY_BYTES = 612
GUEST_LIMIT_S = 3600
SKIP = 77
PROFILE_LINES = 100


def plan_of(load: str, agents: list[str], short: bool, profile: bool) -> str:
    rounds, window_s = (3, 0.4) if short else (5, 1.0)
    if profile:
        rounds = 0
    return (
        f"load={load} agents='{' '.join(agents)}' rounds={rounds} window_s={window_s} connections={CONNECTIONS} "
        f"profile={'yes' if profile else 'no'}\n"
        "sonde_options=''\n"
        "bystander_options=\"--exclude exe=*/nginx --exclude exe=*/wrk\"\n"
    )


def measure(load: str, agents: list[str], programs: dict[str, str], short: bool, profile: bool) -> list[Window]:
    with tempfile.TemporaryDirectory() as work:
        put = {f"{work}/plan": "plan", f"{work}/small.txt": "www/small.txt",
               f"{HERE}/nginx.conf": "nginx.conf", f"{HERE}/done.lua": "done.lua"}  # fmt: skip
        put |= {path: name for name, path in programs.items()}
        with open(f"{work}/plan", "w", encoding="utf-8") as plan:
            plan.write(plan_of(load, agents, short, profile))
        with open(f"{work}/small.txt", "w", encoding="utf-8") as page:
            page.write("x" * BODY_BYTES)
        command = [f"{REPO}/scripts/lib/vm/run", "--exact", "--timeout", str(GUEST_LIMIT_S)]
        for name in ("wrk", "nginx"):
            command += ["--with", path_of(name)]
        if profile:
            command += ["--with", path_of("perf")]
        command += ["--with", bpftool(), "--put", f"{bpftool()}=/usr/bin/bpftool"]
        for path, name in put.items():
            command += ["--put", f"{path}=/bench/{name}"]
        run = subprocess.run(
            command + [KERNEL, f"{HERE}/guest"], stdout=subprocess.PIPE, text=True, check=False, errors="replace"
        )
        if run.returncode == SKIP:
            raise Unavailable(f"kernel {KERNEL} is not to be had here")
        if run.returncode != 0:
            raise RuntimeError(f"{load}: the guest's job ended with {run.returncode}:\n{run.stdout[-3000:]}")
        return read_facts(run.stdout)


def thousands(instructions: float) -> str:
    return f"{instructions / 1000:.1f}"


def rows_table(rows: list[gate.Row]) -> str:
    bare = {row.load: row.instructions for row in rows if row.agent == "none"}
    lines = []
    for row in rows:
        aim = AIMS.get((row.load, row.agent))
        reached = "" if aim is None else f"{aim:.0%}: {'reached' if row.kept >= aim else 'missed'}"
        lines.append([row.load, row.agent, f"{row.rate:,.0f}", thousands(row.instructions),
                      thousands(row.instructions - bare[row.load]), f"{row.kept:.1%}", f"{row.spread:.1%}", reached])  # fmt: skip
    head = ["load", "agent", ">requests/s", ">thousand instructions a request", ">added", ">kept", ">spread", "aim"]
    return table(head, lines)


def breakdown_table(windows: dict[str, list[Window]], agents: list[str]) -> str:
    """Threads from the rounds, BPF programs from the window with statistics. The programs' time is part of the
    threads' in which they ran, and holds the statistics' own clock: about 50 instructions a run."""
    lines = []
    for load, own in windows.items():
        for agent in agents:
            for thread, spent in gate.breakdown(own, agent).items():
                lines.append([load, agent, thread, f"{spent:,.0f}", ""])
            for window in own:
                if window.agent == agent and window.counts_programs:
                    for name, (spent, runs) in sorted(window.programs_per_request().items()):
                        lines.append([load, agent, f"BPF {name}", f"{spent:,.0f}", f"{runs:.2f}"])
    return table(["load", "agent", "where", ">instructions a request", ">runs"], lines)


def profile_table(load: str, window: Window) -> str:
    """The largest shares of a window; samples of the virtual clock, so of instructions."""
    sampled = sum(ns for *_, ns in window.profile)
    lines = [
        [thread, binary, symbol, f"{ns / sampled * window.instructions:,.0f}"]
        for thread, binary, symbol, ns in sorted(window.profile, key=lambda line: -line[3])[:PROFILE_LINES]
    ]
    title = f"{load}, {window.agent}: {window.instructions:,.0f} instructions a request, sampling included"
    return f"{title}\n\n{table(['thread', 'binary', 'symbol', '>instructions a request'], lines)}"


def page(title: str, rows: list[gate.Row], windows: dict[str, list[Window]], agents: list[str]) -> str:
    return (
        f"# Counted in instructions\n\n{title}. Written by `scripts/bench --exact --record`; `exact.json` holds what "
        f"the gate compares with. Medians of alternating rounds.\n\n{rows_table(rows)}\n\n![kept](exact.svg)\n\n"
        "## Where they go\n\nnginx and the agent by thread; `rest` is wrk and what no thread is charged with. The "
        "time of a BPF program is part of the thread's in which it ran, and holds the statistics' clock, about 50 "
        f"instructions a run.\n\n{breakdown_table(windows, agents)}\n"
    )


def plot(title: str, rows: list[gate.Row]) -> str:
    bare = {row.load: row.instructions for row in rows if row.agent == "none"}
    bars = [
        Bar(row.load, row.agent, row.instructions - bare[row.load],
            f"{thousands(row.instructions - bare[row.load])} k, keeps {row.kept:.1%}")
        for row in rows if row.agent != "none"
    ]  # fmt: skip
    return bar_chart("Instructions added to a request", title, bars)


def record_of(rows: list[gate.Row], kernel: str) -> dict:
    made_of = {"kernel": kernel, "nginx": version_line("nginx", "-v"), "wrk": version_line("wrk", "-v"),
               "qemu": version_line("qemu-system-x86_64", "--version")}  # fmt: skip
    figures: dict = {load: {} for load in LOADS}
    for row in rows:
        figures[row.load][row.agent] = row.as_record()
    return {"made_of": made_of, "figures": figures}


def kernel_release() -> str:
    root = subprocess.run([f"{REPO}/scripts/fetch", "kernel", KERNEL], stdout=subprocess.PIPE, text=True, check=False)
    if root.returncode != 0:
        raise Unavailable(f"kernel {KERNEL} is not to be had here")
    return os.listdir(f"{root.stdout.strip()}/lib/modules")[0]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", required=True)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--load", choices=LOADS)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--agents", default=",".join(AGENTS))
    options = parser.parse_args()

    loads = [options.load] if options.load else list(LOADS)
    agents = options.agents.split(",")
    kernel = kernel_release()
    skipped = 0
    with tempfile.TemporaryDirectory() as work:
        programs = {"empty_hooks": stripped(f"{options.programs}/tests/bench/empty_hooks", work)}
        sonde, reason = sonde_or_reason(f"{options.programs}/sonde")
        if sonde:
            programs["sonde"] = stripped(sonde, work)
        elif missing := [agent for agent in agents if agent in ("sonde", "bystander")]:
            print(f"skipped: {', '.join(missing)}: {reason}", file=sys.stderr)
            skipped = len(missing) * len(loads)
            agents = [agent for agent in agents if agent not in missing]
        # What happens on this machine does not change what an exact one counts: both loads at once.
        with ThreadPoolExecutor() as pool:
            told = list(pool.map(lambda load: measure(load, agents, programs, options.short, options.profile), loads))
    windows = dict(zip(loads, told))

    if options.profile:
        print(*(profile_table(load, window) for load in loads for window in windows[load]), sep="\n\n")
        return 0
    rows = [row for load in loads for row in gate.rows_of(load, windows[load])]
    title = f"Linux {kernel}, one exact CPU; nginx and wrk -t1 -c{CONNECTIONS} saturated, {BODY_BYTES} bytes"
    print(title, rows_table(rows), breakdown_table(windows, agents), sep="\n\n", end="\n\n")

    recorded = {}
    if options.record:
        files = {RECORD: json.dumps(record_of(rows, kernel), indent=2) + "\n",
                 f"{DOCS}/exact.md": page(title, rows, windows, agents), f"{DOCS}/exact.svg": plot(title, rows)}  # fmt: skip
        for path, text in files.items():
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        print(f"recorded in {os.path.relpath(RECORD, REPO)}: say in the commit why the figures changed\n")
    if os.path.exists(RECORD):
        with open(RECORD, encoding="utf-8") as file:
            recorded = json.load(file)
        if recorded["made_of"]["kernel"] != kernel:
            print(f"warning: the record is of kernel {recorded['made_of']['kernel']}: figures of two do not compare")
    checks = []
    for load in loads:
        checks.append(gate.check_saturated(load, windows[load]))
        checks += gate.check_counts(load, windows[load], CONNECTIONS)
    for row in rows:
        if row.agent != "none":
            checks.append(gate.check_row(row, recorded.get("figures", {}).get(row.load, {}).get(row.agent)))
    for check in checks:
        print(f"{'good  ' if check.passed else 'FAILED'} {check.what}: {check.detail}")
    failed = sum(not check.passed for check in checks)
    print(f"{len(checks) - failed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Unavailable as reason:
        print(f"not available: {reason}", file=sys.stderr)
        sys.exit(SKIP)
