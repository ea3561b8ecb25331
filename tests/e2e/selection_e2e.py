# SPDX-License-Identifier: Apache-2.0
"""What is left out is left alone, and what is beside it is exact."""
import subprocess

from harness import Sonde, need_programs, run_scenarios
from processes import DEADLINE_S, HttpServer, Nginx, PythonServer, wait_until
from truth import Client, Exchanges

SIZE = 1_000_000


def watch(*ports):
    return [word for port in ports for word in ("--include", f"port={port}")]


def by_executable():
    """Started before Sonde or after it: an excluded server's bytes stay where they are."""
    with Nginx(files={"old.bin": b"o" * SIZE}) as old, PythonServer("raw_server.py") as beside:
        young = Nginx(files={"young.bin": b"y" * SIZE})
        ports = (old.port, young.port, beside.port)
        with Sonde(*watch(*ports), "--exclude", "exe=nginx") as sonde, young:
            to_old, to_young, truth = Exchanges(), Exchanges(), Exchanges()

            def bytes_off(port, path, seen):
                before = sonde.value("sonde_kernel_bytes_off_total")
                Client(port, seen).ask("GET", path)
                return sonde.value("sonde_kernel_bytes_off_total") - before

            # The verdict on the young one stands some milliseconds after its start.
            wait_until("its bytes stay", lambda: bytes_off(young.port, "/young.bin", to_young) >= SIZE)
            before = sonde.value("sonde_kernel_bytes_off_total")
            for _ in range(20):
                Client(old.port, to_old).ask("GET", "/old.bin")
                Client(young.port, to_young).ask("GET", "/young.bin")
                Client(beside.port, truth).ask("GET", "/beside")
            sonde.expect_both(beside.port, truth)
            # Its clients are watched, and see it as any other.
            sonde.expect("client", old.port, to_old)
            sonde.expect("client", young.port, to_young)
            sonde.expect("server", old.port, Exchanges())
            sonde.expect("server", young.port, Exchanges())
            assert sonde.value("sonde_kernel_bytes_off_total") - before >= 40 * SIZE


def by_port():
    """Connections to other ports ship no byte, from the first one on."""
    with PythonServer("raw_server.py") as inside, PythonServer("raw_server.py") as outside:
        with Sonde(*watch(inside.port)) as sonde:
            truth = Exchanges()
            client = Client(inside.port, truth)
            client.ask("GET", "/inside")
            sonde.expect_both(inside.port, truth)
            shipped = sonde.value("sonde_kernel_bytes_shipped_total")
            off = sonde.value("sonde_kernel_calls_off_total")
            for _ in range(50):
                Client(outside.port, Exchanges()).ask("GET", "/outside?n=1000")
            assert sonde.value("sonde_kernel_bytes_shipped_total") == shipped
            assert sonde.value("sonde_kernel_calls_off_total") - off >= 200
            for _ in range(50):
                client.ask("GET", "/inside")
            sonde.expect_both(inside.port, truth)
            sonde.expect_both(outside.port, Exchanges())


def by_user():
    page = {"page.html": b"page"}
    with HttpServer(page, user="nobody") as other, HttpServer(page) as own:
        with Sonde(*watch(other.port, own.port), "--exclude", "user=nobody") as sonde:
            to_other, truth = Exchanges(), Exchanges()
            for _ in range(20):
                Client(other.port, to_other).ask("GET", "/page.html")
                Client(own.port, truth).ask("GET", "/page.html")
            sonde.expect_both(own.port, truth)
            sonde.expect("client", other.port, to_other)
            sonde.expect("server", other.port, Exchanges())


def by_arguments_and_port():
    """A rule that joins both is decided connection by connection."""
    with PythonServer("raw_server.py") as raw, PythonServer("odd_server.py") as odd:
        rules = ("--include", f"args=*raw_server.py*,port={raw.port}", "--include", f"args=*raw_server.py*,port={odd.port}")
        with Sonde(*rules) as sonde:
            truth = Exchanges()
            for _ in range(20):
                Client(raw.port, truth).ask("GET", "/raw")
                Client(odd.port, Exchanges()).ask("GET", "/plain")
            sonde.expect("server", raw.port, truth)
            sonde.expect("client", raw.port, Exchanges())
            sonde.expect_both(odd.port, Exchanges())


def never_itself():
    """Scrapes are requests of whoever scrapes; Sonde is no service."""
    with Sonde("--include", "exe=curl", "--include", "exe=sonde") as sonde:
        for _ in range(10):
            url = f"http://127.0.0.1:{sonde.port}/healthz"
            subprocess.run(["curl", "-sS", "-o", "/dev/null", url], check=True, timeout=DEADLINE_S)
        truth = Exchanges()
        truth.add("GET", 200, "/healthz", response=len(sonde.get("/healthz").content), times=10)
        sonde.expect("client", sonde.port, truth, "curl")
        sonde.expect("server", sonde.port, Exchanges())
        services = {labels["service_name"] for labels, _ in sonde.samples()["target_info"]}
        assert services == {"curl"}, services


need_programs("nginx", "curl")
run_scenarios(by_executable, by_port, by_user, by_arguments_and_port, never_itself)
