# SPDX-License-Identifier: Apache-2.0
"""What the guest's job (scripts/lib/bench/guest) told, as values."""

import json
import re
from dataclasses import dataclass, field


@dataclass
class Window:
    """One collector under one load for a short while. 'before' and 'after' are around it, warm-up left out."""

    collector: str
    round: int
    counts_programs: bool  # BPF statistics were on: its rate is not comparable with others
    requests: int = 0
    seconds: float = 0
    failed_requests: int = 0
    p50_us: int = 0
    p99_us: int = 0
    idle_s: dict = field(default_factory=dict)  # when -> seconds
    cpu: dict = field(default_factory=dict)  # (pid, tid, thread) -> {when: (ns, slices)}
    metrics: dict = field(default_factory=dict)  # when -> {series: value}
    programs: dict = field(default_factory=dict)  # when -> {id: (name, ns, runs)}
    profile: list = field(default_factory=list)  # (thread, binary, symbol, sampled ns)

    @property
    def rate(self) -> float:
        return self.requests / self.seconds

    @property
    def instructions(self) -> float:
        """Per request; a saturated exact CPU runs one instruction per nanosecond."""
        return self.seconds * 1e9 / self.requests

    @property
    def idle_share(self) -> float:
        return (self.idle_s["after"] - self.idle_s["before"]) / self.seconds

    def cpu_per_request(self) -> dict[str, float]:
        """Instructions of each thread, by name."""
        spent: dict[str, float] = {}
        for (_, _, thread), told in self.cpu.items():
            if "before" in told and "after" in told:
                ns = told["after"][0] - told["before"][0]
                spent[thread] = spent.get(thread, 0) + ns / self.requests
        return spent

    def programs_per_request(self) -> dict[str, tuple[float, float]]:
        """Instructions and runs of each BPF program, by name."""
        spent: dict[str, tuple[float, float]] = {}
        for number, (name, ns, runs) in self.programs.get("after", {}).items():
            _, ns_before, runs_before = self.programs["before"].get(number, (name, 0, 0))
            if runs > runs_before:
                spent[name] = ((ns - ns_before) / self.requests, (runs - runs_before) / self.requests)
        return spent

    def metric_change(self, pattern: str) -> float:
        """By how much all series that match grew together."""
        before, after = (
            sum(value for series, value in self.metrics.get(when, {}).items() if re.search(pattern, series))
            for when in ("before", "after")
        )
        return after - before


def read_calls(text: str) -> dict[str, dict[str, float]]:
    """Collector -> kind of system call -> instructions of one, as tests/bench/system_calls.cc told."""
    calls: dict[str, dict[str, float]] = {}
    told: dict[str, float] = {}
    for line in text.splitlines():
        kind, *rest = line.split("\t")
        if kind == "failed":
            raise RuntimeError(rest[0])
        if kind == "calls":
            told = calls.setdefault(rest[0], {})
        elif kind == "call":
            told[rest[0]] = float(rest[1])
    return calls


def read_facts(text: str) -> list[Window]:
    windows: list[Window] = []
    for line in text.splitlines():
        kind, *rest = line.split("\t")
        if kind == "failed":
            raise RuntimeError(rest[0])
        if kind == "window":
            windows.append(Window(rest[0], int(rest[1]), rest[2] == "1"))
            continue
        if not windows:
            continue
        window = windows[-1]
        if kind == "requests":
            window.requests, microseconds, window.failed_requests, window.p50_us, window.p99_us = map(int, rest)
            window.seconds = microseconds / 1e6
        elif kind == "cpu":
            when, pid, tid, thread, ns, slices = rest
            window.cpu.setdefault((pid, tid, thread), {})[when] = (int(ns), int(slices))
        elif kind == "idle":
            window.idle_s[rest[0]] = float(rest[1])
        elif kind == "metric":
            series, value = rest[1].rsplit(" ", 1)
            window.metrics.setdefault(rest[0], {})[series] = float(value)
        elif kind == "profile" and len(rest) == 4:
            period, thread, binary, symbol = (word.strip() for word in rest)
            if thread != "swapper":  # idle before and after the load
                window.profile.append((thread, binary, symbol, int(period)))
        elif kind == "programs":
            window.programs[rest[0]] = {
                program["id"]: (program.get("name", "?"), program.get("run_time_ns", 0), program.get("run_cnt", 0))
                for program in json.loads(rest[1])
            }
    return windows
