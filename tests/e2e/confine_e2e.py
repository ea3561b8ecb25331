# SPDX-License-Identifier: Apache-2.0
"""Least privilege: what a running Sonde still holds, and what is missed when a capability is."""
import os
import pathlib
import re
import subprocess
import tempfile
import time

from busy import Busy
from harness import SONDE, Recorder, Sonde, need_programs, run_scenarios
from processes import DEADLINE_S, HttpServer, wait_until
from truth import Client, Exchanges

DAC_OVERRIDE, DAC_READ_SEARCH, SYS_PTRACE, BPF, CHECKPOINT_RESTORE = 1, 2, 19, 39, 40
LATER = {DAC_READ_SEARCH, SYS_PTRACE, BPF}  # the last where the kernel asks for it at each look into a map


def without(*capabilities):
    """The words that start a program as root without these; what stands for them in reading is missing too."""
    return ["setpriv", "--bounding-set=" + ",".join(f"-{one}" for one in ("dac_override", *capabilities))]


class Lacking(Sonde):
    def __init__(self, capabilities, *flags):
        super().__init__(*flags)
        self.command = without(*capabilities) + self.command


def doctor(*missing):
    """What doctor says of each feature: its state and all its words."""
    told = subprocess.run([*without(*missing), SONDE, "doctor", "--listen", "127.0.0.1:0"],
                          capture_output=True, text=True, timeout=DEADLINE_S, check=False).stdout  # fmt: skip
    features = {}
    for line in told.splitlines():
        if found := re.match(r"  (\S.*?) +(ok|degraded|blocked|unknown) +(.*)", line):
            name = found[1]
            features[name] = [found[2], found[3]]
        elif line.startswith("   "):
            features[name][1] += line
    return features


def status(path):
    lines = (line.partition(":\t") for line in (path / "status").read_text().splitlines())
    return {name: value for name, _, value in lines}


def held(of, field="CapEff"):
    return {bit for bit in range(64) if int(of[field], 16) >> bit & 1}


def expect_confined(pid):
    threads = list(pathlib.Path(f"/proc/{pid}/task").iterdir())
    assert len(threads) > 2, threads
    for of in map(status, threads):
        assert of["NoNewPrivs"] == "1" and of["Seccomp"] == "2", of
        for field in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
            assert held(of, field) <= (set() if of["Name"] == "sonde-web" else LATER), (of["Name"], field, of[field])
        assert not held(of, "CapBnd") - LATER, of["CapBnd"]
    assert [status(thread)["Name"] for thread in threads].count("sonde-web") <= 1, threads


def what_runs_is_confined():
    """And counts, reads its configuration again, and names programs that are another user's and younger than it."""
    with Sonde() as sonde:
        expect_confined(sonde.process.pid)
        with HttpServer({"page": b"p" * 100}, user="nobody", env={**os.environ, "OTEL_SERVICE_NAME": "declared"}) as server:
            truth = Exchanges()
            for turn in range(3):
                for _ in range(10):
                    Client(server.port, truth).ask("GET", "/page")
                sonde.expect("server", server.port, truth, "declared")
                sonde.process.send_signal(1)
                wait_until("it read its configuration", lambda: sonde.output().count("reloaded") == turn + 1)
        expect_confined(sonde.process.pid)
        assert "sonde: warn" not in sonde.output() and "sonde: error" not in sonde.output(), sonde.output()


def what_records_is_confined():
    with HttpServer({"page": b"p" * 100}) as server, Recorder("--include", f"port={server.port}") as recorder:
        expect_confined(recorder.process.pid)
        truth = Exchanges()
        for _ in range(10):
            Client(server.port, truth).ask("GET", "/page")
        assert recorder.stop() == 0, recorder.output()
        assert not recorder.replayed(server.port)["server"].difference(truth.seen_by("server"))


def what_profiles_is_confined():
    """Single as it is; and what it names, another user's program whose file is gone, it names confined."""
    with tempfile.TemporaryDirectory() as directory, Busy("busy_gone", user="nobody") as busy:
        os.unlink(busy.command[0])
        out = pathlib.Path(directory) / "out"
        words = [SONDE, "profile", "-d", "3600", "--folded", "-o", out, "-p", str(busy.process.pid)]
        process = subprocess.Popen(words, stderr=subprocess.PIPE)
        try:
            path = pathlib.Path(f"/proc/{process.pid}")
            of = wait_until("it is confined", lambda: confined(status(path)))
            for field in ("CapEff", "CapPrm", "CapInh", "CapAmb", "CapBnd"):
                assert held(of, field) <= LATER | {CHECKPOINT_RESTORE}, (field, of[field])
            time.sleep(1)  # for samples: as long as it likes
        finally:
            process.send_signal(2)
        _, said = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == 0 and b"warn" not in said, said
        assert "work_much" in out.read_text(), out.read_text()


def confined(of):
    return of if of["Seccomp"] == "2" else None


def it_can_be_left():
    with Sonde("--no-confine") as sonde:
        of = status(pathlib.Path(f"/proc/{sonde.process.pid}"))
        assert (of["NoNewPrivs"], of["Seccomp"]) == ("0", "0") and held(of) - LATER, of
        assert re.search(r"confined +degraded +not, as security.confine says", sonde.output()), sonde.output()


def what_is_missing_is_named():
    """One capability less is one thing less, which doctor names; all else stays as it was."""
    with HttpServer({"page": b""}, user="nobody"):
        everything = doctor()
        for missing, lost in (
            ("sys_ptrace", {"names", "declared names"}),
            ("dac_read_search", {"declared names"}),
        ):
            less = doctor(missing)
            changed = {name for name in everything if less[name][0] != everything[name][0]}
            assert changed - {"company"} <= lost | {"privileges"}, (changed, less)  # who else is here comes and goes
            for name in lost:
                assert less[name][0] == "degraded" and f"CAP_{missing.upper()}" in less[name][1], less[name]
            assert f"missing: CAP_{missing.upper()}" in less["privileges"][1], less["privileges"]
            assert f"CAP_{missing.upper()}" not in less["confined"][1], less["confined"]


def what_is_missing_costs_nothing_else():
    """Without the right to read what it declares, a service has another name, and each request is counted."""
    with HttpServer({"page": b"p" * 100}, user="nobody", env={**os.environ, "OTEL_SERVICE_NAME": "declared"}) as server:
        for missing, name in (((), "declared"), (("dac_read_search",), "http.server")):
            with Lacking(missing, "--include", f"port={server.port}") as sonde:
                truth = Exchanges()
                for _ in range(20):
                    Client(server.port, truth).ask("GET", "/page")
                sonde.expect("server", server.port, truth, name)


need_programs("setpriv")
run_scenarios(
    what_runs_is_confined,
    what_records_is_confined,
    what_profiles_is_confined,
    it_can_be_left,
    what_is_missing_is_named,
    what_is_missing_costs_nothing_else,
)
