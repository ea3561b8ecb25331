# SPDX-License-Identifier: Apache-2.0
"""How the exact gate's figures are shown: tables, the page, the plot."""

import gate
from charts import Bar, bar_chart
from facts import Window
from tables import table

AIMS = {("keepalive", "sonde"): 0.90, ("close", "sonde"): 0.90,
        ("keepalive", "bystander"): 0.99, ("close", "bystander"): 0.99}  # fmt: skip
PROFILE_LINES = 60
SYMBOL_WIDTH = 80


def thousands(instructions: float) -> str:
    return f"{instructions / 1000:.1f}"


def rows(measured: list[gate.Row]) -> str:
    bare = {row.load: row.instructions for row in measured if row.collector == "none"}
    lines = []
    for row in measured:
        aim = AIMS.get((row.load, row.collector))
        reached = "" if aim is None else f"{aim:.0%}: {'reached' if row.kept >= aim else 'missed'}"
        lines.append([row.load, row.collector, f"{row.rate:,.0f}", thousands(row.instructions),
                      thousands(row.instructions - bare[row.load]), f"{row.kept:.1%}", f"{row.spread:.1%}", reached])  # fmt: skip
    head = ["load", "collector", ">requests/s", ">thousand instructions a request", ">added", ">kept", ">spread", "aim"]
    return table(head, lines)


def calls(measured: dict[str, dict[str, float]]) -> str:
    lines = [
        [name, f"{bare:.0f}"] + [f"{gate.added(measured, other)[name]:+.0f}" for other in measured if other != "none"]
        for name, bare in measured["none"].items()
    ]
    return table(["one call of", *(f">{collector}" for collector in measured)], lines)


def breakdown(windows: dict[str, list[Window]], collectors: list[str]) -> str:
    """Threads from the rounds, BPF programs from the window with statistics. The programs' time is part of the
    threads' in which they ran, and holds the statistics' own clock: about 50 instructions a run."""
    lines = []
    for load, own in windows.items():
        for collector in collectors:
            for thread, spent in gate.breakdown(own, collector).items():
                lines.append([load, collector, thread, f"{spent:,.0f}", ""])
            for window in own:
                if window.collector == collector and window.counts_programs:
                    for name, (spent, runs) in sorted(window.programs_per_request().items()):
                        lines.append([load, collector, f"BPF {name}", f"{spent:,.0f}", f"{runs:.2f}"])
    return table(["load", "collector", "where", ">instructions a request", ">runs"], lines)


def profile(load: str, window: Window) -> str:
    """Samples of the virtual clock, so of instructions; Sonde's own functions and programs apart from the rest."""
    each = window.instructions / sum(ns for *_, ns in window.profile)

    def summed(lines: list) -> list[list[str]]:
        sums: dict[tuple, float] = {}
        for *key, ns in lines:
            sums[tuple(key)] = sums.get(tuple(key), 0) + ns * each
        ranked = sorted(sums.items(), key=lambda item: -item[1])[:PROFILE_LINES]
        return [[*key, f"{spent:,.0f}"] for key, spent in ranked]

    def of_sonde(thread: str, symbol: str) -> bool:
        return thread.startswith("sonde") or "bpf_" in symbol

    lines = window.profile
    own = [(thread, symbol[:SYMBOL_WIDTH], ns) for thread, _, symbol, ns in lines if of_sonde(thread, symbol)]
    rest = [(thread, symbol[:SYMBOL_WIDTH], ns) for thread, _, symbol, ns in lines if not of_sonde(thread, symbol)]
    title = f"{load}, {window.collector}: {window.instructions:,.0f} instructions a request, sampling included"
    head = ["symbol", ">instructions a request"]
    return "\n\n".join(
        [title, table(["thread", head[1]], summed([(thread, ns) for thread, *_, ns in lines])),
         table(["thread", *head], summed(own)), table(["thread", *head], summed(rest))]
    )  # fmt: skip


def page(title: str, name: str, measured: list[gate.Row], windows: dict[str, list[Window]],
         prices: dict[str, dict[str, float]], collectors: list[str]) -> str:  # fmt: skip
    throughput, parts, price = rows(measured), breakdown(windows, collectors), ""
    if prices:
        price = (
            "## What others pay\n\nInstructions of one system call in a process that has nothing to do with what is "
            "watched, and what is added to them. `empty` is what the kernel takes to call a program at every return; "
            f"the datagrams go over a socket that nobody follows.\n\n{calls(prices)}\n\n"
        )
    return (
        f"# Counted in instructions\n\n{title}. Written by `scripts/bench --exact --record`; `{name}.json` holds what "
        f"the gate compares with. Medians of alternating rounds.\n\n{throughput}\n\n![kept]({name}.svg)\n\n{price}"
        "## Where they go\n\nnginx and the collector by thread; `rest` is wrk and what no thread is charged with. The "
        "time of a BPF program is part of the thread's in which it ran, and holds the statistics' clock, about 50 "
        f"instructions a run.\n\n{parts}\n"
    )


def plot(title: str, measured: list[gate.Row]) -> str:
    bare = {row.load: row.instructions for row in measured if row.collector == "none"}
    bars = [
        Bar(row.load, row.collector, row.instructions - bare[row.load],
            f"{thousands(row.instructions - bare[row.load])} k, keeps {row.kept:.1%}")
        for row in measured if row.collector != "none"
    ]  # fmt: skip
    return bar_chart("Instructions added to a request", title, bars)
