# SPDX-License-Identifier: Apache-2.0
"""Too little of something: what is lost is counted, what is told is clear, and all else goes on."""
import contextlib
import pathlib
import re
import resource
import subprocess
import tempfile
import time

from harness import OF_A_FULL_RING, SONDE, Recorder, Sonde, need_programs, run_scenarios, skip
from processes import DEADLINE_S, Nginx, Process, wait_until
from truth import Client, Exchanges, Kind

PAGE = b"p" * 612
FILES = {"page.html": PAGE, "after.html": PAGE}


@contextlib.contextmanager
def load(port, connections=32):
    """wrk until the context ends; it must have met no error."""
    with Process("wrk", "-t1", f"-c{connections}", "-d300s", f"http://127.0.0.1:{port}/page.html") as wrk:
        yield wrk
        code = wrk.stop(2)
        told = wrk.output()
        assert code == 0 and "Socket errors" not in told and "Non-2xx" not in told, told


def a_full_ring():
    """The smallest ring, seldom emptied, under load: what it loses stands in the books, which balance, and once there is
    room again nothing is lost."""
    with Nginx(files=FILES) as nginx:
        options = ("--ring-size=64KiB", "--batch-interval=1s", "--include", f"port={nginx.port}")
        with Sonde(*options, losses=OF_A_FULL_RING) as sonde:
            def lost():
                return sonde.lost("ring", "ring_full"), sonde.lost("kernel", "ring_full")

            with load(nginx.port):
                wait_until("the ring is full", lambda: all(lost()))
            wait_until("it has read what there was", lambda: not sonde.unbalanced())
            answers = sum(nginx.logged().values())
            for role in ("server", "client"):
                counted = sonde.counted(role, nginx.port)
                whole = counted[Kind("GET", "200", "/page.html", "")]
                assert whole.response_bytes == len(PAGE) * (whole.count - whole.unsized), whole
                assert answers - lost()[0] <= counted.count() <= answers + 32, (counted, answers, lost())
            lost_before = lost()
            client = Client(nginx.port, Exchanges())
            for _ in range(5):
                client.ask("GET", "/after.html")
                time.sleep(0.05)  # no more at once than there is room for
            after = Kind("GET", "200", "/after.html", "")
            for role in ("server", "client"):
                wait_until(
                    lambda: f"five more: {sonde.counted(role, nginx.port)[after]}",
                    lambda: sonde.counted(role, nginx.port)[after].response_bytes == 5 * len(PAGE),
                )
            assert lost() == lost_before


@contextlib.contextmanager
def small_disk(size):
    with tempfile.TemporaryDirectory(prefix="sonde-e2e-") as directory:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", directory], capture_output=True)
        if mounted.returncode != 0:
            skip("privilege: mounting a small disk")
        try:
            yield pathlib.Path(directory)
        finally:
            subprocess.run(["umount", directory], check=True)


def a_full_disk():
    """The recording says so and ends, with an exit code that tells it; what is on the tape can be replayed."""
    with Nginx(files=FILES) as nginx, small_disk("2m") as disk:
        with Recorder("--include", f"port={nginx.port}", tape=disk / "tape") as recorder:
            with load(nginx.port):
                wait_until(lambda: f"it ends: {recorder.output()}", lambda: recorder.process.poll() is not None)
            told = recorder.output()
            assert recorder.process.poll() == 1, (recorder.process.poll(), told)
            assert "ends early" in told and "No space left" in told, told
            written, seen = map(int, re.search(r"(\d+) of (\d+) records on", told).groups())
            assert 0 < written < seen, told
        answers = sum(nginx.logged().values())
        for counted in recorder.replayed(nginx.port).values():
            whole = counted[Kind("GET", "200", "/page.html", "")]
            assert 0 < whole.count <= answers and whole.response_bytes == len(PAGE) * whole.count, whole


def limited(soft, hard):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def few_open_files():
    """A limit that it may raise is raised; one that it may not is named."""
    done = subprocess.run(
        [SONDE, "run"], preexec_fn=limited(32, 32), capture_output=True, text=True, timeout=DEADLINE_S
    )  # fmt: skip
    assert done.returncode == 1 and "ulimit -n" in done.stderr and "32" in done.stderr, done
    with Nginx(files=FILES) as nginx:
        sonde = Sonde("--include", f"port={nginx.port}")
        sonde.options["preexec_fn"] = limited(32, 4096)
        with sonde:
            truth = Exchanges()
            for _ in range(100):
                Client(nginx.port, truth).ask("GET", "/page.html")
            sonde.expect_both(nginx.port, truth)


need_programs("nginx", "wrk", "mount")
run_scenarios(a_full_ring, a_full_disk, few_open_files)
