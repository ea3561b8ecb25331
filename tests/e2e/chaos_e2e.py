# SPDX-License-Identifier: Apache-2.0
"""What nobody plans for: Sonde killed at any moment, stopped for long, short of memory; hosts with very many connections,
process ids that come again. What is watched never notices, and what was missed is told."""
import contextlib
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import tempfile
import time

from harness import OF_A_FULL_RING, SONDE, Sonde, need_programs, run_scenarios, skip
from processes import DEADLINE_S, HERE, PYTHON, Nginx, Process, PythonServer, free_port, wait_until
from truth import Client, Exchanges, Kind

PAGE = b"p" * 612
FILES = {"page.html": PAGE, "after.html": PAGE}
PAGES = Kind("GET", "200", "/page.html", "")
STOPPED_S = 30
CONNECTIONS = 50_000
PER_SERVER = 12_500  # as many as a process may usually have files
MEMORY = 96 << 20
PROCESSES = 10_000
EACH = 'i=0; while [ $i -lt $0 ]; do /usr/bin/busybox wget -q -O /dev/null "$1"; i=$((i + 1)); done'


@contextlib.contextmanager
def unharmed(port, connections=32):
    """wrk until the context ends. It met no error; gives a function for how many answers it had, once it has ended."""
    told = {}
    with Process("wrk", "-t1", f"-c{connections}", "-d600s", f"http://127.0.0.1:{port}/page.html") as wrk:
        yield lambda: int(re.search(r"(\d+) requests in ", told["words"])[1])
        code = wrk.stop(signal.SIGINT)
        told["words"] = wrk.output()
        assert code == 0 and "Socket errors" not in wrk.output() and "Non-2xx" not in wrk.output(), wrk.output()


def exact_again(sonde, port):
    """Whatever was before: from now on all is counted."""
    client = Client(port, Exchanges())
    after = Kind("GET", "200", "/after.html", "")
    before = {role: sonde.counted(role, port)[after].count for role in ("server", "client")}
    for _ in range(20):
        client.ask("GET", "/after.html")
    for role, count in before.items():
        wait_until(lambda: f"twenty more: {sonde.counted(role, port)[after]}",
                   lambda: sonde.counted(role, port)[after].count == count + 20)  # fmt: skip


def killed_at_any_moment():
    """In the middle of its start, its first records, its work: who is watched serves on, as many requests as before."""
    moments = random.Random(7)
    with Nginx(files=FILES) as nginx:
        with unharmed(nginx.port) as answers:
            for _ in range(12):
                sonde = subprocess.Popen(
                    [SONDE, "run", "--listen", f"127.0.0.1:{free_port()}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
                time.sleep(moments.uniform(0, 1.5))
                sonde.kill()
                sonde.wait(timeout=DEADLINE_S)
        served = sum(nginx.logged().values())
        # What was on its way when wrk ended it does not tell.
        assert answers() <= served <= answers() + 32, (answers(), served)


def stopped_for_long():
    """The ring fills while it stands still. It tells how much it lost, to the call; afterwards nothing is lost."""
    with Nginx(files=FILES) as nginx:
        with Sonde("--include", f"port={nginx.port}", losses=OF_A_FULL_RING) as sonde:
            with unharmed(nginx.port) as answers:
                wait_until("it counts", lambda: sonde.counted("server", nginx.port).count() > 1000)
                sonde.process.send_signal(signal.SIGSTOP)
                time.sleep(STOPPED_S)
                sonde.process.send_signal(signal.SIGCONT)
            wait_until(lambda: f"the books balance:\n{sonde.unbalanced()}", lambda: not sonde.unbalanced())
            served = sum(nginx.logged().values())
            calls = sonde.lost("kernel", "ring_full")
            told = sonde.lost("flows", "answer_lost") + sonde.lost("flows", "request_not_seen")
            for role in ("server", "client"):
                counted = sonde.counted(role, nginx.port).count()
                assert counted <= served, (role, counted, served)
                # Each exchange is two calls at each end: those of the missing ones are among the lost.
                assert served - counted <= calls + told, (role, counted, served, calls, told)
                print(f"  {role}: {served} served, {counted} counted; {calls} calls told as lost", flush=True)
            assert calls > 0, "the ring never filled: the scenario shows nothing"
            exact_again(sonde, nginx.port)


def very_many_connections():
    """Four servers with 12,500 connections each: all counted at both ends, though only 65,536 ends are kept in memory."""
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(PythonServer("answer_many.py")) for _ in range(CONNECTIONS // PER_SERVER)]
        include = [word for server in servers for word in ("--include", f"port={server.port}")]
        sonde = stack.enter_context(Sonde(*include, "--ring-size=32MiB"))
        clients = [
            stack.enter_context(Process(PYTHON, HERE / "clients/hold_many.py", server.port, PER_SERVER)) for server in servers
        ]
        for client in clients:
            wait_until(lambda: f"it holds them: {client.output()}", lambda: "held" in client.output(), 3 * DEADLINE_S)
        for server in servers:
            truth = Exchanges()
            truth.add("GET", 200, "/held", 0, 2, times=PER_SERVER)
            sonde.expect_both(server.port, truth)
        status = pathlib.Path(f"/proc/{sonde.process.pid}/status").read_text()
        rss = int(re.search(r"VmRSS:\s+(\d+) kB", status)[1])
        print(f"  {rss >> 10} MiB with {CONNECTIONS} connections, both ends", flush=True)


def ten_thousand_short_processes():
    """Each makes one request and ends, some milliseconds after it began: each is counted at both ends, under its name."""
    with Nginx(files=FILES) as nginx:
        with Sonde("--include", f"port={nginx.port}") as sonde:
            subprocess.run(["busybox", "sh", "-c", EACH, str(PROCESSES), f"http://127.0.0.1:{nginx.port}/page.html"], check=True)
            truth = Exchanges()
            truth.add("GET", 200, "/page.html", 0, len(PAGE), times=PROCESSES)
            sonde.expect("server", nginx.port, truth)
            sonde.expect("client", nginx.port, truth, service="wget")


def same_process_id():
    """Another program under the process id of one that ended a moment ago: each is named for itself."""
    last = pathlib.Path("/proc/sys/kernel/ns_last_pid")
    if not os.access(last, os.W_OK):
        skip("this kernel does not let process ids be chosen (CONFIG_CHECKPOINT_RESTORE)")
    with tempfile.TemporaryDirectory() as directory:
        scripts = [pathlib.Path(directory) / f"{name}.py" for name in ("first", "second", "third")]
        port = free_port()
        for script in scripts:
            shutil.copy(HERE / "servers" / "one_shot.py", script)
        with Sonde("--include", f"port={port}") as sonde:
            pid = None
            for script in scripts:
                for _ in range(100):
                    if pid:
                        last.write_text(str(pid - 1))
                    server = subprocess.Popen([PYTHON, "-S", "-E", str(script), str(port)])
                    if not pid or server.pid == pid:
                        break
                    server.kill()
                    server.wait()
                else:
                    skip("the process id was never free")
                pid = server.pid
                client = wait_until("it listens", lambda: connected(port))
                client.ask("GET", "/one")
                client.close()
                server.wait(timeout=DEADLINE_S)

            def names():
                samples = sonde.samples()["http_server_request_duration_seconds_count"]
                return {labels["service_name"]: int(value) for labels, value in samples}

            wanted = {script.stem: 1 for script in scripts}
            wait_until(lambda: f"each by its name: {names()}", lambda: names() == wanted)


def connected(port):
    client = Client(port, Exchanges())
    with contextlib.suppress(OSError):
        client.connection.connect()
        return client


def little_memory():
    """In a control group with little memory, under load with many routes and peers, it lives and stays exact."""
    group = pathlib.Path("/sys/fs/cgroup/memory/sonde-e2e")
    limit, procs = group / "memory.limit_in_bytes", group / "cgroup.procs"
    if not group.parent.exists():
        group = pathlib.Path("/sys/fs/cgroup/sonde-e2e")
        limit, procs = group / "memory.max", group / "cgroup.procs"
    try:
        group.mkdir()
        limit.write_text(str(MEMORY))
    except OSError as reason:
        with contextlib.suppress(OSError):
            group.rmdir()
        skip(f"privilege: a control group with a limit of memory: {reason}")
    try:
        with Nginx("location / { return 200 ok; }") as nginx:
            sonde = Sonde("--include", f"port={nginx.port}")
            sonde.options["preexec_fn"] = lambda: procs.write_text("0")
            with sonde:
                truth = Exchanges()
                for connection in range(20):
                    client = Client(nginx.port, truth)
                    for item in range(500):
                        client.ask("GET", f"/items/{connection * 500 + item}/{random.random()}", route="/items/*/*")
                    client.close()
                wait_until(lambda: f"all counted: {sonde.counted('server', nginx.port).count()}",
                           lambda: sonde.counted("server", nginx.port).count() == 20 * 500)  # fmt: skip
                assert sonde.process.poll() is None, sonde.output()
    finally:
        wait_until("the control group is empty", lambda: not procs.read_text().strip())
        group.rmdir()


need_programs("nginx", "wrk", "busybox")
run_scenarios(
    killed_at_any_moment, stopped_for_long, very_many_connections, ten_thousand_short_processes, same_process_id, little_memory
)  # fmt: skip
