# SPDX-License-Identifier: Apache-2.0
"""Who takes part in a benchmark on this machine: nginx, wrk, and the collector under test, each on its core."""

import http.client
import json
import os
import re
import resource
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass

from programs import bpftool, path_of

HERE = os.path.dirname(os.path.abspath(__file__))
LOAD_CORE = "0"
COLLECTOR_CORE = "1"
CONNECTIONS = 16
STARTS_WITHIN_S = 20
STATISTICS = "/proc/sys/kernel/bpf_stats_enabled"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def await_status(port: int, path: str, process: subprocess.Popen, pause_s: float = 0.01) -> None:
    """Until the server answers 200."""
    deadline = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args[-1]} ended with {process.returncode} before it answered {path}")
        try:
            if get(port, path)[0] == 200:
                return
        except OSError:
            pass
        time.sleep(pause_s)
    raise RuntimeError(f"port {port}: no 200 for {path} within {STARTS_WITHIN_S} s")


def end(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        code = process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        raise RuntimeError(f"{process.args}: did not end within 30 s of SIGTERM") from None
    if code != 0:
        raise RuntimeError(f"{process.args}: ended with exit code {code}")


@dataclass
class Server:
    port: int
    worker: int  # its pid


def cpu_ns(pid: int) -> int:
    """What all threads of a process have had of the CPU."""
    tasks = f"/proc/{pid}/task"
    return sum(int(open(f"{tasks}/{task}/schedstat").read().split()[0]) for task in os.listdir(tasks))


@contextmanager
def nginx(work: str, body_bytes: int):
    """A Server with one worker on the load's core."""
    port = free_port()
    os.makedirs(f"{work}/www", exist_ok=True)
    with open(f"{work}/www/small.txt", "w", encoding="utf-8") as page:
        page.write("x" * body_bytes)
    with open(f"{HERE}/nginx.conf", encoding="utf-8") as file:
        text = file.read()
    text = text.replace("127.0.0.1:8080", f"127.0.0.1:{port}").replace("/bench/www", f"{work}/www")
    with open(f"{work}/nginx.conf", "w", encoding="utf-8") as file:
        file.write(text.replace("/tmp/nginx.pid", f"{work}/nginx.pid"))
    command = ["taskset", "-c", LOAD_CORE, path_of("nginx"), "-c", f"{work}/nginx.conf"]
    with open(f"{work}/nginx.log", "w", encoding="utf-8") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        await_status(port, "/small.txt", process)
        with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="utf-8") as children:
            yield Server(port, int(children.read()))
    finally:
        end(process)


class Wrk:
    """What one run of wrk did. Latencies are of a closed loop: the next request waits for the answer."""

    def __init__(self, line: str, cpu_s: float):
        self.cpu_s = cpu_s  # its own
        self.requests, microseconds, self.failed, self.p50_us, self.p99_us = map(int, line.split("\t")[1:])
        self.seconds = microseconds / 1e6
        self.rate = self.requests / self.seconds


def wrk(port: int, load: str, seconds: int, connections: int = CONNECTIONS) -> Wrk:
    command = ["taskset", "-c", LOAD_CORE, path_of("wrk"), "-t1", f"-c{connections}", f"-d{seconds}s"]
    command += ["-s", f"{HERE}/done.lua"] + (["-H", "Connection: close"] if load == "close" else [])
    spent = children_cpu_s()
    run = subprocess.run(command + [f"http://127.0.0.1:{port}/small.txt"], capture_output=True, text=True, check=True)
    return Wrk(re.search(r"^requests.*$", run.stdout, re.M).group(0), children_cpu_s() - spent)


def children_cpu_s() -> float:
    """Of all children that have ended, so of those that ended between two looks."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Collector:
    """What is measured, while it runs. Nothing at all is a collector too."""

    def __init__(self, name: str, process: subprocess.Popen | None = None, port: int = 0):
        self.name = name
        self.process = process
        self.port = port

    def cpu_ns(self) -> int:
        return cpu_ns(self.process.pid) if self.process else 0

    def memory_bytes(self) -> dict[str, int]:
        """Resident and peak of the process, and what its maps hold locked."""
        status = open(f"/proc/{self.process.pid}/status").read()
        kib = {key: int(re.search(rf"^{key}:\s+(\d+)", status, re.M).group(1)) for key in ("VmRSS", "VmHWM")}
        return {"rss": kib["VmRSS"] * 1024, "peak": kib["VmHWM"] * 1024,
                "maps": sum(entry.get("bytes_memlock", 0) for entry in self.own("map"))}  # fmt: skip

    def programs(self) -> tuple[int, int]:
        """Nanoseconds and runs of its BPF programs so far."""
        own = self.own("prog")
        return sum(entry.get("run_time_ns", 0) for entry in own), sum(entry.get("run_cnt", 0) for entry in own)

    def own(self, kind: str) -> list[dict]:
        """Its maps or programs, as bpftool tells them: those it holds open. Others run theirs meanwhile."""
        folder = f"/proc/{self.process.pid}/fdinfo"
        held = "".join(open(f"{folder}/{number}").read() for number in os.listdir(folder))
        ids = {int(number) for number in re.findall(rf"^{kind}_id:\s+(\d+)", held, re.M)}
        run = subprocess.run([bpftool(), "--json", kind, "show"], capture_output=True, text=True, check=True)
        return [entry for entry in json.loads(run.stdout) if entry["id"] in ids]

    def metrics(self) -> dict[str, float]:
        return series_of(get(self.port, "/metrics")[1])


def series_of(text: str) -> dict[str, float]:
    """Prometheus' text as values by series."""
    lines = (line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
    return {series: float(value) for series, value in lines}


@contextmanager
def collector(name: str, programs: dict[str, str], work: str):
    """Starts 'none', 'empty' or 'sonde' on its core and ends it; yields it once it is ready."""
    if name == "none":
        yield Collector(name)
        return
    port = free_port()
    command = {"empty": [programs.get("empty")], "sonde": [programs.get("sonde"), "run", "--listen", f"127.0.0.1:{port}"]}
    with open(f"{work}/{name}.log", "w", encoding="utf-8") as log:
        process = subprocess.Popen(["taskset", "-c", COLLECTOR_CORE, *command[name]], stdout=log, stderr=log)
    try:
        if name == "sonde":
            await_status(port, "/readyz", process)
        else:
            await_line(f"{work}/{name}.log", "attached", process)
        yield Collector(name, process, port)
    finally:
        if process.poll() is None:
            end(process)


def await_line(path: str, wanted: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while wanted not in open(path, encoding="utf-8").read():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{process.args}: never said '{wanted}'")
        time.sleep(0.01)


@contextmanager
def program_statistics():
    """The kernel times each program run; that costs, so it is on only where it is asked for."""
    with open(STATISTICS, encoding="utf-8") as file:
        before = file.read()
    with open(STATISTICS, "w", encoding="utf-8") as file:
        file.write("1")
    try:
        yield
    finally:
        with open(STATISTICS, "w", encoding="utf-8") as file:
            file.write(before)
