# SPDX-License-Identifier: Apache-2.0
"""Real clients: curl as people use it, and wrk at full speed."""
import re
import subprocess

from harness import OF_A_FULL_RING, Sonde, need_programs, run_scenarios
from processes import DEADLINE_S, Nginx, PythonServer, wait_until
from truth import Exchanges, Kind, Total

FILES = {"small.txt": b"small\n", "page.html": b"p" * 612}
MAY_LOSE = {"losses": OF_A_FULL_RING}


def curl(*words):
    """Runs it and gives, for each transfer, (status, bytes up, bytes down)."""
    # A word of our own in front: in parallel it shows its progress there, whatever it is told.
    command = ["curl", "-sS", "-w", "%{stderr}\ndone %{http_code} %{size_upload} %{size_download}\n", *words]
    done = subprocess.run(command, capture_output=True, timeout=DEADLINE_S, check=True)
    return [tuple(map(int, each)) for each in re.findall(rb"^done (\d+) (\d+) (\d+)$", done.stderr, re.MULTILINE)]


def many_urls_on_one_connection():
    with Nginx(files=FILES) as nginx, Sonde("--include", f"port={nginx.port}") as sonde:
        truth = Exchanges()
        base = f"http://127.0.0.1:{nginx.port}"
        for words in ([f"{base}/small.txt", f"{base}/page.html", f"{base}/missing"] * 20, ["--http1.0", f"{base}/small.txt"]):
            paths = [word.removeprefix(base) for word in words if word.startswith(base)]
            answers = curl(*words)
            assert len(answers) == len(paths)
            for path, (status, _, down) in zip(paths, answers):
                truth.add("GET", status, path, response=down)
        for status, _, _ in curl("-I", f"{base}/page.html"):
            truth.add("HEAD", status, "/page.html")
        sonde.expect_both(nginx.port, truth)
        assert sonde.counted("client", nginx.port, "curl").count() == truth.count()


def uploads_that_ask_first():
    """Expect: 100-continue; the interim answer is no answer."""
    with PythonServer("odd_server.py") as server, Sonde("--include", f"port={server.port}") as sonde:
        truth = Exchanges()
        url = f"http://127.0.0.1:{server.port}/upload"
        for size in (10, 2_000_000):
            for words in (["-H", "Expect: 100-continue"], ["-H", "Expect:"]):
                data = subprocess.Popen(["head", "-c", str(size), "/dev/zero"], stdout=subprocess.PIPE)
                command = ["curl", "-sS", "--data-binary", "@-", "-w", "%{stderr}%{size_upload}", *words, url]
                done = subprocess.run(command, stdin=data.stdout, capture_output=True, timeout=DEADLINE_S, check=True)
                assert done.stderr == b"%d" % size
                truth.add("POST", 201, "/upload", request=size, response=len(done.stdout))
        sonde.expect_both(server.port, truth)


def in_parallel():
    with Nginx(files=FILES) as nginx, Sonde("--include", f"port={nginx.port}") as sonde:
        truth = Exchanges()
        answers = curl("-Z", "--parallel-max", "50", *[f"http://127.0.0.1:{nginx.port}/page.html"] * 300)
        assert len(answers) == 300
        for status, _, down in answers:
            truth.add("GET", status, "/page.html", response=down)
        sonde.expect_both(nginx.port, truth)


def wrk(port, path, connections, *words):
    command = ["wrk", "-t1", f"-c{connections}", "-d3s", *words, f"http://127.0.0.1:{port}{path}"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=True).stdout
    assert "Socket errors" not in told and "Non-2xx" not in told, told
    return int(re.search(r"(\d+) requests in", told)[1])


def check_against(nginx, sonde, told, connections):
    """nginx has a line for each answer, with the bytes that it could send: wrk closes with its last requests under way,
    up to one a connection. Sonde agrees with nginx to the request; wrk's end is between what wrk says and that. Where
    Sonde gets too little of the machine its ring may overflow: then each exchange that is missing has lost a record,
    which is told."""
    nginx.stop()
    size = len(FILES["page.html"])
    logged = nginx.logged()
    given = logged.pop(("GET", "200", "/page.html", str(size)))
    cut = sum(logged.values())
    assert told <= given + cut and given <= told + connections, (told, given, logged)

    def whole_and_cut(role):
        counted = sonde.counted(role, nginx.port)
        whole = counted.pop(Kind("GET", "200", "/page.html", ""), Total())
        assert whole.response_bytes == (whole.count - whole.unsized) * size, whole
        assert lost or not whole.unsized, whole
        return whole.count, counted.count()

    records_lost = lambda: sonde.lost("ring", "ring_full")  # noqa: E731
    wait_until(lambda: f"the books balance, {records_lost()} records lost:\n{sonde.unbalanced()}", lambda: not sonde.unbalanced())
    lost = records_lost()
    if lost:
        print(f"      {lost} records found no room, of {2 * given} exchanges' ends", flush=True)
        for role, least in (("server", given + cut), ("client", told)):
            wait_until(
                lambda: f"{role} side, {given} and {cut}, {lost} records lost: {whole_and_cut(role)}",
                lambda: least - lost <= sum(whole_and_cut(role)) <= given + cut,
            )
        return
    wait_until(
        lambda: f"nginx gave {given} and cut {cut}, counted are {whole_and_cut('server')}",
        lambda: whole_and_cut("server") == (given, cut),
    )
    read, unread = whole_and_cut("client")
    assert told <= read <= given + cut and unread <= connections, (told, read, unread)


def at_saturation():
    with Nginx(files=FILES) as nginx, Sonde("--include", f"port={nginx.port}", **MAY_LOSE) as sonde:
        told = wrk(nginx.port, "/page.html", 64)
        check_against(nginx, sonde, told, 64)


def a_connection_each():
    with Nginx(files=FILES) as nginx, Sonde("--include", f"port={nginx.port}", **MAY_LOSE) as sonde:
        told = wrk(nginx.port, "/page.html", 32, "-H", "Connection: close")
        check_against(nginx, sonde, told, 32)


need_programs("nginx", "curl", "wrk")
run_scenarios(many_urls_on_one_connection, uploads_that_ask_first, in_parallel, at_saturation, a_connection_each)
