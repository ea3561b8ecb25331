# SPDX-License-Identifier: Apache-2.0
"""Node's http, as a server and as a client that keeps its connections."""
from harness import Sonde, need_programs, run_scenarios
from processes import HERE, Server
from truth import Exchanges
from usual import acquaint, pipelined, visit, visit_by


class Node(Server):
    def __init__(self):
        super().__init__()
        self.command = ["node", str(HERE / "servers/usual_node.js"), str(self.port)]


def server():
    with Node() as node, Sonde("--include", f"port={node.port}") as sonde:
        truth = Exchanges()
        acquaint(sonde, node.port, truth)
        visit(node.port, truth)
        visit(node.port, truth, 1, keep=False)
        pipelined(node.port, truth, 1, 2, 100, 1)
        sonde.expect_both(node.port, truth)


def server_and_client():
    """Once a listener has answered in chunks all of its bodies are shipped: the ring is given room for so many at once."""
    with Node() as node, Sonde("--ring-size=64MiB", "--include", f"port={node.port}") as sonde:
        truth = Exchanges()
        acquaint(sonde, node.port, truth)
        visit_by(truth, "node", HERE / "clients/usual_node.js", node.port, 10)
        sonde.expect_both(node.port, truth)


need_programs("node")
run_scenarios(server, server_and_client)
