# SPDX-License-Identifier: Apache-2.0
"""Unix sockets between services: every exchange is counted at each end, under the right process."""
import shutil
import socket

from harness import Sonde, need_programs, run_scenarios
from processes import DEADLINE_S, HERE, PYTHON, Nginx, Process, free_port, wait_until
from truth import Client, Exchanges


class Gunicorn(Process):
    """Its workers' application is sized_app.py; what it is called with is added to its options."""

    service = "sized_app"

    def prepare(self):
        self.directory.chmod(0o755)  # nginx's workers are another user
        self.path = self.directory / "app.sock"
        self.command = [
            "gunicorn", "--bind", f"unix:{self.path}", "--workers", "2", "--umask", "0", "--timeout", "0", *self.command,
            "--chdir", str(HERE / "servers"), "sized_app:application",
        ]  # fmt: skip

    def ready(self):
        with socket.socket(socket.AF_UNIX) as probe:
            return self.path.exists() and probe.connect_ex(str(self.path)) == 0


class Front(Nginx):
    """An nginx in front of a unix socket, as an executable of its own name: other nginx may run here. hop is the port that
    the requests to the socket bear in their host, which tells them from those to nginx."""

    service = "nginx-in-front"

    def __init__(self, socket_path, keepalive):
        self.hop = free_port()
        forward = f"proxy_pass http://app; proxy_set_header Host app:{self.hop};"
        if keepalive:
            forward += 'proxy_http_version 1.1; proxy_set_header Connection "";'
        kept = "keepalive 4;" if keepalive else ""
        super().__init__(
            rules=f"location / {{ {forward} }}", outside=f"upstream app {{ server unix:{socket_path}; {kept} }}"
        )

    def prepare(self):
        super().prepare()
        self.command[0] = str(self.directory / self.service)
        shutil.copy(shutil.which("nginx"), self.command[0])


class UnixServer(Process):
    def __init__(self, name):
        super().__init__(PYTHON, HERE / "servers/unix_server.py")
        self.name = name

    def prepare(self):
        self.address = self.name.format(self.directory)
        self.command += [self.address, "serve"]

    def ready(self):
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(self.address.replace("@", "\0", 1)) == 0

    def ask(self, times):
        with Process(PYTHON, HERE / "servers/unix_server.py", self.address, "ask", times) as client:
            assert client.process.wait(timeout=DEADLINE_S) == 0, client.output()


def expect_four_ends(sonde, front, truth):
    sonde.expect("client", front.port, truth)
    sonde.expect("server", front.port, truth, front.service)
    sonde.expect("client", front.hop, truth, front.service)
    sonde.expect("server", front.hop, truth, Gunicorn.service)


def ask_all(front, truth, rounds=10):
    client = Client(front.port, truth)
    for _ in range(rounds):
        for size in (0, 1, 1000, 70_000, 1_000_000):
            client.ask("GET", f"/sized?n={size}")
        client.ask("POST", "/sized?n=10", b"u" * 30_000)
    client.close()


def watched(front, app):
    return "--include", f"port={front.port}", "--include", f"exe={front.service}", "--include", f"args=*{app.path}*"


def one_connection_a_request():
    """Neither end reads on to the end of the other: both close."""
    with Gunicorn() as app, Front(app.path, keepalive=False) as front, Sonde(*watched(front, app)) as sonde:
        truth = Exchanges()
        ask_all(front, truth)
        expect_four_ends(sonde, front, truth)


def kept_connections():
    with Gunicorn("--threads", "4") as app, Front(app.path, keepalive=True) as front:
        with Sonde(*watched(front, app)) as sonde:
            truth = Exchanges()
            ask_all(front, truth)
            expect_four_ends(sonde, front, truth)


def open_before_sonde():
    """Connections on both sides of nginx are older than Sonde, which counts from then on."""
    with Gunicorn("--threads", "4") as app, Front(app.path, keepalive=True) as front:
        before, truth = Exchanges(), Exchanges()
        client = Client(front.port, before)
        for _ in range(20):
            client.ask("GET", "/sized?n=1000")
        with Sonde(*watched(front, app)) as sonde:
            client.truth = truth
            for _ in range(50):
                client.ask("GET", "/sized?n=1000")
            expect_four_ends(sonde, front, truth)


def servers_address_is_the_name():
    """Where the request names no host. A path, and a name without a file."""
    with UnixServer("{}/plain.sock") as by_path, UnixServer("@sonde-e2e{}") as abstract:
        servers = (by_path, abstract)
        with Sonde(*[word for server in servers for word in ("--include", f"args=*{server.address}*")]) as sonde:
            for server in servers:
                server.ask(25)

            def counted(role, address):
                return sum(
                    int(value)
                    for labels, value in sonde.samples()[f"http_{role}_request_duration_seconds_count"]
                    if labels.get("server_address") == address and not labels.get("server_port")
                )

            for server in servers:
                for role in ("server", "client"):
                    wait_until(
                        lambda: f"{role} at {server.address} counted {counted(role, server.address)}",
                        lambda: counted(role, server.address) == 25,
                    )


need_programs("nginx", "gunicorn")
run_scenarios(one_connection_a_request, kept_connections, open_before_sonde, servers_address_is_the_name)
