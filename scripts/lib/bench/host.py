# SPDX-License-Identifier: Apache-2.0
"""Measures on this machine and writes docs/benchmarks/host.{md,json} and its plots. Called by scripts/bench.

usage: host.py --programs DIR [--rounds N] [--seconds N] [--out DIR]
"""

import argparse
import json
import os
import platform
import re
import sys
import tempfile

import peers
import trials
from charts import Bar, bar_chart
from programs import Unavailable, sonde_or_reason, version_line
from tables import table

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
SKIP = 77
BODY_BYTES = 612
MIB = 1 << 20
AIM_CPU_US = 1.0
AIM_MEMORY_MIB = 64
AIM_REPLAY = 1_000_000
AIM_START_S = 0.5


def measure(programs: dict, rounds: int, seconds: int) -> dict:
    names = ["none", "empty"] + (["sonde"] if "sonde" in programs else [])
    told: dict = {"throughput": [], "latency": [], "programs": []}
    with tempfile.TemporaryDirectory() as work, peers.nginx(work, BODY_BYTES) as server:
        for load in ("keepalive", "close"):
            progress(f"throughput, {load}: {rounds} rounds of {', '.join(names)}")
            found = trials.alternate(load, names, programs, server, work, rounds, seconds)
            told["throughput"] += [trial.summary() for trial in found]
            for name in names[1:]:
                told["programs"].append(trials.program_time(load, name, programs, server.port, work, seconds))
        progress("latency of one connection")
        found = trials.alternate("keepalive", names, programs, server, work, rounds, seconds, connections=1)
        told["latency"] += [trial.summary() for trial in found]
        if "sonde" in programs:
            told |= measure_sonde(programs, server.port, work, seconds)
    return told


def measure_sonde(programs: dict, port: int, work: str, seconds: int) -> dict:
    """What only Sonde can be asked. One that fails does not take the others' figures with it."""
    told: dict = {}
    for name, trial in (
        ("memory", lambda: trials.memory(programs, port, work)),
        ("start", lambda: trials.start(programs, port, work)),
        ("replay", lambda: trials.replay(programs["sonde"], port, work, seconds)),
    ):
        progress(name)
        try:
            told[name] = trial()
        except RuntimeError as error:
            progress(f"no figure for {name}: {error}")
    return told


def progress(what: str) -> None:
    print(f"bench: {what}", file=sys.stderr)


def machine() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = re.search(r"^model name\s*: (.*)$", file.read(), re.M)
    name = model.group(1) if model else platform.machine()
    kernel = ".".join(platform.release().split(".")[:2])
    return f"{name}, {os.cpu_count()} CPUs, Linux {kernel}; {version_line('nginx', '-v')}"


def verdict(reached: bool) -> str:
    return "reached" if reached else "missed"


def kept_by_cpu(row: dict, rows: list[dict]) -> float:
    """What a core of its own would keep: nginx and wrk pay in CPU time, which other work on the machine moves less
    than the clock's."""
    bare = next(other for other in rows if other["load"] == row["load"] and other["collector"] == "none")
    return bare["load_cpu_us_per_request"] / row["load_cpu_us_per_request"]


def throughput_tables(told: dict) -> str:
    def rows(of: str) -> list[list[str]]:
        return [
            [row["load"], row["collector"], f"{row['requests_per_s']:,}", f"{row['kept']:.1%}", f"{row['spread']:.1%}",
             f"{row['load_cpu_us_per_request']:.2f}", f"{kept_by_cpu(row, told[of]):.1%}",
             f"{row['collector_cpu_us_per_request']:.2f}", str(row["p50_us"]), str(row["p99_us"])]
            for row in told[of]
        ]  # fmt: skip

    head = ["load", "collector", ">requests/s", ">kept", ">spread", ">CPU of nginx and wrk, us/request", ">kept by CPU",
            ">CPU of the collector", ">p50 us", ">p99 us"]  # fmt: skip
    clocked = [[row["load"], row["collector"], f"{row['ns_per_request']:.0f}", f"{row['runs_per_request']:.2f}"]
               for row in told["programs"]]  # fmt: skip
    return "\n\n".join(
        [f"## Saturated: nginx and wrk (-t1 -c{peers.CONNECTIONS}) on core 0, the collector on core 1",
         table(head, rows("throughput")), "## One connection", table(head, rows("latency")),
         "## BPF programs\n\nWith the kernel's statistics on, whose clock is in each run: the empty programs show how "
         "much that is.", table(["load", "collector", ">ns/request", ">runs/request"], clocked)]
    )  # fmt: skip


def exactness_table(told: dict) -> str:
    rows = [
        [row["load"], f"{row['sent']:,}", f"{row['counted_server']:,}", f"{row['counted_client']:,}",
         ", ".join(f"{reason} {count:,}" for reason, count in row["lost"].items()) or "0"]
        for row in told["throughput"]
        if row["collector"] == "sonde"
    ]
    note = (
        "wrk ends with up to one request in flight per connection, which nginx answers and wrk does not count. Lost "
        "is of all that was watched on the machine, other work too."
    )
    head = ["load", ">sent", ">counted, server", ">counted, client", "lost"]
    return f"## Counted\n\n{note}\n\n{table(head, rows)}"


def aims_table(told: dict) -> str:
    cpu = next(row for row in told["throughput"] if row["collector"] == "sonde")["collector_cpu_us_per_request"]
    rows = [["CPU per keep-alive request", f"{cpu:.2f} us", f"{AIM_CPU_US:.0f} us", verdict(cpu <= AIM_CPU_US)]]
    if used := told.get("memory"):
        mib = (used["rss"] + used["maps"]) / MIB
        parts = f"{used['rss'] / MIB:.0f} resident (peak {used['peak'] / MIB:.0f}), {used['maps'] / MIB:.0f} maps"
        rows.append([f"memory with {used['connections']:,} connections", f"{mib:.0f} MiB: {parts}",
                     f"{AIM_MEMORY_MIB} MiB", verdict(mib < AIM_MEMORY_MIB)])  # fmt: skip
    if replayed := told.get("replay"):
        rate = replayed["exchanges_per_cpu_s"]
        rows.append(["replay on one core", f"{rate:,} exchanges/s", f"{AIM_REPLAY:,}", verdict(rate >= AIM_REPLAY)])
    if began := told.get("start"):
        exact_s = began["first_exact_count_s"]
        rows.append(["start to first exact count", f"{exact_s:.2f} s (ready {began['ready_s']:.2f} s)",
                     f"{AIM_START_S} s", verdict(exact_s <= AIM_START_S)])  # fmt: skip
    return "## Aims\n\n" + table(["what", "measured", "aim", ""], rows)


def page(told: dict) -> str:
    parts = [f"# On one machine\n\n{told['machine']}. Written by `scripts/bench`; other work on the machine moves "
             "these figures, the rates most, CPU time least. Medians of alternating rounds."]  # fmt: skip
    if any(row["collector"] == "sonde" for row in told["throughput"]):
        parts += [aims_table(told), exactness_table(told)]
    parts += ["![throughput kept](host-throughput.svg)\n\n![latency](host-latency.svg)", throughput_tables(told)]
    return "\n\n".join(parts) + "\n"


def plots(told: dict) -> dict[str, str]:
    note = f"saturated, wrk -t1 -c{peers.CONNECTIONS}, {BODY_BYTES} bytes; collector on another core"
    shares = [(row, kept_by_cpu(row, told["throughput"])) for row in told["throughput"]]
    kept = [Bar(row["load"], row["collector"], share, f"{share:.1%}") for row, share in shares]
    waits = [Bar(quantile[:3], row["collector"], row[quantile], f"{row[quantile]:.0f} us")
             for quantile in ("p50_us", "p99_us") for row in told["latency"]]  # fmt: skip
    return {
        "host-throughput.svg": bar_chart("Throughput kept, by CPU time of nginx and wrk", note, kept),
        "host-latency.svg": bar_chart("Latency", f"one keep-alive connection, {BODY_BYTES} bytes", waits),
    }


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--out", default=os.path.join(REPO, "docs/benchmarks"))
    options = parser.parse_args()
    if os.geteuid() != 0:
        raise Unavailable("privilege: BPF programs need root: run 'sudo scripts/bench'")
    if (os.cpu_count() or 1) < 2:
        raise Unavailable("two CPUs are needed: one for the load, one for Sonde")
    programs = {"empty": f"{options.programs}/tests/bench/empty_hooks"}
    sonde, reason = sonde_or_reason(f"{options.programs}/sonde")
    if sonde:
        programs["sonde"] = sonde
    else:
        progress(f"skipped: sonde: {reason}")
    told = {"machine": machine()} | measure(programs, options.rounds, options.seconds)
    os.makedirs(options.out, exist_ok=True)
    files = {"host.json": json.dumps(told, indent=2) + "\n", "host.md": page(told)} | plots(told)
    for name, text in files.items():
        with open(os.path.join(options.out, name), "w", encoding="utf-8") as file:
            file.write(text)
    print(page(told))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Unavailable as reason:
        print(f"not available: {reason}", file=sys.stderr)
        sys.exit(SKIP)
