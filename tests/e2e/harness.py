# SPDX-License-Identifier: Apache-2.0
"""The stage of the end-to-end tests: the real Sonde, real servers and clients, and the truth to compare with.

A scenario starts servers and a Sonde, sends requests, notes each of them in an Exchanges, and lets the Sonde be
compared with it:

    with Nginx(...) as nginx, Sonde("--include", f"port={nginx.port}") as sonde:
        truth = Exchanges()
        Client(nginx.port, truth).ask("GET", "/small.txt")
        sonde.expect("server", nginx.port, truth)

What is expected must become true before a deadline, must still be true at the end, and the loss ledger must balance with
nothing lost. No test depends on how long anything takes.
"""
import collections
import contextlib
import os
import shutil
import subprocess
import sys
import time
import traceback
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

from processes import DEADLINE_S, HERE, Process, Server, wait_until
from truth import Exchanges, Kind

SONDE = os.environ.get("SONDE", str(HERE.parents[1] / "build/release/sonde"))
LINGER_S = 1  # what is counted twice or late shows within this time
SKIP = 77
REASON = 1000  # so many characters of each failure at the end
# What a ring that was full may have lost, for Sonde(losses=...).
OF_A_FULL_RING = ("kernel/ring_full", "ring/ring_full", "flows/answer_lost", "flows/request_not_seen")


def skip(reason):
    """Ends the program; a reason that begins with "privilege:" fails where privileges are promised."""
    print(f"skipped: {reason}" if not reason.startswith("privilege:") else reason, flush=True)
    sys.exit(SKIP)


def need_programs(*names):
    for name in names:
        if shutil.which(name) is None:
            skip(f"{name} is not installed")


def run_scenarios(*scenarios):
    """The main of each test program. Words on the command line choose scenarios by name."""
    if os.geteuid() != 0:
        skip("privilege: watching other processes needs root")
    if not os.access(SONDE, os.X_OK):
        sys.exit(f"{SONDE} is not built")
    chosen = [s for s in scenarios if s.__name__ in sys.argv[1:] or len(sys.argv) == 1]
    failed = {}
    for scenario in chosen:
        began = time.monotonic()
        try:
            scenario()
            print(f"ok    {scenario.__name__} ({time.monotonic() - began:.1f} s)", flush=True)
        except Exception as error:  # one scenario's failure must not hide the others'
            failed[scenario.__name__] = f"{type(error).__name__}: {error}"[:REASON]
            print(f"FAIL  {scenario.__name__} ({time.monotonic() - began:.1f} s)\n{traceback.format_exc()}", flush=True)
    for name, reason in failed.items():  # once more: who keeps only the end of a long log keeps the reason
        print(f"failed: {name}: {reason}", flush=True)
    print(f"{len(chosen) - len(failed)} of {len(chosen)} scenarios passed", flush=True)
    sys.exit(1 if failed or not chosen else 0)


def parsed(exposition):
    """All samples of a text exposition, by name: [(labels, value)]."""
    found = collections.defaultdict(list)
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            found[sample.name].append((sample.labels, sample.value))
    return found


def counted_in(samples, role, port, service=None):
    """The Exchanges counted by one end of the connections to a port."""
    exchanges = Exchanges()

    def each(name):
        for labels, value in samples[f"http_{role}_{name}"]:
            if labels.get("server_port") == str(port) and service in (None, labels["service_name"]):
                kind = Kind(
                    labels.get("http_request_method", ""), labels.get("http_response_status_code", ""),
                    labels.get("http_route", ""), labels.get("error_type", ""),
                )  # fmt: skip
                yield exchanges[kind], int(value)

    for total, value in each("request_duration_seconds_count"):
        total.count += value
        total.unsized += 2 * value
    for body, name in (("request", "request_bytes"), ("response", "response_bytes")):
        for total, value in each(f"{body}_body_size_bytes_sum"):
            setattr(total, name, getattr(total, name) + value)
        for total, value in each(f"{body}_body_size_bytes_count"):
            total.unsized -= value
    return exchanges


class Sonde(Server):
    """`sonde run` with these flags, and without a budget unless they name one. When the context ends well, everything
    expected must hold still and the books must balance; losses: reasons that may have lost something, as "stage/reason"."""

    def __init__(self, *flags, losses=(), port=None):
        super().__init__(port=port)
        self.command = [SONDE, "run", "--listen", f"127.0.0.1:{self.port}", "--cpu-budget=0", *flags]
        self.losses = set(losses)
        self.may_wait = "--include" not in flags  # a scrape is pending that tells so
        self.expected = {}

    def ready(self):
        try:
            return self.get("/readyz").status == 200
        except OSError:
            return False

    def __exit__(self, kind, error, trace):
        try:
            if error is None and self.process.poll() is None:
                self.check_end()
        finally:
            if sys.exc_info()[0] is not None:
                self.tell()
            self.end()

    def tell(self):
        """What may explain a failure: its words, and its own counters as far as they are not 0."""
        print(f"--- {' '.join(self.command)}\n{self.output()}", flush=True)
        with contextlib.suppress(OSError):
            for name, samples in self.samples().items():
                for labels, value in samples:
                    if name.startswith("sonde_") and name.endswith("_total") and value:
                        print(f"{name} {labels or ''} {value:.0f}", flush=True)

    def get(self, path, headers=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers or {})
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
            answer.content = answer.read()
            return answer

    def samples(self):
        """All samples of one scrape, by name: [(labels, value)]."""
        return parsed(self.get("/metrics").content.decode())

    def value(self, name):
        """Of a metric without labels."""
        [(_, value)] = self.samples()[name]
        return value

    def lost(self, stage, reason):
        [value] = [v for l, v in self.samples()["sonde_lost_total"] if (l["stage"], l["reason"]) == (stage, reason)]
        return int(value)

    def counted(self, role, port, service=None):
        """The Exchanges counted by one end of the connections to a port."""
        return counted_in(self.samples(), role, port, service)

    def expect(self, role, port, truth, service=None):
        """Waits until exactly the truth is counted. What is added to the truth later is expected at the end."""
        self.expected[role, port, service] = truth
        wait_until(
            lambda: f"{role} side of port {port}:\n{self.mistakes(role, port, service)}",
            lambda: not self.mistakes(role, port, service),
        )

    def mistakes(self, role, port, service):
        """How what is counted differs from what is expected, as text."""
        return self.counted(role, port, service).difference(self.expected[role, port, service].seen_by(role))

    def expect_both(self, port, truth):
        self.expect("server", port, truth)
        self.expect("client", port, truth)

    def check_end(self):
        if self.expected:
            time.sleep(LINGER_S)
        for role, port, service in self.expected:
            wrong = self.mistakes(role, port, service)
            assert not wrong, f"no longer the truth: {role} side of port {port}:\n{wrong}"
        # The counters are read while the world goes on: they balance as soon as it holds its breath.
        wait_until(lambda: f"the books balance:\n{self.unbalanced()}", lambda: not self.unbalanced())
        code = self.stop()
        assert code == 0, f"exit code {code}:\n{self.output()}"

    def unbalanced(self):
        """What is wrong with the loss ledger, as text; empty: everything is accounted for, nothing is lost."""
        samples = self.samples()
        wrong = []

        def of(stage, name):
            [value] = [value for labels, value in samples[name] if labels["stage"] == stage]
            return int(value)

        for labels, seen in samples["sonde_stage_seen_total"]:
            stage = labels["stage"]
            passed, pending = of(stage, "sonde_stage_passed_total"), of(stage, "sonde_stage_pending")
            lost = {l["reason"]: int(v) for l, v in samples["sonde_lost_total"] if l["stage"] == stage}
            if seen != passed + pending + sum(lost.values()):
                wrong.append(f"{stage}: seen {seen}, passed {passed}, pending {pending}, lost {lost}")
            if pending and not self.may_wait:
                wrong.append(f"{stage}: {pending} pending")
            wrong += [f"{stage}: lost {v} by {r}" for r, v in lost.items() if v and f"{stage}/{r}" not in self.losses]

        def kernel(name):
            [(_, value)] = samples[f"sonde_kernel_{name}_total"]
            return int(value)

        for what, parts in (
            ("calls", ("shipped", "counted", "off", "lost", "unreadable")),
            ("bytes", ("shipped", "cut", "off", "lost", "unreadable")),
        ):
            sums = {part: kernel(f"{what}_{part}") for part in parts}
            if kernel(f"{what}_seen") != sum(sums.values()):
                wrong.append(f"kernel: {what} seen {kernel(f'{what}_seen')} != {sums}")
        return "\n".join(wrong)


class Recorder(Process):
    """`sonde record` with these flags, to `tape`, by default a file of its own."""

    def __init__(self, *flags, tape=None):
        super().__init__()
        self.flags = flags
        self.tape = tape

    def prepare(self):
        self.tape = self.tape or self.directory / "tape"
        self.command = [SONDE, "record", *self.flags, str(self.tape)]

    def ready(self):
        return "result" in self.output()

    def replayed(self, port):
        """What `sonde replay` makes of the tape: {role: Exchanges}."""
        done = subprocess.run([SONDE, "replay", str(self.tape)], capture_output=True, text=True, timeout=DEADLINE_S)
        assert done.returncode == 0, done.stderr
        samples = parsed(done.stdout)
        return {role: counted_in(samples, role, port) for role in ("server", "client")}
