# SPDX-License-Identifier: Apache-2.0
"""Go's net/http, statically linked, as a server and as a client: no library that anything could be hooked into."""
from harness import Sonde, need_programs, run_scenarios
from processes import Server
from truth import Exchanges
from usual import CACHE, acquaint, built, pipelined, visit, visit_by


def compiled(source):
    def compile_into(path, directory):
        environment = {
            "CGO_ENABLED": "0", "GOFLAGS": "-mod=mod", "GOPROXY": "off", "GOCACHE": str(CACHE / "go"), "GO111MODULE": "off",
        }  # fmt: skip
        return ["go", "build", "-o", directory / path.stem, path], environment

    return built(source, compile_into) / "usual_go"


class Go(Server):
    def __init__(self):
        super().__init__()
        self.command = [str(compiled("servers/usual_go.go")), str(self.port)]


def server():
    with Go() as go, Sonde("--include", f"port={go.port}") as sonde:
        truth = Exchanges()
        acquaint(sonde, go.port, truth)
        visit(go.port, truth)
        visit(go.port, truth, 1, keep=False)
        pipelined(go.port, truth, 1, 2, 100, 1)
        sonde.expect_both(go.port, truth)


def server_and_client():
    """Once a listener has answered in chunks all of its bodies are shipped: the ring is given room for so many at once."""
    with Go() as go, Sonde("--ring-size=64MiB", "--include", f"port={go.port}") as sonde:
        truth = Exchanges()
        acquaint(sonde, go.port, truth)
        visit_by(truth, compiled("clients/usual_go.go"), go.port, 10)
        sonde.expect_both(go.port, truth)


need_programs("go")
run_scenarios(server, server_and_client)
