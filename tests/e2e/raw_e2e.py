# SPDX-License-Identifier: Apache-2.0
"""Sockets by hand: what no library would send, and what the network may."""
import contextlib
import socket
import struct
import time

from harness import Sonde, need_programs, run_scenarios
from processes import DEADLINE_S, Nginx, PythonServer, wait_until
from truth import Client, Exchanges

BURST = 100


@contextlib.contextmanager
def connect(port):
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield connection


def request(path, method="GET", extra="", body=b""):
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nHost: raw\r\n{length}{extra}\r\n".encode() + body


def read_answers(connection, count, body):
    """Reads so many 200s with bodies of that size."""
    data = b""
    while data.count(b"HTTP/1.1 200 OK\r\n") < count or not data.endswith(b"\r\n\r\n" + b"x" * body):
        piece = connection.recv(65536)
        assert piece, f"closed after {len(data)} bytes: {data[-200:]}"
        data += piece
    assert data.count(b"HTTP/1.1 200 OK\r\n") == count


def raw_server():
    return PythonServer("raw_server.py")


def watching(server, **options):
    return Sonde("--include", f"port={server.port}", **options)


def burst(connection, truth, size=10, count=BURST):
    connection.sendall(request(f"/burst?n={size}") * count)
    read_answers(connection, count, size)
    truth.add("GET", 200, "/burst", response=size, times=count)


def pipelining():
    """Many bursts on one connection, larger and smaller, between plain exchanges."""
    with raw_server() as server, watching(server) as sonde, connect(server.port) as connection:
        truth = Exchanges()
        for count in (2, 1, 10, 100, 1, 3, 50, 1, 1):
            burst(connection, truth, count=count)
        sonde.expect_both(server.port, truth)


def a_listeners_first_bytes_are_a_burst():
    with raw_server() as server, watching(server) as sonde, connect(server.port) as connection:
        truth = Exchanges()
        burst(connection, truth)
        sonde.expect_both(server.port, truth)


def a_burst_after_a_quiet_past():
    """Plain exchanges taught the kernel side to ship heads only; then a connection begins with a burst."""
    with raw_server() as server, watching(server) as sonde:
        truth = Exchanges()
        for _ in range(5):
            with connect(server.port) as connection:
                burst(connection, truth, count=1)
        sonde.expect_both(server.port, truth)
        time.sleep(1.5)  # what was learned holds for the next connection
        for size in (10, 1000):
            with connect(server.port) as connection:
                burst(connection, truth, size)
        sonde.expect_both(server.port, truth)


def a_head_of_64_kib():
    """As a connection's first bytes, before and after the listener's ways are known."""
    with raw_server() as server, watching(server) as sonde:
        truth = Exchanges()
        line = "X-Long: " + "h" * 8000 + "\r\n"
        head = request("/long", extra=line * 8 + "X-Rest: ")
        head = head[:-2] + b"r" * (65536 - len(head) - 2) + b"\r\n\r\n"
        assert len(head) == 65536
        for _ in range(3):
            with connect(server.port) as connection:
                connection.sendall(head)
                read_answers(connection, 1, 2)
                truth.add("GET", 200, "/long", response=2)
                burst(connection, truth, count=1)
        sonde.expect_both(server.port, truth)


def a_byte_at_a_time():
    with raw_server() as server, watching(server) as sonde:
        truth = Exchanges()
        for each in (1, 7):
            with connect(server.port) as connection:
                for _ in range(3):
                    for byte in request(f"/slow?n=50&each={each}"):
                        connection.sendall(bytes([byte]))
                    read_answers(connection, 1, 50)
                    truth.add("GET", 200, "/slow", response=50)
                    connection.sendall(request(f"/slow?n=5&each={each}", "POST", body=b"b" * 20))
                    read_answers(connection, 1, 5)
                    truth.add("POST", 200, "/slow", request=20, response=5)
        sonde.expect_both(server.port, truth)


def many_connections():
    with raw_server() as server, watching(server) as sonde, contextlib.ExitStack() as stack:
        truth = Exchanges()
        connections = [stack.enter_context(connect(server.port)) for _ in range(200)]
        for _ in range(5):
            for connection in connections:
                connection.sendall(request("/many?n=1000"))
            for connection in connections:
                read_answers(connection, 1, 1000)
                truth.add("GET", 200, "/many", response=1000)
        sonde.expect_both(server.port, truth)


def an_answer_nothing_follows():
    """A large body from a file, then silence on a kept connection: it counts all the same."""
    with raw_server() as server, watching(server) as sonde, connect(server.port) as connection:
        truth = Exchanges()
        for _ in range(2):  # in a probe, and with a policy
            connection.sendall(request("/quiet?n=20000000&sendfile"))
            left = 20_000_000
            while left > 0:
                left -= len(connection.recv(1 << 20))
            truth.add("GET", 200, "/quiet", response=20_000_000)
            sonde.expect_both(server.port, truth)


def connections_older_than_sonde():
    with raw_server() as server, connect(server.port) as connection, connect(server.port) as idle:
        for _ in range(3):
            connection.sendall(request("/before"))
            read_answers(connection, 1, 2)
        with watching(server) as sonde:
            truth = Exchanges()
            for used in (connection, idle, connection):
                for _ in range(10):
                    used.sendall(request("/after"))
                    read_answers(used, 1, 2)
                    truth.add("GET", 200, "/after", response=2)
            sonde.expect_both(server.port, truth)


def answers_that_do_not_come():
    """The server closes or resets instead of answering: the exchange counts, as an error without a status."""
    with raw_server() as server, watching(server) as sonde:
        by_server, by_client = Exchanges(), Exchanges()
        for how, error in (("die", "closed"), ("reset", "reset")):
            for _ in range(5):
                with connect(server.port) as connection:
                    burst(connection, by_server, count=1)
                    by_client.add("GET", 200, "/burst", response=10)
                    connection.sendall(request(f"/{how}?{how}"))
                    with contextlib.suppress(ConnectionResetError):
                        assert connection.recv(1) == b""
                by_client.add("GET", "", f"/{how}", error=error)
                # Who resets closes its own end in order.
                by_server.add("GET", "", f"/{how}", error="closed")
        sonde.expect("client", server.port, by_client)
        sonde.expect("server", server.port, by_server)


def a_client_that_gives_up():
    """It resets in the middle of a large answer: counted with its status, as an error."""
    with Nginx(files={"large.bin": bytes(50 << 20)}) as nginx, watching(nginx) as sonde:
        for _ in range(5):
            with connect(nginx.port) as connection:
                connection.sendall(request("/large.bin"))
                assert connection.recv(100_000)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        def all_counted():
            kinds = {
                (kind.method, kind.status, kind.route): total.count
                for role in ("server", "client")
                for kind, total in sonde.counted(role, nginx.port).items()
                if kind.error in ("closed", "reset")
            }
            return kinds == {("GET", "200", "/large.bin"): 5} and all(
                sonde.counted(role, nginx.port).count() == 5 for role in ("server", "client")
            )

        wait_until(lambda: f"{sonde.counted('server', nginx.port)} {sonde.counted('client', nginx.port)}", all_counted)


def other_traffic():
    """What is no HTTP counts as nothing, costs nothing for long, and does no harm to its neighbours."""
    greeting, junk = b"HELO there\r\n", bytes(range(256)) * 10
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(512)  # how TLS begins
    with raw_server() as other, raw_server() as server:
        with Sonde("--include", f"port={other.port}", "--include", f"port={server.port}") as sonde:
            truth = Exchanges()
            for first in (greeting, greeting + junk, greeting + hello, b"HELO"):
                for _ in range(3):
                    with connect(other.port) as connection:
                        connection.sendall(first)
                        for _ in range(20):
                            assert connection.recv(65536)
                            connection.sendall(junk)
            for first in (junk, hello, b"GET", b"GET / HTTP/9.9\r\n\r\n", b"\r\n\r\n\r\n\0"):
                with connect(other.port) as connection:
                    connection.sendall(first)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65536):
                        pass
            client = Client(server.port, truth)
            for _ in range(10):
                client.ask("GET", "/beside", route="/beside")
            sonde.expect_both(server.port, truth)
            wait_until("the other traffic is left alone", lambda: sonde.value("sonde_flows_unclassified_total") > 0)
            assert not sonde.counted("server", other.port) and not sonde.counted("client", other.port)


need_programs("nginx")
run_scenarios(
    pipelining, a_listeners_first_bytes_are_a_burst, a_burst_after_a_quiet_past, a_head_of_64_kib, a_byte_at_a_time,
    many_connections, an_answer_nothing_follows, connections_older_than_sonde, answers_that_do_not_come,
    a_client_that_gives_up, other_traffic,
)  # fmt: skip
