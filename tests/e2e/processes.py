# SPDX-License-Identifier: Apache-2.0
"""Programs that run while a scenario lasts: real servers, each with a port of its own and a directory that goes with it."""
import collections
import contextlib
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3"
CACHE = pathlib.Path(os.environ.get("SONDE_CACHE") or pathlib.Path.home() / ".cache/sonde")
BPFTOOL = shutil.which("bpftool") or str(CACHE / "root/usr/sbin/bpftool")
DEADLINE_S = float(os.environ.get("DEADLINE_S", 60))  # of anything awaited: a loaded machine is no failure


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


def descriptors(process):
    """What the kernel says of each descriptor that a process has open; one that it closes meanwhile is left out."""
    for file in pathlib.Path(f"/proc/{process.pid}/fdinfo").iterdir():
        with contextlib.suppress(FileNotFoundError):
            yield file.read_text()


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
