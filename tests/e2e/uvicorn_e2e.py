# SPDX-License-Identifier: Apache-2.0
"""uvicorn with each of its parsers, on Python's own event loop and on libuv's."""
import subprocess

from harness import Sonde, need_programs, run_scenarios, skip
from processes import HERE, PYTHON, Server
from truth import Exchanges
from usual import acquaint, pipelined, visit


class Uvicorn(Server):
    def __init__(self, *flags):
        super().__init__()
        self.command = [
            PYTHON, "-m", "uvicorn", "--host", "127.0.0.1", "--port", str(self.port), "--app-dir", str(HERE / "servers"),
            "--timeout-keep-alive", "60", "--no-access-log", *flags, "usual_asgi:application",
        ]  # fmt: skip


def visited(*flags):
    with Uvicorn(*flags) as server, Sonde("--include", f"port={server.port}") as sonde:
        truth = Exchanges()
        acquaint(sonde, server.port, truth)
        visit(server.port, truth)
        visit(server.port, truth, 1, keep=False)
        pipelined(server.port, truth, 1, 2, 50, 1)
        sonde.expect_both(server.port, truth)


def h11_on_asyncio():
    visited("--http", "h11", "--loop", "asyncio")


def httptools_on_uvloop():
    visited("--http", "httptools", "--loop", "uvloop")


for module in ("uvicorn", "h11", "httptools", "uvloop"):
    if subprocess.run([PYTHON, "-c", f"import {module}"], capture_output=True).returncode != 0:
        skip(f"python3-{module} is not installed")
run_scenarios(h11_on_asyncio, httptools_on_uvloop)
