# SPDX-License-Identifier: Apache-2.0
"""The ways a connection comes to the process that serves it, and the networks it comes through."""
import subprocess

from harness import Sonde, need_programs, run_scenarios
from processes import DEADLINE_S, PYTHON, HttpServer, PythonServer, Server, wait_until
from truth import Client, Exchanges

TIMES = 40


def ask_on_connections(server, truth):
    for _ in range(TIMES):
        client = Client(server.port, truth)
        for _ in range(3):
            client.ask("GET", "/handed")
        client.close()


def served_by_a_child_for_each_connection():
    with PythonServer("handing_server.py", "fork") as server, Sonde("--include", f"port={server.port}") as sonde:
        truth = Exchanges()
        ask_on_connections(server, truth)
        sonde.expect_both(server.port, truth)


def passed_to_another_program():
    """It is counted for who serves it, though another process accepted it, or even read its first request."""
    for how in ("pass", "read"):
        with PythonServer("handing_server.py", how) as server:
            wait_until("its worker is there", lambda: Client(server.port, Exchanges()).ask("GET", "/").status == 200)
            with Sonde("--include", f"port={server.port}") as sonde:
                truth = Exchanges()
                ask_on_connections(server, truth)
                sonde.expect("client", server.port, truth)
                sonde.expect("server", server.port, truth, "handed_worker")
                assert sonde.counted("server", server.port).count() == truth.count()


class BothFamilies(HttpServer):
    def prepare(self):
        super().prepare()
        self.command[self.command.index("127.0.0.1")] = "::"


def ipv6_and_mapped_ipv4():
    """One listener takes both."""
    with BothFamilies({"file.txt": b"f" * 5000}, protocol="HTTP/1.1") as server, Sonde("--include", f"port={server.port}") as sonde:
        truth = Exchanges()
        for host in ("[::1]", "127.0.0.1"):
            for _ in range(TIMES):
                url = f"http://{host}:{server.port}/file.txt"
                subprocess.run(["curl", "-sS", url, url], stdout=subprocess.DEVNULL, check=True, timeout=DEADLINE_S)
                truth.add("GET", 200, "/file.txt", response=5000, times=2)
        sonde.expect_both(server.port, truth)


class Elsewhere(Server):
    """A server in a network namespace of its own, with nothing but loopback."""

    def prepare(self):
        (self.directory / "file.txt").write_bytes(b"f" * 5000)
        serve = f"exec {PYTHON} -m http.server {self.port} --bind 127.0.0.1 --directory {self.directory} --protocol HTTP/1.1"
        self.command = ["unshare", "--net", "sh", "-c", f"ip link set lo up && {serve}"]

    def curl(self, *words):
        command = ["nsenter", "--net", "--target", str(self.process.pid), "curl", "-sS"]
        url = f"http://127.0.0.1:{self.port}/file.txt"
        return subprocess.run([*command, *words, url, url], check=False, capture_output=True, timeout=DEADLINE_S)

    def ready(self):
        return self.curl("--fail").returncode == 0


def in_another_network():
    """Started before Sonde, or after it."""
    with Elsewhere() as old:
        young = Elsewhere()
        with Sonde("--include", f"port={old.port}", "--include", f"port={young.port}") as sonde, young:
            truths = {old: Exchanges(), young: Exchanges()}
            truths[young].add("GET", 200, "/file.txt", response=5000, times=2)  # when it became ready
            for server, truth in truths.items():
                for _ in range(TIMES):
                    assert server.curl().returncode == 0
                    truth.add("GET", 200, "/file.txt", response=5000, times=2)
                sonde.expect_both(server.port, truth)


need_programs("curl", "unshare", "nsenter", "ip")
run_scenarios(
    served_by_a_child_for_each_connection, passed_to_another_program, ipv6_and_mapped_ipv4, in_another_network
)
