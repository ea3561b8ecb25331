# SPDX-License-Identifier: Apache-2.0
"""The governor: over its budget Sonde gives up bodies, then heads, in that order, and takes them back when it is calm; a
service that makes all the noise is restrained alone. Every exchange is counted all the while, as many as were served."""
import contextlib
import http.client
import signal
import time

from harness import Sonde, need_programs, run_scenarios
from processes import Nginx, Process, wait_until
from truth import Client, Exchanges, Kind

PAGE = b"p" * 612
FILES = {"page.html": PAGE, "quiet.html": PAGE}
UNREAD = Kind("_OTHER", "unknown", "unknown", "")
TIGHT = "--cpu-budget=1"  # percent of all CPUs: any load is over it, a request now and then is not
LONG_S = 150


@contextlib.contextmanager
def load(port, connections=8):
    """wrk until the context ends; it must have met no error."""
    with Process("wrk", "-t1", f"-c{connections}", "-d600s", f"http://127.0.0.1:{port}/page.html") as wrk:
        yield
        code = wrk.stop(signal.SIGINT)
        told = wrk.output()
        assert code == 0 and "Socket errors" not in told and "Non-2xx" not in told, told


def downs(sonde):
    return sonde.output().count("given up, turns stay counted")


def ups(sonde):
    return sonde.output().count("taken back")


def restraint(sonde, scope):
    """Of everybody, or the strongest on a service alone."""
    return max((v for labels, v in sonde.samples()["sonde_governor_restraint"] if labels["scope"] == scope), default=0)


def steps(sonde, direction):
    [value] = [v for labels, v in sonde.samples()["sonde_governor_steps_total"] if labels["direction"] == direction]
    return value


def exact(sonde, nginx, roles):
    """What nginx served is what was counted, read or not; gives how many of them were not read."""
    served = sum(nginx.logged().values())
    for role in roles:
        wait_until(
            lambda: f"{served} served: {role}: {sonde.counted(role, nginx.port)}",
            lambda: sonde.counted(role, nginx.port).count() == served,
        )
    return sonde.counted("server", nginx.port)[UNREAD].count


@contextlib.contextmanager
def governed(*servers):
    """Sonde over these servers, which it calls by numbers, and not over wrk. What it gives up is no help while others have
    the CPU: there is room for all that comes meanwhile."""
    flags = ["--ring-size=64MiB", "--exclude", "exe=wrk"]
    for i, server in enumerate(servers):
        flags += ["--name-rule", f"port={server.port},name=server-{i}", "--include", f"port={server.port}"]
    with Sonde(TIGHT, *flags) as sonde:
        yield sonde


@contextlib.contextmanager
def profile_under_way(sonde):
    """One that nobody waits for to its end."""
    client = http.client.HTTPConnection("127.0.0.1", sonde.port)
    with contextlib.closing(client):
        client.request("GET", "/debug/pprof/profile?seconds=300")
        assert client.getresponse().status == 200
        yield


def one_loud_service():
    """It is restrained alone, step by step: another one's requests stay known to the last. Both are exact. Before its heads
    the profile that is being made gives up its rate."""
    with Nginx(files=FILES) as loud, Nginx(files=FILES) as quiet:
        with governed(loud, quiet) as sonde:
            client = Client(quiet.port, Exchanges())
            with load(loud.port), profile_under_way(sonde):
                wait_until("the governor looks", lambda: sonde.samples()["sonde_governor_profile_slowness"])
                assert sonde.value("sonde_governor_profile_slowness") == 1
                wait_until(lambda: f"one step:\n{sonde.output()}", lambda: downs(sonde) == 1, LONG_S)
                assert (restraint(sonde, "all"), restraint(sonde, "service")) == (0, 1), sonde.output()
                client.ask("GET", "/quiet.html")
                slowed = "rate of profiles of all services given up, shares stay true"
                wait_until(lambda: f"another:\n{sonde.output()}", lambda: slowed in sonde.output(), LONG_S)
                assert sonde.value("sonde_governor_profile_slowness") == 4
                wait_until(lambda: f"a third:\n{sonde.output()}", lambda: downs(sonde) == 2, LONG_S)
                client.ask("GET", "/quiet.html")
                assert (restraint(sonde, "all"), restraint(sonde, "service")) == (0, 2), sonde.output()
                time.sleep(2)
            client.close()
            unread = exact(sonde, loud, ["server"])
            print(f"  {sum(loud.logged().values())} served and counted, {unread} of them not read", flush=True)
            assert unread > 1000, sonde.counted("server", loud.port)
            assert exact(sonde, quiet, ["server", "client"]) == 0, sonde.counted("server", quiet.port)
            assert steps(sonde, "down") == downs(sonde) + 1, sonde.output()


def everybody_and_back():
    """Nobody makes most of the noise: all are restrained. When it has been calm for long all is taken back, the last first,
    and requests are read again."""
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(Nginx(files=FILES)) for _ in range(4)]
        with governed(*servers) as sonde:
            with contextlib.ExitStack() as loads:
                for server in servers:
                    loads.enter_context(load(server.port, 4))
                wait_until(lambda: f"heads are given up:\n{sonde.output()}", lambda: downs(sonde) == 2, LONG_S)
                assert (restraint(sonde, "all"), restraint(sonde, "service")) == (2, 0), sonde.output()
                time.sleep(2)
            for server in servers:
                assert exact(sonde, server, ["server"]) > 0, sonde.counted("server", server.port)
            one = servers[0]
            client = Client(one.port, Exchanges())

            def taken_back():
                time.sleep(1)
                client.ask("GET", "/quiet.html")
                return ups(sonde) == 2

            wait_until(lambda: f"all is taken back:\n{sonde.output()}", taken_back, LONG_S)
            assert restraint(sonde, "all") == 0
            quiet = Kind("GET", "200", "/quiet.html", "")
            before = sonde.counted("server", one.port)[quiet].count
            client.ask("GET", "/quiet.html")
            client.close()
            wait_until("it reads again", lambda: sonde.counted("server", one.port)[quiet].count > before)
            exact(sonde, one, ["server"])


if __name__ == "__main__":
    need_programs("nginx", "wrk")
    run_scenarios(one_loud_service, everybody_and_back)
