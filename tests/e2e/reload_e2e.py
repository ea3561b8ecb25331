# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: what the file says is taken over while requests come, none of them is lost by that, and a file with a mistake
changes nothing."""
import collections
import contextlib
import pathlib
import re
import signal
import tempfile
import threading

from busy import Busy, decoded, samples_of
from harness import Sonde, need_programs, run_scenarios
from processes import Nginx, PythonServer, wait_until
from truth import Client, Exchanges

ANSWER = 'location / { return 200 "answer"; }'


class Settings:
    """A configuration file, and the Sonde that runs by it."""

    def __init__(self, **first):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="sonde-e2e-"))
        self.file = self.directory / "sonde.yaml"
        self.write(**first)

    def write(self, ports, name="front", route="/items/{id}", level="info"):
        watched = "".join(f"\n    - {{port: {port}}}" for port in ports)
        self.file.write_text(
            f"""
log: {{level: {level}}}
selection:
  include:{watched}
naming:
  rules:
    - {{exe: nginx, name: {name}}}
routes:
  patterns:
    - {route}
"""
        )

    @staticmethod
    def hang_up(sonde, wanted):
        """Sends SIGHUP, and gives what Sonde says of it: the lines from then on, once there is the wanted one."""
        before = len(sonde.output())
        sonde.process.send_signal(signal.SIGHUP)
        wait_until(lambda: f"it says {wanted}:\n{sonde.output()}", lambda: wanted in sonde.output()[before:])
        return sonde.output()[before:].splitlines()


@contextlib.contextmanager
def traffic(port):
    """Requests without a pause, over one connection, while the context lasts; gives what they were."""
    asked, stop = Exchanges(), threading.Event()

    def ask():
        client = Client(port, asked)
        while not stop.is_set():
            client.ask("GET", "/noise")
        client.close()

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield asked
    finally:
        stop.set()
        thread.join()


def counted(sonde, role, port):
    """{(service, route): exchanges}"""
    found = collections.Counter()
    for labels, value in sonde.samples()[f"http_{role}_request_duration_seconds_count"]:
        if labels.get("server_port") == str(port):
            found[labels["service_name"], labels.get("http_route")] += int(value)
    return found


def names_and_routes_under_traffic():
    with Nginx(ANSWER) as nginx:
        settings = Settings(ports=[nginx.port])
        with Sonde("--config", str(settings.file)) as sonde:
            asked = Exchanges()
            kept = Client(nginx.port, asked)  # its connection has its series at hand when they become others
            with traffic(nginx.port) as noise:
                for turn in range(1, 6):
                    name, route = f"front-{turn}", f"/items/{{turn-{turn}}}"
                    settings.write([nginx.port], name, route)
                    told = settings.hang_up(sonde, "reloaded")
                    assert len(told) == 1 and "changed=naming.rules,routes.patterns" in told[0], told
                    new = Client(nginx.port, asked)
                    for item in range(50):
                        kept.ask("GET", f"/items/{item}")
                        new.ask("GET", f"/items/{item}")
                    wait_until(
                        lambda: f"100 of {name} {route}: {counted(sonde, 'server', nginx.port)}",
                        lambda: counted(sonde, "server", nginx.port)[name, route] == 100,
                    )
            for role in ("server", "client"):
                wait_until(
                    lambda: f"{asked.count()} and {noise.count()}: {counted(sonde, role, nginx.port)}",
                    lambda: counted(sonde, role, nginx.port).total() == asked.count() + noise.count(),
                )
            # Those of every turn stay where they were counted.
            found = counted(sonde, "server", nginx.port)
            assert [found[f"front-{turn}", f"/items/{{turn-{turn}}}"] for turn in range(1, 6)] == [100] * 5, found


def selection():
    with PythonServer("raw_server.py") as always, PythonServer("raw_server.py") as later:
        settings = Settings(ports=[always.port])
        with Sonde("--config", str(settings.file)) as sonde:
            to_always, to_later = Exchanges(), Exchanges()

            def ask(seen_of_later):
                for _ in range(20):
                    Client(always.port, to_always).ask("GET", "/always")
                    Client(later.port, seen_of_later).ask("GET", "/later")
                sonde.expect_both(always.port, to_always)
                sonde.expect_both(later.port, to_later)

            ask(Exchanges())
            settings.write([always.port, later.port])
            settings.hang_up(sonde, "reloaded changed=selection.include")
            ask(to_later)
            settings.write([always.port])
            settings.hang_up(sonde, "reloaded changed=selection.include")
            ask(Exchanges())


def a_mistake_changes_nothing():
    with Nginx(ANSWER) as nginx:
        settings = Settings(ports=[nginx.port])
        with Sonde("--config", str(settings.file)) as sonde, traffic(nginx.port) as noise:
            for mistake in ("naming: {rules: [{planet: mars, name: x}]}", "routes: [", "limits: {series: many}"):
                settings.file.write_text(mistake)
                told = settings.hang_up(sonde, "nothing changed")
                assert len(told) == 1 and "error" in told[0] and str(settings.file) in told[0], told
            settings.file.unlink()
            told = settings.hang_up(sonde, "nothing changed")
            assert len(told) == 1 and str(settings.file) in told[0], told

            asked = Exchanges()
            client = Client(nginx.port, asked)
            for item in range(50):
                client.ask("GET", f"/items/{item}")
            wait_until(
                lambda: f"50 by the old rules: {counted(sonde, 'server', nginx.port)}",
                lambda: counted(sonde, "server", nginx.port)["front", "/items/{id}"] == 50,
            )
            # What waits for a restart is told; the rest of the same file is taken over.
            settings.write([nginx.port], name="other")
            settings.file.write_text(settings.file.read_text() + "limits: {series: 777}\n")
            told = settings.hang_up(sonde, "reloaded")
            assert "limits.series" in told[0] and "restart" in told[0], told
            assert "changed=naming.rules" in told[1], told
        assert noise.count() > 0


def rate_of_profiles():
    """The next profile is of the new rate: its period, and more samples than the old rate has in that time on one CPU."""
    settings = Settings(ports=[1])
    with Busy("busy_rate") as busy:
        settings.file.write_text("profile: {frequency: 49}\n")

        def profile(sonde):
            text = decoded(sonde.get(f"/debug/pprof/profile?seconds=1&pid={busy.process.pid}").content)
            [period] = re.findall(r"^period: (\d+)", text, re.MULTILINE)
            return int(period), samples_of(text)["busy_rate"][0]

        with Sonde("--config", str(settings.file)) as sonde:
            period, samples = profile(sonde)
            assert period == 10**9 // 49 and samples < 120, (period, samples)
            settings.file.write_text("profile: {frequency: 997}\n")
            settings.hang_up(sonde, "reloaded changed=profile.frequency")
            period, samples = profile(sonde)
            assert period == 10**9 // 997 and samples > 120, (period, samples)


need_programs("nginx", "protoc")
run_scenarios(names_and_routes_under_traffic, selection, a_mistake_changes_nothing, rate_of_profiles)
