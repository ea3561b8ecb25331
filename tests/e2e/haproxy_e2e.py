# SPDX-License-Identifier: Apache-2.0
"""haproxy between client and server, reading the messages and passing bytes through, with and without splice: bytes that
go from socket to socket inside the kernel are in no buffer that anybody could read."""
from harness import Sonde, need_programs, run_scenarios
from processes import Nginx, PythonServer, Server, wait_until
from truth import Client, Exchanges

ME = "haproxy_e2e"
FILES = {"small.txt": b"small\n", "middle.bin": b"m" * 1_000_000, "large.bin": b"l" * (20 << 20)}


class Haproxy(Server):
    """In front of 127.0.0.1:`back`."""

    service = "haproxy"

    def __init__(self, back, mode, *options):
        super().__init__()
        self.back = back
        self.mode = mode
        self.choices = options

    def prepare(self):
        conf = self.directory / "conf"
        conf.write_text(
            f"""
global
  maxconn 1000
  nbthread 2
defaults
  mode {self.mode}
  {"".join(f"option {option}" + chr(10) + "  " for option in self.choices)}
  timeout connect 60s
  timeout client 60s
  timeout server 60s
frontend front
  bind 127.0.0.1:{self.port}
  default_backend back
backend back
  server back 127.0.0.1:{self.back}
"""
        )
        self.command = ["haproxy", "-db", "-f", str(conf)]

def watch(*servers):
    return [word for server in servers for word in ("--include", f"port={server.port}")]


def visit(port, truth):
    """Ends with an answer that is not spliced, so that the end of the one before is told."""
    client = Client(port, truth)
    for name in ("small.txt", "middle.bin", "large.bin", "missing", "middle.bin", "small.txt") * 2:
        client.ask("GET", f"/{name}")
    client.close()


def expect_all_ends(sonde, front, back, truth):
    """The front's port stands in every request's Host: it is that of all four ends."""
    for role, service in (("client", ME), ("server", front.service), ("client", front.service), ("server", back)):
        sonde.expect(role, front.port, truth, service)


def reading():
    """As it is, when it splices what it thinks worth it, and when it splices every body: each end is exact."""
    for options in ((), ("splice-auto",), ("splice-request", "splice-response")):
        with Nginx(files=FILES) as nginx, Haproxy(nginx.port, "http", *options) as front:
            with Sonde(*watch(nginx, front)) as sonde:
                truth = Exchanges()
                for _ in range(2):
                    visit(front.port, truth)
                expect_all_ends(sonde, front, "nginx", truth)


def uploads():
    with PythonServer("odd_server.py") as back, Haproxy(back.port, "http", "splice-request") as front:
        with Sonde(*watch(back, front)) as sonde:
            truth = Exchanges()
            client = Client(front.port, truth)
            for size in (0, 1, 10_000, 1_000_000, 5_000_000):
                client.ask("POST", "/upload", b"u" * size)
                client.ask("GET", "/plain")
            expect_all_ends(sonde, front, "odd_server", truth)


def passing_through():
    """haproxy reads and writes what it does not understand; Sonde does."""
    with Nginx(files=FILES) as nginx, Haproxy(nginx.port, "tcp") as front, Sonde(*watch(nginx, front)) as sonde:
        truth = Exchanges()
        visit(front.port, truth)
        expect_all_ends(sonde, front, "nginx", truth)


def wrong_about(counted, truth):
    """What is counted and was not, or not so, as text."""
    lines = []
    for kind, total in counted.items():
        want = truth.get(kind)
        each = want.response_bytes // want.count if want else 0
        if not want or total.count > want.count or total.response_bytes > total.count * each:
            lines.append(f"  {kind}\n    counted  {total}\n    at most  {want}")
    return "\n".join(lines)


def never_reading():
    """Passed through by splice, heads and all: client and server are exact. The proxy's own ends are counted right or not
    at all: what they began is told as lost, what they never read shows as holes."""
    for option in (("splice-auto",), ("splice-request", "splice-response")):
        with Nginx(files=FILES) as nginx, Haproxy(nginx.port, "tcp", *option) as front:
            with Sonde(*watch(nginx, front), losses=("flows/answer_lost",)) as sonde:
                truth = Exchanges()
                for _ in range(3):
                    visit(front.port, truth)
                sonde.expect("client", front.port, truth, ME)
                sonde.expect("server", front.port, truth, "nginx")
                wait_until("all is told", lambda: "pending" not in sonde.unbalanced())
                for role in ("client", "server"):
                    wrong = wrong_about(sonde.counted(role, front.port, front.service), truth.seen_by(role))
                    assert not wrong, f"{role} side of the proxy:\n{wrong}"
                if "splice-response" in option:
                    # Whether the first bytes are read before haproxy begins to splice is chance.
                    assert sonde.value("sonde_flows_holes_cut_total") > 0


need_programs("nginx", "haproxy")
run_scenarios(reading, uploads, passing_through, never_reading)
