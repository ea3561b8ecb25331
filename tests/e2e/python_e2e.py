# SPDX-License-Identifier: Apache-2.0
"""Python's http.server: HTTP/1.0, answers until the connection closes, chunks of any size, slow ones, uploads."""
import os
import socket

from harness import Sonde, run_scenarios
from processes import DEADLINE_S, HttpServer, PythonServer, wait_until
from truth import Client, Exchanges


def read_to_end(connection):
    data = b""
    while piece := connection.recv(65536):
        data += piece
    return data


def http_1_0():
    """A connection an exchange, each answer's end told twice: by its length and by the close."""
    content = os.urandom(300_000)
    with HttpServer({"page.html": b"page", "large.bin": content}) as server:
        with Sonde("--include", f"port={server.port}") as sonde:
            truth = Exchanges()
            for _ in range(10):
                for path in ("/page.html", "/large.bin", "/missing"):
                    Client(server.port, truth).ask("GET", path)
                Client(server.port, truth).ask("HEAD", "/large.bin")
                Client(server.port, truth).ask("POST", "/page.html")
            sonde.expect_both(server.port, truth)
            assert sonde.counted("server", server.port, "http.server").count() == truth.count()


def bodies_that_nobody_reads():
    """The server answers without reading the body: what it did not read did not come to it."""
    with HttpServer({"page.html": b"page"}) as server, Sonde("--include", f"port={server.port}") as sonde:
        truth = Exchanges()
        for _ in range(20):
            Client(server.port, truth).ask("POST", "/page.html", b"nobody wants this")
        sonde.expect("client", server.port, truth)
        wait_until(
            lambda: f"the server's end: {sonde.counted('server', server.port)}",
            lambda: sonde.counted("server", server.port).count() == 20,
        )
        [(kind, total)] = sonde.counted("server", server.port).items()
        assert kind.status == "501" and total.request_bytes <= 20 * 17 and total.unsized == 0


def kept_connections():
    with HttpServer({"page.html": b"page"}, protocol="HTTP/1.1") as server:
        with Sonde("--include", f"port={server.port}") as sonde:
            truth = Exchanges()
            client = Client(server.port, truth)
            for _ in range(50):
                client.ask("GET", "/page.html")
                client.ask("HEAD", "/page.html")
            sonde.expect_both(server.port, truth)


def odd_answers():
    with PythonServer("odd_server.py") as server, Sonde("--include", f"port={server.port}") as sonde:
        truth = Exchanges()
        client = Client(server.port, truth)
        # The first chunked answer is short, so that it is whole within a probe.
        client.ask("GET", "/extensions")
        sonde.expect_both(server.port, truth)
        for _ in range(5):
            client.ask("GET", "/plain")
            client.ask("HEAD", "/plain")
            client.ask("GET", "/empty")
            assert len(client.ask("GET", "/chunks").content) == 74373
            client.ask("GET", "/extensions")
            client.ask("GET", "/slow")
            client.ask("GET", "/slow-chunks")
            client.ask("GET", "/broken")
            client.ask("GET", "/missing")
            client.ask("DELETE", "/thing")
            other = Client(server.port, truth)
            assert len(other.ask("GET", "/until-close").content) == 98000
        sonde.expect_both(server.port, truth)


def unknown_methods():
    """A token that is no method of the list is counted as _OTHER: clients invent no label values."""
    with PythonServer("odd_server.py") as server, Sonde("--include", f"port={server.port}") as sonde:
        asked, truth = Exchanges(), Exchanges()
        client = Client(server.port, asked)
        for _ in range(5):
            answer = client.ask("BREW", "/pot")
            truth.add("_OTHER", answer.status, "/pot", response=len(answer.content))
        sonde.expect_both(server.port, truth)


def uploads():
    with PythonServer("odd_server.py") as server, Sonde("--include", f"port={server.port}") as sonde:
        truth = Exchanges()
        client = Client(server.port, truth)
        for _ in range(3):
            for size in (0, 1, 1000, 65536, 1_000_000, 5_000_000):
                client.ask("POST", "/upload", b"u" * size)
                client.ask("PUT", "/upload", b"u" * size)
                client.ask("GET", "/plain")
        sonde.expect_both(server.port, truth)


def interim_answers():
    """103 and 102 announce the answer; the exchange ends with the 200."""
    with PythonServer("odd_server.py") as server, Sonde("--include", f"port={server.port}") as sonde:
        truth = Exchanges()
        for _ in range(10):
            with socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE_S) as connection:
                connection.sendall(b"GET /hints HTTP/1.1\r\nHost: odd\r\n\r\n")
                connection.sendall(b"GET /plain HTTP/1.1\r\nHost: odd\r\nConnection: close\r\n\r\n")
                data = read_to_end(connection)
                assert data.count(b"HTTP/1.1 ") == 4 and data.endswith(b"plain\n")
            truth.add("GET", 200, "/hints", response=len(b"after two interim answers"))
            truth.add("GET", 200, "/plain", response=len(b"plain\n"))
        sonde.expect_both(server.port, truth)


run_scenarios(http_1_0, bodies_that_nobody_reads, kept_connections, odd_answers, unknown_methods, uploads, interim_answers)
