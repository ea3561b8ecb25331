# SPDX-License-Identifier: Apache-2.0
"""Apache with threads and events: files by sendfile, answers that filters make and send in chunks, a proxy's streams."""
import os

from harness import Sonde, need_programs, run_scenarios
from processes import PythonServer, Server, write_files
from truth import Client, Exchanges

MODULES = "/usr/lib/apache2/modules"
TEXT = b"".join(b"line %d of a text that can be pressed\n" % i for i in range(20000))
FILES = {
    "small.txt": b"small\n",
    "middle.bin": os.urandom(1 << 20),
    "large.bin": os.urandom(20 << 20),
    "text.html": TEXT,
    "parts.shtml": b'begin <!--#include virtual="/text.html" --> end\n',
    "short.shtml": b'<!--#echo var="none" --> ',
}


class Apache(Server):
    """`rules` stand in its configuration."""

    service = "apache2"

    def __init__(self, rules="", modules=()):
        super().__init__()
        self.rules = rules
        self.modules = ("mpm_event", "authz_core", "dir", "mime", "alias", *modules)

    def prepare(self):
        self.directory.chmod(0o755)  # the workers are another user
        write_files(self.directory / "root", FILES)
        load = "\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in self.modules)
        (self.directory / "conf").write_text(
            f"""
{load}
ServerName 127.0.0.1
Listen 127.0.0.1:{self.port}
DefaultRuntimeDir {self.directory}
PidFile {self.directory}/pid
ErrorLog {self.directory}/error.log
User www-data
Group www-data
TypesConfig /dev/null
AddType text/html .html .shtml
DocumentRoot {self.directory}/root
EnableSendfile On
KeepAlive On
KeepAliveTimeout 600
MaxKeepAliveRequests 0
Redirect 204 /empty
Redirect 302 /old /small.txt
Redirect 500 /broken
{self.rules}
"""
        )
        self.command = ["apache2", "-d", str(self.directory), "-f", "conf", "-D", "FOREGROUND"]

    def output(self):
        log = self.directory / "error.log"
        return super().output() + (log.read_text() if log.exists() else "")


def watch(*servers):
    return [word for server in servers for word in ("--include", f"port={server.port}")]


def files_by_sendfile():
    with Apache() as apache, Sonde(*watch(apache)) as sonde:
        truth = Exchanges()
        client = Client(apache.port, truth)
        for _ in range(5):
            for name in FILES:
                client.ask("GET", f"/{name}")
        client.close()
        for _ in range(5):
            for name in ("small.txt", "middle.bin"):
                Client(apache.port, truth).ask("GET", f"/{name}", headers={"Connection": "close"})
        sonde.expect_both(apache.port, truth)
        assert sonde.counted("server", apache.port, apache.service).count() == truth.count()


def answers_of_its_own():
    with Apache() as apache, Sonde(*watch(apache)) as sonde:
        truth = Exchanges()
        client = Client(apache.port, truth)
        for _ in range(10):
            modified = client.ask("GET", "/small.txt").headers["Last-Modified"]
            client.ask("HEAD", "/large.bin")
            assert client.ask("GET", "/empty").status == 204
            assert client.ask("GET", "/middle.bin", headers={"If-Modified-Since": modified}).status == 304
            assert client.ask("GET", "/old").status == 302
            assert client.ask("GET", "/broken").status == 500
            assert client.ask("GET", "/large.bin", headers={"Range": "bytes=1000000-2999999"}).status == 206
            assert client.ask("GET", "/missing").status == 404
            assert client.ask("DELETE", "/small.txt").status == 405
            client.ask("POST", "/missing", b"x" * 3000)
        sonde.expect_both(apache.port, truth)


def coded_answers():
    """Sizes are those on the wire: of the coding, without the chunks' framing."""
    rules = "AddOutputFilter INCLUDES .shtml\nOptions +Includes\n<Location /text.html>\nSetOutputFilter DEFLATE\n</Location>"
    with Apache(rules, ("filter", "deflate", "include")) as apache, Sonde(*watch(apache)) as sonde:
        truth = Exchanges()
        client = Client(apache.port, truth)
        # The framing of the first chunked answer is read as far as a probe goes; here it goes to the end.
        client.ask("GET", "/short.shtml")
        sonde.expect_both(apache.port, truth)
        for _ in range(5):
            answer = client.ask("GET", "/text.html", headers={"Accept-Encoding": "gzip"})
            assert answer.headers["Transfer-Encoding"] == "chunked" and len(answer.content) < len(TEXT) / 2
            client.ask("GET", "/text.html")
            answer = client.ask("GET", "/parts.shtml")
            assert answer.headers["Transfer-Encoding"] == "chunked" and len(answer.content) > len(TEXT)
        sonde.expect_both(apache.port, truth)


def proxying():
    """Two ends more; bodies that it passes on as they come."""
    with PythonServer("odd_server.py") as back:
        rules = f"ProxyPass / http://127.0.0.1:{back.port}/\nProxyPreserveHost Off"
        with Apache(rules, ("proxy", "proxy_http")) as front, Sonde(*watch(front, back)) as sonde:
            asked = Exchanges()
            client = Client(front.port, asked)
            client.ask("GET", "/extensions")
            sonde.expect_both(front.port, asked)
            for _ in range(3):
                client.ask("GET", "/plain")
                client.ask("GET", "/chunks")
                for body in (b"u", b"u" * 1_000_000, b"", [b"u" * 10_000, b"u"]):
                    client.ask("POST", "/upload", body)
            client.close()
            sonde.expect_both(front.port, asked)
            sonde.expect_both(back.port, asked)


need_programs("apache2")
run_scenarios(files_by_sendfile, answers_of_its_own, coded_answers, proxying)
