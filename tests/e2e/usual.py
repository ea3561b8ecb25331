# SPDX-License-Identifier: Apache-2.0
"""The usual site: what any web framework can do, built once with each of them, and asked for in the same way.

  GET, HEAD /plain   "plain\\n"                     GET /empty    204
  GET /large         LARGE bytes, by the way that   GET /broken   500
                     the framework has for files    POST /upload  201, the size of the body as text; any coding
  GET /chunks        CHUNKS, each sent for itself   else          404
  GET /few-chunks    the first three of them

The servers are servers/usual_*; the clients that are no part of this are clients/usual_*: they ask for all that PLAN
says and print a line for each answer.
"""
import hashlib
import os
import pathlib
import socket
import subprocess

from processes import DEADLINE_S, HERE
from truth import Client

LARGE = 1_000_000
CHUNKS = (1, 3, 17, 255, 4096, 60001)  # in all less than what is copied of one call
CACHE = pathlib.Path(os.environ.get("SONDE_CACHE", pathlib.Path.home() / ".cache/sonde")) / "e2e"


def acquaint(sonde, port, truth):
    """The first chunked answer of a listener should fit into a probe: its framing is read as far as that goes."""
    Client(port, truth).ask("GET", "/few-chunks")
    sonde.expect_both(port, truth)


def visit(port, truth, rounds=5, keep=True):
    """Everything, over one connection if the server keeps it, or over one for each."""
    client = Client(port, truth)

    def ask(*words):
        answer = client.ask(*words, headers=None if keep else {"Connection": "close"})
        if not keep:
            client.close()
        return answer

    for _ in range(rounds):
        assert ask("GET", "/plain").content == b"plain\n"
        ask("HEAD", "/plain")
        assert ask("GET", "/empty").status == 204
        assert len(ask("GET", "/large").content) == LARGE
        assert len(ask("GET", "/chunks").content) == sum(CHUNKS)
        for body in (b"", b"u" * 100, b"u" * 300_000, [b"u" * size for size in CHUNKS]):
            answer = ask("POST", "/upload", body)
            assert answer.content == b"%d" % sum(map(len, [body] if isinstance(body, bytes) else body))
        assert ask("GET", "/broken?why=1").status == 500
        assert ask("GET", "/missing").status == 404
    client.close()


def pipelined(port, truth, *counts):
    """Bursts of requests in one write, on one connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as connection:
        for count in counts:
            connection.sendall(b"GET /plain HTTP/1.1\r\nHost: usual\r\n\r\n" * count)
            data = b""
            while data.count(b"\r\n\r\nplain\n") < count:
                piece = connection.recv(65536)
                assert piece, f"closed after {len(data)} bytes: {data[-200:]}"
                data += piece
            truth.add("GET", 200, "/plain", response=6, times=count)


def visit_by(truth, *command):
    """Runs a client of clients/, and notes what it says: a line "METHOD PATH STATUS UP DOWN" for each answer."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=DEADLINE_S)
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stderr}"
    for line in done.stdout.splitlines():
        method, path, status, up, down = line.split()
        truth.add(method, status, path, int(up), int(down))
    assert truth.count() > 0, command


def built(source, compile_into):
    """The directory with what a source of servers/ or clients/ compiles to: compile_into(source, directory) is asked for
    only if that source has not been compiled before on this machine."""
    source = HERE / source
    directory = CACHE / f"{source.stem}-{hashlib.sha256(source.read_bytes()).hexdigest()[:16]}"
    if not directory.exists():
        fresh = directory.with_suffix(f".{os.getpid()}")
        fresh.mkdir(parents=True)
        command, environment = compile_into(source, fresh)
        subprocess.run([*map(str, command)], cwd=fresh, env={**os.environ, **environment}, check=True, timeout=240)
        fresh.rename(directory)
    return directory
