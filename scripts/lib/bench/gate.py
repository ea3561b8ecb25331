# SPDX-License-Identifier: Apache-2.0
"""The exact overhead gate: from windows to rows, from rows to a verdict."""

from dataclasses import dataclass
from statistics import median

from facts import Window

# A change below this is not worth a quarrel, whatever the spread says.
LEAST_TOLERANCE = 0.02
SPREADS_TOLERATED = 3
# A window with more idle time was not saturated: its rate says nothing about cost.
MOST_IDLE = 0.03

# Of the instructions added to one system call; and so many whatever they are.
CALL_TOLERANCE = 0.05
LEAST_CALL_TOLERANCE = 10

LOST = r"^sonde_lost_total"


def count_series(side: str, port: int) -> str:
    """The series of requests to a port; scraping Sonde is a request too, to another."""
    return rf'^http_{side}_request_duration_seconds_count\{{.*server_port="{port}"'


@dataclass
class Row:
    """One collector under one load. Figures per request are instructions."""

    load: str
    collector: str
    rate: float
    instructions: float
    kept: float  # throughput, as a share of what is reached with no collector
    spread: float  # of kept, over the rounds

    def as_record(self) -> dict:
        return {
            "requests_per_s": round(self.rate),
            "instructions_per_request": round(self.instructions),
            "kept": round(self.kept, 4),
            "spread": round(self.spread, 4),
        }


def spread_of(values: list[float]) -> float:
    """(max - min) / median. Of five or more, less the best and the worst: now and then the scheduler
    alternates nginx and wrk in another rhythm for a whole window, which moves it by 5 %."""
    inner = sorted(values)[1:-1] if len(values) >= 5 else values
    return (max(inner) - min(inner)) / median(values)


def rows_of(load: str, windows: list[Window]) -> list[Row]:
    compared = [window for window in windows if not window.counts_programs]
    collectors = list(dict.fromkeys(window.collector for window in compared))
    bare = median(window.rate for window in compared if window.collector == "none")
    rows = []
    for collector in collectors:
        own = [window for window in compared if window.collector == collector]
        kept = [window.rate / bare for window in own]
        rate = median(window.rate for window in own)
        rows.append(Row(load, collector, rate, 1e9 / rate, median(kept), spread_of(kept)))
    return rows


def tolerance(recorded: dict) -> float:
    return max(LEAST_TOLERANCE, SPREADS_TOLERATED * recorded["spread"])


@dataclass
class Check:
    what: str
    passed: bool
    detail: str


def check_row(row: Row, recorded: dict | None) -> Check:
    what = f"{row.load}, {row.collector}: throughput kept"
    if recorded is None:
        return Check(what, False, f"{row.kept:.1%}, and nothing is recorded: scripts/bench --exact --record")
    least = recorded["kept"] * (1 - tolerance(recorded))
    detail = f"{row.kept:.1%}, recorded {recorded['kept']:.1%}, at least {least:.1%}"
    if row.kept > recorded["kept"] * (1 + tolerance(recorded)):
        detail += "; better than recorded: let --record say so"
    return Check(what, row.kept >= least, detail)


def added(calls: dict[str, dict[str, float]], collector: str) -> dict[str, float]:
    """What the collector adds to one system call of each kind."""
    return {name: spent - calls["none"][name] for name, spent in calls[collector].items()}


def check_calls(calls: dict[str, dict[str, float]], recorded: dict[str, float]) -> list[Check]:
    checks = []
    for name, spent in added(calls, "sonde").items():
        what = f"instructions added to a call of {name}"
        if name not in recorded:
            checks.append(Check(what, False, f"{spent:.0f}, and nothing is recorded: scripts/bench --exact --record"))
            continue
        most = recorded[name] * (1 + CALL_TOLERANCE) + LEAST_CALL_TOLERANCE
        checks.append(Check(what, spent <= most, f"{spent:.0f}, recorded {recorded[name]:.0f}, at most {most:.0f}"))
    return checks


def check_saturated(load: str, windows: list[Window]) -> Check:
    idle = max(window.idle_share for window in windows)
    failed = sum(window.failed_requests for window in windows)
    return Check(
        f"{load}: saturated, no failed request",
        idle <= MOST_IDLE and failed == 0,
        f"at most {idle:.1%} idle, {failed} requests failed",
    )


def check_counts(load: str, windows: list[Window], connections: int, port: int) -> list[Check]:
    """What Sonde counted is what wrk did. wrk stops with up to one request in flight per connection, which
    nginx answers and wrk does not count: so much more is right, less never is."""
    checks = []
    for collector, wanted in (("sonde", True), ("bystander", False)):
        own = [window for window in windows if window.collector == collector]
        if not own:
            continue
        sent = sum(window.requests for window in own)
        wrong = []
        for window in own:
            least, most = (window.requests, window.requests + connections) if wanted else (0, 0)
            for side in ("server", "client"):
                counted = window.metric_change(count_series(side, port))
                if not least <= counted <= most:
                    wrong.append(f"round {window.round}, {side} side: counted {counted:.0f}, sent {window.requests}")
            if lost := window.metric_change(LOST):
                wrong.append(f"round {window.round}: lost {lost:.0f}")
        what = "counted = sent, nothing lost" if wanted else "counts nothing"
        checks.append(Check(f"{load}, {collector}: {what}", not wrong, "; ".join(wrong) or f"{sent} sent"))
    return checks


def breakdown(windows: list[Window], collector: str) -> dict[str, float]:
    """Where the instructions of a request go, by thread; 'rest' is wrk and whatever no thread is charged with."""
    own = [window for window in windows if window.collector == collector and not window.counts_programs]
    threads = dict.fromkeys(name for window in own for name in window.cpu_per_request())
    parts = {name: median(window.cpu_per_request().get(name, 0) for window in own) for name in threads}
    parts["rest"] = median(window.instructions for window in own) - sum(parts.values())
    return parts
