# SPDX-License-Identifier: Apache-2.0
"""One function per question that a benchmark on this machine answers about a collector."""

import os
import re
import resource
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from statistics import median

import peers
from gate import LOST, count_series, spread_of

IDLE_CONNECTIONS = 1000
STARTS = 5
REPLAYS = 5
START_REQUESTS = 10


def total(metrics: dict[str, float], pattern: str) -> float:
    return sum(value for series, value in metrics.items() if re.search(pattern, series))


@dataclass
class Trial:
    """One collector under one load, all rounds together."""

    load: str
    collector: str
    rates: list[float] = field(default_factory=list)
    kept: list[float] = field(default_factory=list)  # per round, of the same round's rate with no collector
    cpu_us: list[float] = field(default_factory=list)  # of the collector's process, per request
    load_cpu_us: list[float] = field(default_factory=list)  # of nginx and wrk: moved less by others than the rate
    p50_us: list[int] = field(default_factory=list)
    p99_us: list[int] = field(default_factory=list)
    sent: int = 0
    counted_server: float = 0
    counted_client: float = 0
    lost: dict[str, int] = field(default_factory=dict)  # by stage and reason, of all that happened on the machine
    failed: int = 0

    def summary(self) -> dict:
        return {
            "load": self.load, "collector": self.collector, "requests_per_s": round(median(self.rates)),
            "kept": round(median(self.kept), 4), "spread": round(spread_of(self.kept), 4),
            "collector_cpu_us_per_request": round(median(self.cpu_us), 3),
            "load_cpu_us_per_request": round(median(self.load_cpu_us), 3),
            "p50_us": median(self.p50_us), "p99_us": median(self.p99_us), "sent": self.sent, "failed": self.failed,
            "counted_server": int(self.counted_server), "counted_client": int(self.counted_client),
            "lost": self.lost,
        }  # fmt: skip


def one_round(trial: Trial, collector: peers.Collector, server: peers.Server, connections: int, seconds: int) -> None:
    peers.wrk(server.port, trial.load, 1, connections)  # warm-up
    counts = collector.name == "sonde"
    before = settled_metrics(collector, server.port) if counts else {}
    cpu, server_cpu = collector.cpu_ns(), peers.cpu_ns(server.worker)
    did = peers.wrk(server.port, trial.load, seconds, connections)
    trial.load_cpu_us.append((peers.cpu_ns(server.worker) - server_cpu + did.cpu_s * 1e9) / 1000 / did.requests)
    trial.rates.append(did.rate)
    trial.p50_us.append(did.p50_us)
    trial.p99_us.append(did.p99_us)
    trial.sent += did.requests
    trial.failed += did.failed
    after = settled_metrics(collector, server.port) if counts else {}
    trial.cpu_us.append((collector.cpu_ns() - cpu) / 1000 / did.requests)
    at_server, at_client = (count_series(side, server.port) for side in ("server", "client"))
    trial.counted_server += total(after, at_server) - total(before, at_server)
    trial.counted_client += total(after, at_client) - total(before, at_client)
    for series in after:
        if re.search(LOST, series) and (more := after[series] - before.get(series, 0)):
            reason = re.sub(r'.*stage="(.*)",reason="(.*)".*', r"\1: \2", series)
            trial.lost[reason] = trial.lost.get(reason, 0) + int(more)


def settled_metrics(collector: peers.Collector, port: int) -> dict[str, float]:
    """What is under way has arrived when two looks agree."""
    metrics = collector.metrics()
    for _ in range(50):
        time.sleep(0.1)
        newer = collector.metrics()
        if all(total(newer, count_series(side, port)) == total(metrics, count_series(side, port))
               for side in ("server", "client")):  # fmt: skip
            break
        metrics = newer
    return newer


def alternate(load: str, names: list[str], programs: dict, server: peers.Server, work: str, rounds: int,
              seconds: int, connections: int = peers.CONNECTIONS) -> list[Trial]:  # fmt: skip
    """All collectors in each round, so that what the machine does meanwhile hits all of them."""
    trials = {name: Trial(load, name) for name in names}
    for _ in range(rounds):
        for name in names:
            with peers.collector(name, programs, work) as collector:
                one_round(trials[name], collector, server, connections, seconds)
            trials[name].kept.append(trials[name].rates[-1] / trials["none"].rates[-1])
    return list(trials.values())


def program_time(load: str, name: str, programs: dict, port: int, work: str, seconds: int) -> dict:
    """Nanoseconds and runs of the collector's BPF programs per request; the statistics' own clock is in it."""
    with peers.program_statistics(), peers.collector(name, programs, work) as collector:
        peers.wrk(port, load, 1)
        ns, runs = collector.programs()
        did = peers.wrk(port, load, seconds)
        ns_after, runs_after = collector.programs()
    return {"load": load, "collector": name, "ns_per_request": round((ns_after - ns) / did.requests, 1),
            "runs_per_request": round((runs_after - runs) / did.requests, 2)}  # fmt: skip


def memory(programs: dict, port: int, work: str) -> dict:
    """With many open connections that have each carried a request."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4 * IDLE_CONNECTIONS)), hard))
    with peers.collector("sonde", programs, work) as collector:
        held = []
        for _ in range(IDLE_CONNECTIONS):
            held.append(socket.create_connection(("127.0.0.1", port), timeout=10))
            held[-1].sendall(b"GET /small.txt HTTP/1.1\r\nHost: bench\r\n\r\n")
            held[-1].recv(4096)
        metrics = settled_metrics(collector, port)
        used = collector.memory_bytes()
        for connection in held:
            connection.close()
    return used | {"connections": IDLE_CONNECTIONS, "counted_server": int(total(metrics, count_series("server", port)))}


def start(programs: dict, port: int, work: str) -> dict:
    """From spawn to ready, and to the first exact count of requests sent as soon as it was ready."""
    ready, exact = [], []
    for _ in range(STARTS):
        began = time.monotonic()
        with peers.collector("sonde", programs, work) as collector:
            ready.append(time.monotonic() - began)
            for _ in range(START_REQUESTS):
                peers.get(port, "/small.txt")
            while (counted := total(collector.metrics(), count_series("server", port))) < START_REQUESTS:
                if time.monotonic() - began > peers.STARTS_WITHIN_S:
                    raise RuntimeError(f"sonde counted {counted:.0f} of the first {START_REQUESTS} requests")
                time.sleep(0.005)
            exact.append(time.monotonic() - began)
    return {"ready_s": round(median(ready), 3), "first_exact_count_s": round(median(exact), 3), "starts": STARTS}


def replay(sonde: str, port: int, work: str, seconds: int) -> dict:
    """Records a saturated server, then replays the tape as fast as one core can. The ring is large enough for all
    of the load, so that the tape is whole even if the disk is slow: recording is not what is measured."""
    tape = f"{work}/bench.tape"
    record = [sonde, "record", "--ring-size", "512MiB", tape]
    with open(f"{work}/record.log", "w", encoding="utf-8") as log:
        recorder = subprocess.Popen(["taskset", "-c", peers.COLLECTOR_CORE, *record], stdout=log, stderr=log)
        time.sleep(2)
        did = peers.wrk(port, "keepalive", seconds)
        recorder.send_signal(signal.SIGINT)
        if recorder.wait(timeout=60) != 0:
            raise RuntimeError(f"sonde record: {open(log.name).read()[-500:]}")
    wall_s, cpu_s = [], []
    for _ in range(REPLAYS):
        began, spent = time.monotonic(), peers.children_cpu_s()
        command = ["taskset", "-c", peers.COLLECTOR_CORE, sonde, "replay", tape]
        run = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        if run.returncode != 0:
            raise RuntimeError(f"sonde replay: {run.stderr[-500:]}")
        wall_s.append(time.monotonic() - began)
        cpu_s.append(peers.children_cpu_s() - spent)
    counted = [total(peers.series_of(run.stdout), count_series(side, port)) for side in ("server", "client")]
    if not all(did.requests <= count <= did.requests + peers.CONNECTIONS for count in counted):
        raise RuntimeError(f"{did.requests} requests were taped; replay counted {counted}; {run.stderr[-500:]}")
    return {"exchanges": int(sum(counted)), "tape_bytes": os.path.getsize(tape), "wall_s": round(median(wall_s), 3),
            "cpu_s": round(median(cpu_s), 3), "exchanges_per_cpu_s": round(sum(counted) / median(cpu_s))}  # fmt: skip
