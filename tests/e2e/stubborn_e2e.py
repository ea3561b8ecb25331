# SPDX-License-Identifier: Apache-2.0
"""Clients that do not do their part: they stop reading, leave, or reset the connection, at every point of an exchange."""
import collections
import contextlib
import socket
import struct
import time

from harness import Sonde, need_programs, run_scenarios
from processes import DEADLINE_S, Nginx, PythonServer, wait_until
from truth import Exchanges

SIZE = 20_000_000
TIMES = 3
PAUSE_S = 0.7  # longer than what a sweep waits for


@contextlib.contextmanager
def connect(port):
    """With little room for what is not read yet, so that the server soon has none either."""
    with contextlib.closing(socket.socket()) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(DEADLINE_S)
        connection.connect(("127.0.0.1", port))
        yield connection


def request(path, method="GET", length=0):
    return f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n".encode()


def reset(connection):
    """Its close will be one."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def read_body(connection, size, so_far=b""):
    while b"\r\n\r\n" not in so_far:
        so_far += connection.recv(65536)
    left = size - len(so_far.partition(b"\r\n\r\n")[2])
    while left > 0:
        piece = connection.recv(1 << 20)
        assert piece, f"closed {left} bytes before the end"
        left -= len(piece)


@contextlib.contextmanager
def large_answers():
    """(a server, the path of an answer of SIZE bytes, its route): from memory in one call, from a file, from nginx's."""
    with PythonServer("raw_server.py") as raw, Nginx(files={"large.bin": bytes(SIZE)}) as nginx:
        yield (
            (raw, f"/memory?n={SIZE}", "/memory"),
            (raw, f"/file?n={SIZE}&sendfile", "/file"),
            (nginx, "/large.bin", "/large.bin"),
        )


def watching(*servers):
    return Sonde(*[word for server in servers for word in ("--include", f"port={server.port}")])


def counts(sonde, role, port):
    """How many of each (method, status, route, error); what was cut has no size to compare."""
    return {(k.method, k.status, k.route, k.error): total.count for k, total in sonde.counted(role, port).items()}


def expect_counts(sonde, port, **expected):
    for role, wanted in expected.items():
        wait_until(
            lambda: f"{role} side: {counts(sonde, role, port)}\nexpected {dict(wanted)}",
            lambda: counts(sonde, role, port) == dict(wanted),
        )


def stops_reading_and_resumes():
    """The server's call does not return for a while: the exchange is one, whole, and lasts as long as it lasted."""
    with large_answers() as answers, watching(answers[0][0], answers[2][0]) as sonde:
        truth = collections.defaultdict(Exchanges)
        for server, path, route in answers:
            with connect(server.port) as connection:
                for _ in range(2):
                    connection.sendall(request(path))
                    begun = connection.recv(65536)
                    time.sleep(PAUSE_S)
                    read_body(connection, SIZE, begun)
                    truth[server.port].add("GET", 200, route, response=SIZE)
        for port, exchanges in truth.items():
            sonde.expect_both(port, exchanges)
        for role in ("server", "client"):
            for labels, seconds in sonde.samples()[f"http_{role}_request_duration_seconds_sum"]:
                assert seconds >= 2 * PAUSE_S, (role, labels, seconds)


def stops_reading_and_leaves():
    """In order or by a reset: either way unread bytes make the server's end a reset one."""
    for leave in (lambda connection: None, reset):
        with large_answers() as answers, watching(answers[0][0], answers[2][0]) as sonde:
            server_side, client_side = collections.defaultdict(dict), collections.defaultdict(dict)
            for server, path, route in answers:
                for _ in range(TIMES):
                    with connect(server.port) as connection:
                        connection.sendall(request(path))
                        assert connection.recv(65536)
                        time.sleep(0.1)
                        leave(connection)
                server_side[server.port]["GET", "200", route, "reset"] = TIMES
                client_side[server.port]["GET", "200", route, "closed"] = TIMES
            for port in server_side:
                expect_counts(sonde, port, server=server_side[port], client=client_side[port])


def resets_before_the_answer():
    """The server finds nobody to answer to. Of half a request it never knew."""
    with PythonServer("raw_server.py") as server, watching(server) as sonde:
        for _ in range(TIMES):
            with connect(server.port) as connection:
                connection.sendall(request("/waits?wait=3000"))  # longer than this program is ever held up
                time.sleep(0.1)
                reset(connection)
            with connect(server.port) as connection:
                connection.sendall(request("/upload", "POST", 1_000_000) + b"u" * 500_000)
                time.sleep(0.1)
                reset(connection)
            with connect(server.port) as connection:
                connection.sendall(request("/half")[:-2])
                time.sleep(0.1)
                reset(connection)
        expect_counts(
            sonde,
            server.port,
            server={("GET", "", "/waits", "reset"): TIMES, ("POST", "", "/upload", "reset"): TIMES},
            client={("GET", "", "/waits", "closed"): TIMES, ("POST", "", "/upload", "closed"): TIMES},
        )


def resets_after_the_answer():
    """All was said: it is no error to either."""
    with PythonServer("raw_server.py") as server, watching(server) as sonde:
        truth = Exchanges()
        for _ in range(TIMES):
            with connect(server.port) as connection:
                for _ in range(3):
                    connection.sendall(request("/whole?n=1000"))
                    read_body(connection, 1000)
                    truth.add("GET", 200, "/whole", response=1000)
                reset(connection)
        sonde.expect_both(server.port, truth)


def says_all_then_listens():
    """It ends its own direction with the request; the answer is as good as any."""
    with PythonServer("raw_server.py") as raw, Nginx(files={"small.txt": b"small\n"}) as nginx:
        with watching(raw, nginx) as sonde:
            for server, path, size in ((raw, "/whole?n=500000&wait=50", 500_000), (nginx, "/small.txt", 6)):
                truth = Exchanges()
                for _ in range(TIMES):
                    with connect(server.port) as connection:
                        connection.sendall(request(path))
                        connection.shutdown(socket.SHUT_WR)
                        read_body(connection, size)
                    truth.add("GET", 200, path.partition("?")[0], response=size)
                sonde.expect_both(server.port, truth)


need_programs("nginx")
run_scenarios(
    stops_reading_and_resumes, stops_reading_and_leaves, resets_before_the_answer, resets_after_the_answer,
    says_all_then_listens,
)  # fmt: skip
