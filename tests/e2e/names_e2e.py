# SPDX-License-Identifier: Apache-2.0
"""Every process by its name: however short it lives, whatever says who it is, in a container too."""
import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import uuid

from harness import Sonde, need_programs, run_scenarios
from processes import DEADLINE_S, HERE, PYTHON, HttpServer, Process, free_port, listens, wait_until
from truth import Client, Exchanges


def services(sonde, role, port):
    """How often each service was counted at this end of the connections to a port."""
    found = {}
    for labels, value in sonde.samples()[f"http_{role}_request_duration_seconds_count"]:
        if labels.get("server_port") == str(port):
            found[labels["service_name"]] = found.get(labels["service_name"], 0) + int(value)
    return found


def labels_of(sonde, port):
    """Of the one server series of a port."""
    [labels] = [
        labels
        for labels, _ in sonde.samples()["http_server_request_duration_seconds_count"]
        if labels.get("server_port") == str(port)
    ]
    return labels


def ask_once(port):
    def connected():
        with contextlib.suppress(OSError):
            return socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)

    with wait_until("it listens", connected) as connection:
        connection.sendall(b"GET /one HTTP/1.1\r\nHost: a\r\n\r\n")
        while connection.recv(65536):
            pass


def servers_of_one_request():
    """Forty programs that live for one request: each has its own whole name, by script or by environment."""
    with tempfile.TemporaryDirectory() as directory:
        ports, wanted = [], {}
        for i in range(40):
            port = free_port()
            ports.append(port)
            script = pathlib.Path(directory) / f"a-script-with-a-long-name-{i}.py"
            shutil.copy(HERE / "servers" / "one_shot.py", script)
            named = {"OTEL_SERVICE_NAME": f"named-{i}"} if i % 2 else {}
            wanted[port] = (script, named, f"named-{i}" if named else script.stem)
        include = [word for port in ports for word in ("--include", f"port={port}")]
        with Sonde(*include) as sonde:
            for port, (script, named, _) in wanted.items():
                server = subprocess.Popen([PYTHON, "-S", "-E", str(script), str(port)], env={**os.environ, **named})
                ask_once(port)
                server.wait(timeout=DEADLINE_S)

            def wrong():
                return {
                    port: (services(sonde, "server", port), name)
                    for port, (_, _, name) in wanted.items()
                    if services(sonde, "server", port) != {name: 1}
                }

            wait_until(lambda: f"all are named: {wrong()}", lambda: not wrong(), 20)


def by_rule():
    """A rule says who it is, and who owns it; what is not said stays."""
    with HttpServer({"a": b"a"}) as server:
        rules = (
            "--name-rule", f"port={server.port},name=files,namespace=shop",
            "--name-rule", "label.team=storage,label.domain=core",
        )  # fmt: skip
        with Sonde("--include", f"port={server.port}", *rules) as sonde:
            truth = Exchanges()
            for _ in range(5):
                Client(server.port, truth).ask("GET", "/a")
            sonde.expect("server", server.port, truth, "files")
            labels = labels_of(sonde, server.port)
            assert labels["service_namespace"] == "shop" and labels["job"] == "shop/files", labels
            assert labels["team"] == "storage" and labels["domain"] == "core", labels
            info = [l for l, _ in sonde.samples()["target_info"] if l["service_name"] == "files"]
            assert info and info[0]["team"] == "storage", info


def by_environment():
    said = {
        "OTEL_RESOURCE_ATTRIBUTES": "service.name=no,service.namespace=shop,service.version=1%2E2,"
        "deployment.environment.name=test,host.kind=a%20b",
        "OTEL_SERVICE_NAME": "front",
    }
    with HttpServer({"a": b"a"}, env={**os.environ, **said}) as server:
        with Sonde("--include", f"port={server.port}") as sonde:
            truth = Exchanges()
            Client(server.port, truth).ask("GET", "/a")
            sonde.expect("server", server.port, truth, "front")
            labels = labels_of(sonde, server.port)
            assert labels["service_namespace"] == "shop", labels
            assert labels["deployment_environment_name"] == "test", labels
            assert "service_version" not in labels, "what every release changes is no label of metrics"
            [info] = [l for l, _ in sonde.samples()["target_info"] if l["service_name"] == "front"]
            assert info["service_version"] == "1.2" and info["host_kind"] == "a b", info


class Container(Process):
    """A container of runc: busybox, a network of its own, a server in it, and a client that asks it."""

    def __init__(self, port, requests):
        self.id = f"sonde-test-{uuid.uuid4().hex[:8]}"
        super().__init__("runc", "run", self.id)
        ask = f"busybox wget -q -O /dev/null http://127.0.0.1:{port}/page.html"
        self.script = (
            f"busybox httpd -p 127.0.0.1:{port} -h /www; i=0; "
            f"while [ $i -lt {requests} ]; do {ask} && i=$((i+1)); done; busybox sleep 600"
        )

    def prepare(self):
        root = self.directory / "rootfs"
        for folder in ("bin", "www", "proc", "dev", "sys"):
            (root / folder).mkdir(parents=True)
        shutil.copy("/usr/bin/busybox", root / "bin" / "busybox")
        (root / "www" / "page.html").write_text("page")
        subprocess.run(["runc", "spec"], cwd=self.directory, check=True)
        config = json.loads((self.directory / "config.json").read_text())
        config["process"].update(terminal=False, args=["/bin/busybox", "sh", "-c", self.script])
        config["process"]["env"] = ["PATH=/bin"]
        (self.directory / "config.json").write_text(json.dumps(config))
        self.options["cwd"] = self.directory

    def end(self):
        subprocess.run(["runc", "delete", "-f", self.id], capture_output=True, check=False)
        super().end()


def in_a_container():
    """Named by its runtime's id, and seen though no port of it is on the host's network."""
    port = free_port()
    with Sonde("--include", f"port={port}") as sonde:
        with Container(port, 20) as container:
            assert not listens(port)
            for role in ("server", "client"):
                wait_until(
                    lambda: f"{role}: {services(sonde, role, port)}\n{container.output()}",
                    lambda: services(sonde, role, port) == {container.id: 20},
                )
            labels = labels_of(sonde, port)
            assert labels["container_name"] == container.id, labels
            assert labels["http_route"] == "/page.html", labels
            [info] = [l for l, _ in sonde.samples()["target_info"] if l["service_name"] == container.id]
            assert info["container_runtime"] == "runc", info


def only_the_container():
    """Selected by its name: a server outside is left alone."""
    container = Container(free_port(), 10)
    with HttpServer({"page.html": b"page"}) as outside:
        with Sonde("--include", f"container={container.id}") as sonde, container:
            Client(outside.port, Exchanges()).ask("GET", "/page.html")
            [port] = [word.split(":")[1] for word in container.script.split() if word.startswith("127.0.0.1:")][:1]
            wait_until("its requests are counted", lambda: services(sonde, "server", port) == {container.id: 10})
            assert not services(sonde, "server", outside.port)


need_programs("runc", "busybox")
run_scenarios(servers_of_one_request, by_rule, by_environment, in_a_container, only_the_container)
