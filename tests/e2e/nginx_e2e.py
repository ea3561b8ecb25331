# SPDX-License-Identifier: Apache-2.0
"""nginx: files by sendfile, its own answers, and proxying, each end of each hop counted."""
import os

from harness import Sonde, need_programs, run_scenarios
from processes import HttpServer, Nginx, PythonServer, free_port
from truth import Client, Exchanges

SMALL = b"small\n"
MIDDLE = os.urandom(1 << 20)
LARGE = os.urandom(50 << 20)
FILES = {"small.txt": SMALL, "middle.bin": MIDDLE, "large.bin": LARGE}
CLOSE = {"Connection": "close"}
# What other programs of the host may do to the bytes that they move; see docs/limits.md.
OF_OTHERS = ("kernel/unreadable_context", "kernel/unreadable_many", "kernel/unreadable_truncated")


def watch(*ports):
    return [word for port in ports for word in ("--include", f"port={port}")]


def files_by_sendfile():
    """Sizes from nothing to 50 MB, the connection kept and closed."""
    with Nginx(files=FILES) as nginx, Sonde(*watch(nginx.port)) as sonde:
        truth = Exchanges()
        client = Client(nginx.port, truth)
        for _ in range(10):
            for name in FILES:
                client.ask("GET", f"/{name}")
        client.close()
        for _ in range(5):
            for name in ("small.txt", "middle.bin"):
                Client(nginx.port, truth).ask("GET", f"/{name}", headers=CLOSE)
        Client(nginx.port, truth).ask("GET", "/large.bin", headers=CLOSE)
        sonde.expect_both(nginx.port, truth)


def answers_without_body():
    """HEAD, 204 and 304 say a length or none, and have no body; the next exchange must be found all the same."""
    rules = "location = /empty { return 204; } location = /old { return 302 /small.txt; }"
    with Nginx(rules, FILES) as nginx, Sonde(*watch(nginx.port)) as sonde:
        truth = Exchanges()
        client = Client(nginx.port, truth)
        for _ in range(20):
            modified = client.ask("GET", "/small.txt").headers["Last-Modified"]
            client.ask("HEAD", "/large.bin")
            client.ask("GET", "/empty")
            assert client.ask("GET", "/middle.bin", headers={"If-Modified-Since": modified}).status == 304
            client.ask("GET", "/old")
        sonde.expect_both(nginx.port, truth)


def errors_and_ranges():
    rules = "location = /refuse { return 405; } location = /fail { return 500 broken; }"
    with Nginx(rules, FILES) as nginx, Sonde(*watch(nginx.port)) as sonde:
        truth = Exchanges()
        client = Client(nginx.port, truth)
        for _ in range(10):
            client.ask("GET", "/nothing")
            client.ask("POST", "/refuse", b"x" * 3000)
            client.ask("GET", "/fail")
            assert client.ask("GET", "/large.bin", headers={"Range": "bytes=1000000-2999999"}).status == 206
            client.ask("GET", "/small.txt", headers={"Range": "bytes=2-3"})
            assert client.ask("GET", "/small.txt", headers={"Range": "bytes=100-"}).status == 416
        sonde.expect_both(nginx.port, truth)


def proxying():
    """A front before another nginx, over connections it keeps, and before Python's HTTP/1.0: three ends, five counts."""
    with Nginx(files=FILES) as back, HttpServer({"page.html": b"p" * 5000}) as python:
        outside = f"upstream back {{ server 127.0.0.1:{back.port}; keepalive 8; }}"
        rules = f"""
            location / {{ proxy_pass http://back; proxy_http_version 1.1; proxy_set_header Connection "";
                          proxy_set_header Host $proxy_host:{back.port}; }}
            location = /page.html {{ proxy_pass http://127.0.0.1:{python.port}; }}"""
        with Nginx(rules, outside=outside) as front:
            with Sonde(*watch(back.port, python.port, front.port)) as sonde:
                asked, to_back, to_python = Exchanges(), Exchanges(), Exchanges()
                client = Client(front.port, asked)
                for _ in range(20):
                    for name in ("small.txt", "middle.bin", "nothing"):
                        answer = client.ask("GET", f"/{name}")
                        to_back.add("GET", answer.status, f"/{name}", response=len(answer.content))
                    page = client.ask("GET", "/page.html")
                    to_python.add("GET", page.status, "/page.html", response=len(page.content))
                client.ask("GET", "/large.bin")
                to_back.add("GET", 200, "/large.bin", response=len(LARGE))
                sonde.expect_both(front.port, asked)
                sonde.expect_both(back.port, to_back)
                sonde.expect_both(python.port, to_python)
                assert sonde.counted("client", back.port, "nginx").count() == to_back.count()
                assert sonde.counted("server", python.port, "http.server").count() == to_python.count()


def proxied_uploads():
    """Bodies that the proxy spools, and that it streams in chunks."""
    with PythonServer("odd_server.py") as back:
        rules = f"""
            location / {{ proxy_pass http://127.0.0.1:{back.port}; }}
            location /streamed {{ proxy_pass http://127.0.0.1:{back.port}; proxy_request_buffering off; }}"""
        with Nginx(rules) as front, Sonde(*watch(back.port, front.port)) as sonde:
            asked = Exchanges()
            client = Client(front.port, asked)
            for path in ("/spooled", "/streamed"):
                for size in (0, 1, 10_000, 100_000, 5_000_000):
                    client.ask("POST", path, b"u" * size)
            sonde.expect_both(front.port, asked)
            sonde.expect_both(back.port, asked)


def coded_answers():
    """Sizes are those on the wire: of the coding, without the chunks' framing."""
    text = b"".join(b"line %d of a text that can be pressed\n" % i for i in range(20000))
    files = {
        "text.html": text,
        "parts.shtml": b'begin <!--#include virtual="/text.html" --> end\n',
        "short.shtml": b'<!--#echo var="none" --> ',
    }
    rules = """
        gzip on; gzip_types text/html; types { text/html html shtml; }
        location ~ shtml { ssi on; gzip off; }"""
    with Nginx(rules, files) as nginx:
        outside = f"server {{ listen 127.0.0.1:{(unbuffered := free_port())}; proxy_buffering off; proxy_http_version 1.1;"
        outside += f" location / {{ proxy_pass http://127.0.0.1:{nginx.port}; }} }}"
        with Nginx(outside=outside) as front, Sonde(*watch(nginx.port, unbuffered)) as sonde:
            assert front.port
            direct, proxied = Exchanges(), Exchanges()
            client, behind = Client(nginx.port, direct), Client(unbuffered, proxied)
            # The framing of the first chunked answer is read as far as a probe goes; here it goes to the end.
            client.ask("GET", "/short.shtml")
            answer = behind.ask("GET", "/short.shtml")
            direct.add("GET", 200, "/short.shtml", response=len(answer.content))
            sonde.expect_both(nginx.port, direct)
            sonde.expect_both(unbuffered, proxied)
            for _ in range(10):
                answer = client.ask("GET", "/text.html", headers={"Accept-Encoding": "gzip"})
                assert answer.headers["Transfer-Encoding"] == "chunked" and len(answer.content) < len(text) / 2
                client.ask("GET", "/text.html")
                answer = client.ask("GET", "/parts.shtml")
                assert answer.headers["Transfer-Encoding"] == "chunked" and len(answer.content) > len(text)
                answer = behind.ask("GET", "/parts.shtml")
                direct.add("GET", 200, "/parts.shtml", response=len(answer.content))
            sonde.expect_both(unbuffered, proxied)
            sonde.expect_both(nginx.port, direct)


def whole_host():
    """Without any rule, everything of the host is watched, and these counts are exact beside whatever else goes on."""
    with Nginx(files=FILES, workers=2) as nginx, Sonde(losses=OF_OTHERS) as sonde:
        truth = Exchanges()
        for _ in range(50):
            client = Client(nginx.port, truth)
            for _ in range(4):
                client.ask("GET", "/small.txt")
            client.close()
        sonde.expect_both(nginx.port, truth)
        assert sonde.counted("server", nginx.port, "nginx").count() == truth.count()


need_programs("nginx")
run_scenarios(
    files_by_sendfile, answers_without_body, errors_and_ranges, proxying, proxied_uploads, coded_answers, whole_host
)  # fmt: skip
