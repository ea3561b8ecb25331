# SPDX-License-Identifier: Apache-2.0
"""gunicorn over TCP: forked workers that share a listener, one connection each at a time or a pool of threads."""
from harness import Sonde, need_programs, run_scenarios
from processes import HERE, Server
from truth import Client, Exchanges
from usual import acquaint, visit


class Gunicorn(Server):
    def __init__(self, *flags):
        super().__init__()
        self.command = [
            "gunicorn", "--bind", f"127.0.0.1:{self.port}", "--chdir", str(HERE / "servers"),
            "--worker-tmp-dir", "/dev/shm", "--keep-alive", "60", *flags, "usual_wsgi",
        ]  # fmt: skip


def sync_workers():
    """A connection an exchange, whatever the client would like, by whichever worker is first."""
    with Gunicorn("--workers", "3") as server, Sonde("--include", f"port={server.port}") as sonde:
        truth = Exchanges()
        acquaint(sonde, server.port, truth)
        visit(server.port, truth)
        for _ in range(50):
            Client(server.port, truth).ask("GET", "/plain")
        sonde.expect_both(server.port, truth)


def threads():
    """A kept connection moves between the threads of its worker."""
    with Gunicorn("--worker-class", "gthread", "--workers", "2", "--threads", "4") as server:
        # Eight threads send their bodies whole: room for so many at once, whatever else the machine does.
        with Sonde("--ring-size=64MiB", "--include", f"port={server.port}") as sonde:
            truth = Exchanges()
            acquaint(sonde, server.port, truth)
            clients = [Client(server.port, truth) for _ in range(10)]
            for _ in range(10):
                for client in clients:
                    client.ask("GET", "/plain")
            visit(server.port, truth)
            sonde.expect_both(server.port, truth)


need_programs("gunicorn")
run_scenarios(sync_workers, threads)
