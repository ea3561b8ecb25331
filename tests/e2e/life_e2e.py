# SPDX-License-Identifier: Apache-2.0
"""How Sonde comes and goes: what it leaves behind, and what it says when it cannot come."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

from harness import SONDE, Sonde, need_programs, run_scenarios
from processes import DEADLINE_S, Nginx, listens, wait_until
from truth import Client, Exchanges

FILES = {"page.html": b"p" * 612}
CACHE = pathlib.Path(os.environ.get("SONDE_CACHE", pathlib.Path.home() / ".cache/sonde"))
BPFTOOL = shutil.which("bpftool") or str(CACHE / "root/usr/sbin/bpftool")


def programs_of(process):
    """The ids of the BPF programs that a process holds."""
    ids = set()
    for info in pathlib.Path(f"/proc/{process.pid}/fdinfo").iterdir():
        with contextlib.suppress(FileNotFoundError):  # a descriptor that was closed meanwhile
            ids.update(map(int, re.findall(r"^prog_id:\s*(\d+)$", info.read_text(), re.MULTILINE)))
    return ids


def programs_loaded():
    told = subprocess.run([BPFTOOL, "prog", "show", "-j"], capture_output=True, check=True, timeout=DEADLINE_S).stdout
    return {program["id"] for program in json.loads(told)}


def refused(*words):
    """What a Sonde says that ends at once, and its exit code."""
    done = subprocess.run([SONDE, "run", *words], capture_output=True, text=True, timeout=DEADLINE_S)
    return done.returncode, done.stderr


def ends_in_order():
    for number in (signal.SIGTERM, signal.SIGINT):
        with Nginx(files=FILES) as nginx, Sonde("--include", f"port={nginx.port}") as sonde:
            truth = Exchanges()
            client = Client(nginx.port, truth)
            for _ in range(100):
                client.ask("GET", "/page.html")
            sonde.expect_both(nginx.port, truth)
            programs = programs_of(sonde.process)
            assert programs and programs <= programs_loaded()
            began = time.monotonic()
            assert sonde.stop(number) == 0, sonde.output()
            assert time.monotonic() - began < 10
            assert not listens(sonde.port)
            wait_until("its programs are gone", lambda: not programs & programs_loaded())
            client.ask("GET", "/page.html")


def killed_under_load():
    """Nothing is pinned: the kernel takes everything down, and traffic does not notice."""
    with Nginx(files=FILES) as nginx, Sonde("--include", f"port={nginx.port}") as sonde:
        programs = programs_of(sonde.process)
        command = ["wrk", "-t1", "-c32", "-d4s", f"http://127.0.0.1:{nginx.port}/page.html"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as load:
            wait_until("it counts", lambda: sonde.counted("server", nginx.port).count() > 1000)
            sonde.process.kill()
            sonde.process.wait()
            wait_until("its programs are gone", lambda: not programs & programs_loaded())
            assert load.poll() is None, "the load ended before"
            told, _ = load.communicate(timeout=DEADLINE_S)
        assert load.returncode == 0 and "Socket errors" not in told and "Non-2xx" not in told, told


def port_taken():
    with Nginx(files=FILES) as nginx:
        code, told = refused("--listen", f"127.0.0.1:{nginx.port}")
        assert code == 1, (code, told)
        assert f"127.0.0.1:{nginx.port}" in told and "--listen" in told, told


def wrong_use():
    for words, mention in (
        (("--nonsense",), "--nonsense"),
        (("--include", "planet=mars"), "planet"),
        (("--door", "cellar"), "cellar"),
        (("--config", "/nonexistent/sonde.yaml"), "/nonexistent/sonde.yaml"),
    ):
        code, told = refused(*words)
        assert code == 2 and mention in told, (words, code, told)


def two_at_once():
    """A second one beside, with rules of its own; the first one's end does not disturb it."""
    with Nginx(files=FILES) as nginx, Sonde("--include", f"port={nginx.port}") as stays:
        truth = Exchanges()
        client = Client(nginx.port, truth)
        with Sonde("--include", f"port={nginx.port}") as goes:
            for _ in range(100):
                client.ask("GET", "/page.html")
            goes.expect_both(nginx.port, truth)
            stays.expect_both(nginx.port, truth)
        for _ in range(100):
            client.ask("GET", "/page.html")
        stays.expect_both(nginx.port, truth)


need_programs("nginx", "wrk", BPFTOOL)
run_scenarios(ends_in_order, killed_under_load, port_taken, wrong_use, two_at_once)
