# SPDX-License-Identifier: Apache-2.0
"""The turns that HTTP/1 allows: asking before a body, answering before its end, becoming something else, ending in the
middle; and framing that nobody should trust."""
import contextlib
import os
import socket
import struct
import tempfile

from harness import Sonde, run_scenarios
from processes import DEADLINE_S, PythonServer, wait_until
from truth import Exchanges, Kind

TIMES = 10
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@contextlib.contextmanager
def stage(*losses):
    with PythonServer("turns_server.py") as server, Sonde("--include", f"port={server.port}", losses=losses) as sonde:
        yield server.port, sonde, Exchanges()


@contextlib.contextmanager
def connect(port, receive_buffer=0):
    with socket.socket() as connection:
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.settimeout(DEADLINE_S)
        connection.connect(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield connection


def request(path, method="GET", fields=""):
    return f"{method} {path} HTTP/1.1\r\nHost: turns\r\n{fields}\r\n".encode()


def read(connection, count):
    data = b""
    while len(data) < count:
        piece = connection.recv(min(1 << 20, count - len(data)))
        assert piece, f"closed after {data[-200:]}"
        data += piece
    return data


def read_until(connection, end):
    data = b""
    while not data.endswith(end):
        data += read(connection, 1)
    return data


def plain(connection, truth):
    connection.sendall(request("/plain"))
    assert read(connection, len(OK)) == OK
    truth.add("GET", 200, "/plain", response=2)


def bodies_with_leave():
    """Expect: 100-continue: the body follows the interim answer."""
    with stage() as (port, sonde, truth):
        for size in (5, 3_000_000) * TIMES:
            with connect(port) as connection:
                connection.sendall(request("/plain", "PUT", f"Expect: 100-continue\r\nContent-Length: {size}\r\n"))
                assert read_until(connection, b"\r\n\r\n").startswith(b"HTTP/1.1 100")
                connection.sendall(b"b" * size)
                assert read(connection, len(OK)) == OK
                truth.add("PUT", 200, "/plain", request=size, response=2)
                plain(connection, truth)
        sonde.expect_both(port, truth)


def bodies_refused():
    """A final answer instead of the interim one: the body never comes, the connection is used again."""
    with stage() as (port, sonde, truth), connect(port) as connection:
        for _ in range(TIMES):
            connection.sendall(request("/refused", "PUT", "Expect: 100-continue\r\nContent-Length: 5000\r\n"))
            assert read_until(connection, b"\r\n\r\n").startswith(b"HTTP/1.1 417")
            truth.add("PUT", 417, "/refused")
            plain(connection, truth)
        sonde.expect_both(port, truth)


def early_answers():
    """The answer comes while the body is on its way; both are counted whole."""
    with stage() as (port, sonde, truth), connect(port) as connection:
        for size in (10, 5000) * TIMES:
            connection.sendall(request("/early", "POST", f"Content-Length: {size}\r\n") + b"b" * (size // 2))
            answer = read_until(connection, b"too large")
            assert answer.startswith(b"HTTP/1.1 413")
            connection.sendall(b"b" * (size - size // 2))
            truth.add("POST", 413, "/early", request=size, response=9)
        sonde.expect_both(port, truth)


def early_answers_to_what_never_ends():
    """The client stops in the middle of its body: what moved is what counts."""
    with stage() as (port, sonde, truth):
        for _ in range(TIMES):
            with connect(port) as connection:
                connection.sendall(request("/early-close", "POST", "Content-Length: 1000000\r\n") + b"b" * 600)
                assert read_until(connection, b"\r\n\r\n").startswith(b"HTTP/1.1 413")
                connection.sendall(b"b" * 400)
            truth.add("POST", 413, "/early-close", request=1000)
        sonde.expect_both(port, truth)


def chunks_and_trailers():
    body = b"a;x=y\r\n0123456789\r\n3\r\nabc\r\n0\r\nChecksum: 1\r\nTransfer-Encoding: gzip\r\n\r\n"
    with stage() as (port, sonde, truth), connect(port) as connection:
        for _ in range(TIMES):
            connection.sendall(request("/trailers", "POST", "Transfer-Encoding: chunked\r\nTrailer: Checksum\r\n") + body)
            assert b" world" in read_until(connection, b"Content-Length: 99\r\n\r\n")
            truth.add("POST", 200, "/trailers", request=13, response=11)
            plain(connection, truth)
        sonde.expect_both(port, truth)


def answers_until_the_close():
    with stage() as (port, sonde, truth):
        for _ in range(TIMES):
            with connect(port) as connection:
                plain(connection, truth)
                connection.sendall(request("/until-close"))
                while connection.recv(65536):
                    pass
            truth.add("GET", 200, "/until-close", response=10_000)
        sonde.expect_both(port, truth)


def upgrades_and_tunnels():
    """The exchange ends with the 101 or the tunnel's 200; what looks like HTTP behind it is none, and is counted."""
    inside = request("/inside") * 3
    with stage() as (port, sonde, truth):
        for i in range(2 * TIMES):
            with connect(port) as connection:
                plain(connection, truth)
                if i % 2:
                    connection.sendall(request("/upgrade", fields="Upgrade: x\r\nConnection: Upgrade\r\n"))
                    truth.add("GET", 101, "/upgrade")
                else:
                    connection.sendall(request(f"127.0.0.1:{port}", "CONNECT"))
                    truth.add("CONNECT", 200, "")
                read_until(connection, b"\r\n\r\n")
                for _ in range(TIMES):
                    connection.sendall(inside)
                    assert read(connection, len(inside)) == inside
        sonde.expect_both(port, truth)
        assert sonde.value("sonde_flows_upgraded_total") == 4 * TIMES
        # Some bytes may move before the kernel side knows that they are worth counting only; none after that are lost.
        wait_until(
            lambda: f"what moved is counted: {sonde.value('sonde_flows_upgraded_bytes_total')}",
            lambda: sonde.value("sonde_flows_upgraded_bytes_total") == 4 * TIMES * 2 * TIMES * len(inside),
        )


def bodies_of_gigabytes():
    """Both ways beyond what 32 bits hold."""
    size = (4 << 30) + 12345
    with stage() as (port, sonde, truth), connect(port) as connection, tempfile.TemporaryFile() as file:
        file.truncate(64 << 20)
        connection.sendall(request(f"/big?n={size}"))
        read_until(connection, b"\r\n\r\n")
        left, buffer = size, bytearray(4 << 20)
        while left:
            left -= connection.recv_into(buffer, min(left, len(buffer)))
        truth.add("GET", 200, "/big", response=size)
        plain(connection, truth)
        connection.sendall(request("/plain", "PUT", f"Content-Length: {size}\r\n"))
        connection.settimeout(None)  # sendfile would not wait otherwise
        left = size
        while left:
            left -= os.sendfile(connection.fileno(), file.fileno(), 0, min(left, 64 << 20))
        assert read(connection, len(OK)) == OK
        truth.add("PUT", 200, "/plain", request=size, response=2)
        plain(connection, truth)
        sonde.expect_both(port, truth)


def a_client_that_stops_reading():
    """It reads on later: a whole exchange. Or it closes: not a whole one, with its status and what moved."""
    size, part = 20_000_000, 100_000
    with stage() as (port, sonde, truth):
        with connect(port, receive_buffer=65536) as connection:
            connection.sendall(request(f"/big?n={size}"))
            head = read_until(connection, b"\r\n\r\n")
            read(connection, part)
            with connect(port) as other:  # meanwhile others are served
                for _ in range(TIMES):
                    plain(other, truth)
            sonde.expect_both(port, truth)
            read(connection, size - part)
        truth.add("GET", 200, "/big", response=size)
        sonde.expect_both(port, truth)
        for _ in range(TIMES):
            with connect(port, receive_buffer=65536) as connection:
                connection.sendall(request(f"/big?n={size}"))
                assert read(connection, len(head)) == head
                read(connection, part)
        del sonde.expected["server", port, None]
        truth.add("GET", 200, "/big", response=part, times=TIMES, error="closed")
        sonde.expect("client", port, truth)
        # The server learns it from a reset, whatever it had written by then.
        broken = Kind("GET", "200", "/big", "reset")
        wait_until(
            lambda: f"the server's end: {sonde.counted('server', port)}",
            lambda: sonde.counted("server", port)[broken].count == TIMES,
        )


def is_taken(connection):
    """The other end's program has read all that was sent."""
    [_, near], [_, far] = connection.getsockname(), connection.getpeername()
    with open("/proc/net/tcp", encoding="ascii") as table:
        for line in table:
            words = line.split()
            if words[1].endswith(f":{far:04X}") and words[2].endswith(f":{near:04X}"):
                return words[4].endswith(":00000000")
    return False


def a_client_that_resets():
    """In the middle of its own body, and of the answer."""
    with stage() as (port, sonde, truth):
        by_client, by_server = Exchanges(), Exchanges()
        for _ in range(TIMES):
            with connect(port) as connection:
                plain(connection, by_client)
                by_server.add("GET", 200, "/plain", response=2)
                connection.sendall(request("/plain", "PUT", "Content-Length: 1000\r\n") + b"b" * 300)
                wait_until("the body is taken", lambda: is_taken(connection))
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            by_client.add("PUT", "", "/plain", request=300, error="closed")
            by_server.add("PUT", "", "/plain", request=300, error="reset")
        sonde.expect("client", port, by_client)
        sonde.expect("server", port, by_server)


def framing_that_nobody_should_trust():
    """Counted with the answer it got, flagged; what was smuggled behind it is no exchange."""
    smuggled = request("/smuggled")
    shapes = [
        (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", True),
        (b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n", False),
        (b"Content-Length: +5\r\n\r\n", False),
        (b"Content-Length : 5\r\n\r\n", False),
        (b"Transfer-Encoding: chunked, gzip\r\n\r\n", False),
        (b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", False),
    ]
    with stage() as (port, sonde, truth):
        for _ in range(TIMES):
            for shape, sized in shapes:
                with connect(port) as connection:
                    connection.sendall(b"POST /bad HTTP/1.1\r\nHost: turns\r\n" + shape + smuggled)
                    with contextlib.suppress(ConnectionResetError):
                        while connection.recv(65536):
                            pass
                truth.add("POST", 400, "/bad", response=3)
                truth[Kind("POST", "400", "/bad", "")].unsized += not sized
        sonde.expect_both(port, truth)
        assert sonde.value("sonde_flows_framing_doubtful_total") == 2 * TIMES * len(shapes)


def one_line_that_looks_like_http():
    """It makes no exchange, and the connection's later requests count."""
    with PythonServer("raw_server.py") as server, Sonde("--include", f"port={server.port}") as sonde:
        truth = Exchanges()
        for junk in (b"GET / HTTP/1.1\r\n\0\1\2\3", b"GET / HTTP/1.1\r\nUSER x\r\nPASS y\r\n"):
            with connect(server.port) as connection:
                connection.sendall(junk)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
        with connect(server.port) as connection:
            connection.sendall(request("/after"))
            read_until(connection, b"xx")
            truth.add("GET", 200, "/after", response=2)
        sonde.expect_both(server.port, truth)


run_scenarios(
    bodies_with_leave, bodies_refused, early_answers, early_answers_to_what_never_ends, chunks_and_trailers,
    answers_until_the_close, upgrades_and_tunnels, bodies_of_gigabytes, a_client_that_stops_reading,
    a_client_that_resets, framing_that_nobody_should_trust, one_line_that_looks_like_http,
)  # fmt: skip
