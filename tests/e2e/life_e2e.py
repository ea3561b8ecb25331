# SPDX-License-Identifier: Apache-2.0
"""How Sonde comes and goes: what it leaves behind, and what it says when it cannot come."""
import json
import re
import signal
import subprocess
import time

from harness import SONDE, Recorder, Sonde, need_programs, run_scenarios
from processes import BPFTOOL, DEADLINE_S, Nginx, Process, descriptors, listens, wait_until
from truth import Client, Exchanges

FILES = {"page.html": b"p" * 612}


def held_by(process):
    """The BPF programs, links and maps that a process holds, as (kind, id)."""
    held = set()
    for info in descriptors(process):
        for kind, number in re.findall(r"^(prog|link|map)_id:\s*(\d+)$", info, re.MULTILINE):
            held.add((kind, int(number)))
    assert {kind for kind, _ in held} == {"prog", "link", "map"}, held
    return held


def loaded(but=""):
    """All that the kernel has, but what has that name."""
    found = set()
    for kind in ("prog", "link", "map"):
        told = subprocess.run([BPFTOOL, kind, "show", "-j"], capture_output=True, check=True, timeout=DEADLINE_S).stdout
        found.update((kind, each["id"]) for each in json.loads(told) if not but or each.get("name") != but)
    return found


def nothing_is_left(held):
    """Not looked for at once: a list opens each map, and a program array that is opened while the kernel clears it, since its
    last user went, stays for good (seen on 6.18: work that is queued already takes a reference that nobody gives back)."""
    time.sleep(2)
    wait_until("nothing of it is left", lambda: not held & loaded(but="walk_programs"))  # a busy kernel takes longer than that


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
            page = sonde.get("/").content.decode()
            assert page.startswith("Sonde ") and "services" in page and "/metrics" in page, page
            held = held_by(sonde.process)
            assert held <= loaded()
            began = time.monotonic()
            assert sonde.stop(number) == 0, sonde.output()
            assert time.monotonic() - began < 10
            assert not listens(sonde.port)
            nothing_is_left(held)
            client.ask("GET", "/page.html")


def comes_and_goes_under_load():
    """Nothing is pinned: however it ends, the kernel takes everything down, and traffic never notices."""
    with Nginx(files=FILES) as nginx:
        url = f"http://127.0.0.1:{nginx.port}/page.html"
        with Process("wrk", "-t1", "-c32", "-d300s", url) as load:
            for end in (signal.SIGTERM, signal.SIGKILL, signal.SIGKILL):
                with Sonde("--include", f"port={nginx.port}") as sonde:
                    held = held_by(sonde.process)
                    wait_until("it counts", lambda: sonde.counted("server", nginx.port).count() > 1000)
                    sonde.process.send_signal(end)
                    sonde.process.wait(timeout=DEADLINE_S)
                    nothing_is_left(held)
            code = load.stop(signal.SIGINT)  # it tells what it has so far
            told = load.output()
        assert code == 0 and " requests in " in told and "Socket errors" not in told and "Non-2xx" not in told, told


def drains_at_the_end():
    """What was answered before the signal is on the tape, though Sonde had not looked at it yet."""
    with Nginx(files=FILES) as nginx, Recorder("--include", f"port={nginx.port}", "--batch-interval=1s") as recorder:
        truth = Exchanges()
        for _ in range(5):
            client = Client(nginx.port, truth)
            for _ in range(100):
                client.ask("GET", "/page.html")
            client.close()
        # Who reads the answer may be faster than its writer's way back from the call.
        wait_until("nginx has done with all", lambda: sum(nginx.logged().values()) == truth.count())
        assert recorder.stop() == 0, recorder.output()
        counted = recorder.replayed(nginx.port)
        for role in ("server", "client"):
            wrong = counted[role].difference(truth.seen_by(role))
            assert not wrong, f"{role} side:\n{wrong}"


def port_taken():
    """By another Sonde, say, which goes on as if nothing had been."""
    with Nginx(files=FILES) as nginx, Sonde("--include", f"port={nginx.port}") as first:
        truth = Exchanges()
        client = Client(nginx.port, truth)
        for _ in range(50):
            client.ask("GET", "/page.html")
        code, told = refused("--listen", f"127.0.0.1:{first.port}")
        assert code == 1, (code, told)
        assert f"127.0.0.1:{first.port}" in told and "--listen" in told, told
        for _ in range(50):
            client.ask("GET", "/page.html")
        first.expect_both(nginx.port, truth)


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
run_scenarios(ends_in_order, comes_and_goes_under_load, drains_at_the_end, port_taken, wrong_use, two_at_once)
