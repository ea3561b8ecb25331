# SPDX-License-Identifier: Apache-2.0
"""The JDK's own HttpServer and HttpClient: IPv4 over IPv6 sockets, and offers of an upgrade."""
from harness import Sonde, need_programs, run_scenarios
from processes import Server
from truth import Exchanges
from usual import acquaint, built, visit, visit_by


def java(source):
    directory = built(source, lambda path, into: (["javac", "-d", into, path], {}))
    return ["java", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-cp", str(directory), source.split("/")[1].split(".")[0]]


class Java(Server):
    def __init__(self):
        super().__init__()
        self.command = [*java("servers/UsualServer.java"), str(self.port)]


def server():
    with Java() as jvm, Sonde("--include", f"port={jvm.port}") as sonde:
        truth = Exchanges()
        acquaint(sonde, jvm.port, truth)
        visit(jvm.port, truth, 2)
        visit(jvm.port, truth, 1, keep=False)
        sonde.expect_both(jvm.port, truth)


def server_and_client():
    """Once a listener has answered in chunks all of its bodies are shipped: the ring is given room for so many at once."""
    for version in ("HTTP_1_1", "HTTP_2"):
        with Java() as jvm, Sonde("--ring-size=64MiB", "--include", f"port={jvm.port}") as sonde:
            truth = Exchanges()
            acquaint(sonde, jvm.port, truth)
            visit_by(truth, *java("clients/UsualClient.java"), jvm.port, 2, version)
            sonde.expect_both(jvm.port, truth)


need_programs("java", "javac")
run_scenarios(server, server_and_client)
