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
import dataclasses
import http.client
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.error
import urllib.parse
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

HERE = pathlib.Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3"
SONDE = os.environ.get("SONDE", str(HERE.parents[1] / "build/release/sonde"))
DEADLINE_S = float(os.environ.get("DEADLINE_S", 60))  # of anything awaited: a loaded machine is no failure
LINGER_S = 1  # what is counted twice or late shows within this time
SKIP = 77


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
    failed = []
    for scenario in chosen:
        began = time.monotonic()
        try:
            scenario()
            print(f"ok    {scenario.__name__} ({time.monotonic() - began:.1f} s)", flush=True)
        except Exception:  # one scenario's failure must not hide the others'
            failed.append(scenario.__name__)
            print(f"FAIL  {scenario.__name__} ({time.monotonic() - began:.1f} s)\n{traceback.format_exc()}", flush=True)
    print(f"{len(chosen) - len(failed)} of {len(chosen)} scenarios passed", flush=True)
    sys.exit(1 if failed or not chosen else 0)


def wait_until(what, condition, deadline_s=DEADLINE_S):
    """Calls condition until it gives something true, and gives that back. `what` is text, or makes it."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s} s: {what() if callable(what) else what}")
        time.sleep(0.1)


given_ports = set()


def free_port():
    """A port nobody listens on, outside the range that outgoing connections draw from."""
    while True:
        port = random.randrange(20000, 30000)
        with contextlib.closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if port not in given_ports and probe.connect_ex(("127.0.0.1", port)) != 0:
                given_ports.add(port)
                return port


# --- the truth -------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, order=True)
class Kind:
    """What exchanges have in common: the labels they are counted under."""

    method: str
    status: str
    route: str
    error: str


@dataclasses.dataclass
class Total:
    count: int = 0
    request_bytes: int = 0
    response_bytes: int = 0
    unsized: int = 0  # of these, how many are in no size histogram


class Exchanges(collections.defaultdict):
    """Totals by kind."""

    def __init__(self):
        super().__init__(Total)

    def add(self, method, status, route, request=0, response=0, times=1, error=""):
        total = self[Kind(method, str(status), route, error)]
        total.count += times
        total.request_bytes += times * request
        total.response_bytes += times * response

    def seen_by(self, role):
        """The same with error.type filled in: the caller's mistakes (4xx) are errors to the caller only."""
        seen = Exchanges()
        for kind, total in self.items():
            failed = kind.status >= ("500" if role == "server" else "400")
            seen[dataclasses.replace(kind, error=kind.error or (kind.status if failed else ""))] = total
        return seen

    def count(self):
        return sum(total.count for total in self.values())

    def difference(self, truth):
        """Text; empty if these are the truth."""
        lines = []
        for kind in sorted({*self, *truth}):
            got, want = self.get(kind), truth.get(kind)
            if got != want:
                lines.append(f"  {kind}\n    counted  {got}\n    expected {want}")
        return "\n".join(lines)


class Client:
    """Asks over one connection that it keeps, from this process, and notes what it got."""

    def __init__(self, port, truth):
        self.truth = truth
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)

    def ask(self, method, path, body=None, headers=None, route=None):
        """Gives the answer, its body in .content. A route is given where it is not the path."""
        self.connection.request(method, path, body, headers or {})
        answer = self.connection.getresponse()
        answer.content = answer.read()
        self.truth.add(method, answer.status, route or path.split("?")[0], len(body or b""), len(answer.content))
        return answer

    def close(self):
        self.connection.close()


# --- processes -------------------------------------------------------------------------------------------------------


class Process:
    """A program that runs while the context lasts; its output goes to a file, shown if it fails to start."""

    def __init__(self, *command, **options):
        self.command = [str(word) for word in command]
        self.options = options
        self.stop_signal = signal.SIGTERM

    def __enter__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="sonde-e2e-"))
        self.prepare()
        try:
            with open(self.directory / "output", "wb") as output:
                self.process = subprocess.Popen(
                    self.command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, **self.options
                )
            wait_until(lambda: f"{self.command} is ready:\n{self.output()}", self.ready_or_ended)
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, kind, error, trace):
        self.end()

    def prepare(self):
        """Writes what the program needs into self.directory, and completes self.command."""

    def ready(self):
        return True

    def ready_or_ended(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.command} ended at once ({self.process.returncode}):\n{self.output()}")
        return self.ready()

    def output(self):
        return (self.directory / "output").read_text(errors="replace")

    def stop(self, number=None):
        """Sends the signal and gives the exit code."""
        self.process.send_signal(number or self.stop_signal)
        return self.process.wait(timeout=DEADLINE_S)

    def end(self):
        if hasattr(self, "process") and self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


def listens(port):
    with contextlib.closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Server(Process):
    """A Process with a port."""

    def __init__(self, *command, port=None, **options):
        super().__init__(*command, **options)
        self.port = port or free_port()

    def ready(self):
        return listens(self.port)


class PythonServer(Server):
    """One of tests/e2e/servers; its service name is its stem."""

    def __init__(self, script, *arguments, **options):
        super().__init__(**options)
        self.command = [PYTHON, str(HERE / "servers" / script), str(self.port), *map(str, arguments)]


class HttpServer(Server):
    """Python's own file server, service http.server; files are {name: bytes}."""

    service = "http.server"

    def __init__(self, files, protocol="HTTP/1.0", **options):
        super().__init__(cwd="/", **options)
        self.files = files
        self.protocol = protocol

    def prepare(self):
        self.directory.chmod(0o755)  # for a server that is another user
        root = self.directory / "root"
        write_files(root, self.files)
        self.command = [
            PYTHON, "-m", "http.server", str(self.port), "--bind", "127.0.0.1", "--directory", str(root),
            "--protocol", self.protocol,
        ]  # fmt: skip


def write_files(root, files):
    root.mkdir(parents=True, exist_ok=True)
    root.chmod(0o755)
    for name, content in files.items():
        (root / name).write_bytes(content)


class Nginx(Server):
    """nginx with one server on self.port; `rules` is what stands in its server block, {files} being the root."""

    service = "nginx"
    # One line an exchange, for a second opinion.
    LOG = "$request_method $status $uri $body_bytes_sent"

    def __init__(self, rules="", files=None, outside="", workers=1):
        super().__init__()
        self.rules = rules
        self.files = files or {}
        self.outside = outside  # in the http block: upstreams, other servers
        self.workers = workers
        self.stop_signal = signal.SIGQUIT  # ends when everything is served; SIGTERM cuts

    def prepare(self):
        self.directory.chmod(0o755)  # the workers are another user
        write_files(self.directory / "root", self.files)
        (self.directory / "conf").write_text(
            f"""
daemon off; worker_processes {self.workers}; pid {self.directory}/pid;
error_log {self.directory}/error.log;
events {{ worker_connections 2048; }}
http {{
  default_type application/octet-stream;
  sendfile on; keepalive_requests 100000000; keepalive_timeout 600s; client_max_body_size 100m;
  client_body_temp_path {self.directory}/body; proxy_temp_path {self.directory}/proxy;
  fastcgi_temp_path {self.directory}/f; uwsgi_temp_path {self.directory}/u; scgi_temp_path {self.directory}/s;
  log_format exchanges '{self.LOG}'; access_log {self.directory}/access.log exchanges;
  {self.outside}
  server {{ listen 127.0.0.1:{self.port} backlog=4096; root {self.directory}/root; {self.rules} }}
}}
"""
        )
        self.command = ["nginx", "-p", str(self.directory), "-c", "conf", "-e", str(self.directory / "error.log")]

    def logged(self):
        """How many exchanges it says it had, by the fields of LOG."""
        lines = (self.directory / "access.log").read_text().splitlines()
        return collections.Counter(tuple(line.split()) for line in lines)

    def output(self):
        log = self.directory / "error.log"
        return super().output() + (log.read_text() if log.exists() else "")

    def end(self):
        # A graceful end waits for clients that keep their connections; by now nobody is interested.
        self.stop_signal = signal.SIGTERM
        super().end()


# --- Sonde -----------------------------------------------------------------------------------------------------------


class Sonde(Server):
    """`sonde run` with these flags. When the context ends well, everything expected must hold still and the books must
    balance; losses: reasons that may have lost something, as "stage/reason"."""

    def __init__(self, *flags, losses=(), port=None):
        super().__init__(port=port)
        self.command = [SONDE, "run", "--listen", f"127.0.0.1:{self.port}", *flags]
        self.losses = set(losses)
        self.sees_scrapes = "--include" not in flags  # one is always pending: that which tells so
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
        found = collections.defaultdict(list)
        for family in text_string_to_metric_families(self.get("/metrics").content.decode()):
            for sample in family.samples:
                found[sample.name].append((sample.labels, sample.value))
        return found

    def value(self, name):
        """Of a metric without labels."""
        [(_, value)] = self.samples()[name]
        return value

    def counted(self, role, port, service=None):
        """The Exchanges counted by one end of the connections to a port."""
        samples = self.samples()
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
            if pending and not self.sees_scrapes:
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
