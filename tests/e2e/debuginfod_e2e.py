#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Debug files that a server has: asked for only if a person said so, believed only if they are the right ones, bounded."""
import contextlib
import gzip
import http.server
import os
import pathlib
import re
import socket
import subprocess
import tempfile
import threading
import urllib.request

from harness import SONDE, Sonde, need_programs, run_scenarios
from processes import DEADLINE_S, free_port, wait_until

SOURCE = r"""
#include <stdlib.h>
__attribute__((noinline, noclone, used)) static int hidden(int x) {
  for (int i = 0; i < x; i++) __asm__ volatile("");
  return x;
}
int main(int count, char **words) {
  while (count > 1) hidden(1 << 30);
  return hidden(atoi("1"));
}
"""
KEPT = pathlib.Path("/var/cache/sonde")


def run(*command, **more):
    return subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True, timeout=DEADLINE_S, **more).stdout


def symbolize(*words):
    return run(SONDE, "symbolize", *words).splitlines()


class Shop:
    """A program without symbols, and its debug file, whose build nobody saw before."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        source, whole = self.folder / "shop.c", self.folder / "whole"
        source.write_text(SOURCE + f'const char which[] = "{folder}";\n')
        run("cc", "-O1", "-g", "-Wl,--build-id", "-o", whole, source)
        self.build_id = re.search(r"Build ID: (\w+)", run("readelf", "-n", whole))[1]
        self.address = next(line.split()[0] for line in run("nm", whole).splitlines() if line.endswith(" hidden"))
        self.served = self.folder / "served"
        self.served.mkdir()
        self.debug, self.program = self.served / "shop.debug", self.folder / "shop"
        run("objcopy", "--only-keep-debug", whole, self.debug)
        run("strip", "-o", self.program, whole)
        whole.unlink()

    def symbolize(self, *flags, env=None):
        """What it is called, and what was said."""
        done = subprocess.run([SONDE, "symbolize", *flags, str(self.program), self.address],
                              capture_output=True, text=True, timeout=DEADLINE_S, env=env)  # fmt: skip
        assert done.returncode == 0, done
        return done.stdout.splitlines()[0], done.stderr

    def is_unknown(self, name):
        return name.startswith("shop+0x")


@contextlib.contextmanager
def shop():
    with tempfile.TemporaryDirectory(prefix="sonde-debuginfod-") as folder:
        made = Shop(folder)
        try:
            yield made
        finally:
            for kept in [*KEPT.glob(f"{made.build_id}*"), *KEPT.glob(f"debug/{made.build_id}*")]:
                kept.unlink()


@contextlib.contextmanager
def debuginfod(folder):
    """The real server, and how often it was asked for debug files."""
    port = free_port()
    command = ["debuginfod", "-F", "-d", ":memory:", "-p", str(port), "-t", "0", "-g", "0", str(folder)]
    with tempfile.TemporaryDirectory() as home, subprocess.Popen(
        command, stdout=-3, stderr=-3, env={"PATH": os.environ["PATH"], "HOME": home}
    ) as server:
        url = f"http://127.0.0.1:{port}"

        def metrics():
            with contextlib.suppress(OSError), urllib.request.urlopen(url + "/metrics", timeout=DEADLINE_S) as answer:
                return answer.read().decode()

        def asked():
            return sum(int(n) for n in re.findall(r'^http_requests_total\{type="debuginfo"\} (\d+)', metrics(), re.M))

        try:
            wait_until("it has read its folder", lambda: re.search(r'groom.*debuginfo.*[1-9]|scanned_files_total\{.*\} [1-9]|thread_work_total\{role="scan"\} [1-9]', metrics() or ""))
            yield url, asked
        finally:
            server.kill()


class Odd(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        self.server.answer(self)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def odd(answer):
    """A server that answers so, and what it was asked."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Odd) as server:
        server.daemon_threads = True
        server.asked, server.answer, server.over = [], answer, threading.Event()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", server.asked
        finally:
            server.over.set()
            server.shutdown()


def gives(body, length=None, status=200):
    def answer(request):
        request.send_response(status)
        request.send_header("Content-Length", str(len(body) if length is None else length))
        request.end_headers()
        with contextlib.suppress(OSError):
            request.wfile.write(body)

    return answer


def a_server_is_asked_only_if_a_person_said_so():
    with shop() as made, debuginfod(made.served) as (url, asked):
        urls = {**os.environ, "DEBUGINFOD_URLS": f"{url} ima:permissive"}
        assert made.is_unknown(made.symbolize(env=urls)[0])
        assert asked() == 0
        name, said = made.symbolize("--debuginfod", "env", env=urls)
        assert name == "hidden" and "1 fetched" in said, (name, said)
        assert asked() == 1
        # It is kept, and so is its file, which has the lines too.
        assert made.symbolize("--debuginfod", url)[0] == "hidden"
        assert made.symbolize("--debuginfod", url, "--lines")[0].startswith(f"hidden at {made.folder}/shop.c:")
        assert made.symbolize()[0] == "hidden"
        assert asked() == 1
        assert (KEPT / "debug" / f"{made.build_id}.debug").stat().st_mode & 0o777 == 0o600


def profiles_have_the_names():
    with shop() as made, debuginfod(made.served) as (url, asked):
        with subprocess.Popen([made.program, "on"]) as busy:
            try:

                def innermost(*flags):
                    """Of stacks of the program, as often as it takes to meet one."""
                    words = [SONDE, "profile", "-d", "1", "-F", "199", "-p", busy.pid, "--folded", *flags]
                    return wait_until("a sample of it", lambda: re.findall(r"^shop;.*;([^;]*) \d+$", run(*words), re.M))

                places = innermost()
                place = next(each for each in places if each.startswith(f"shop:{made.build_id[:16]}+0x"))
                assert "hidden" not in places and asked() == 0, places
                assert symbolize(place)[0] == place
                assert "hidden" in innermost("--debuginfod", url)
                assert asked() == 1
                assert symbolize(place)[0] == "hidden"  # what is kept names it afterwards
            finally:
                busy.kill()


def profiles_of_a_confined_sonde_have_them():
    with shop() as made, debuginfod(made.served) as (url, asked), Sonde("--debuginfod", url) as sonde:
        with subprocess.Popen([made.program, "on"]) as busy:
            try:

                def is_named():
                    path = f"/debug/pprof/profile?seconds=1&pid={busy.pid}"
                    with urllib.request.urlopen(f"http://127.0.0.1:{sonde.port}{path}", timeout=DEADLINE_S) as answer:
                        return b"hidden" in gzip.decompress(answer.read())

                wait_until("a sample of it", is_named)
                assert asked() == 1
            finally:
                busy.kill()


def who_fails_three_times_in_a_row_is_left_alone():
    with contextlib.ExitStack() as stack, odd(gives(b"no", status=500)) as (url, asked):
        shops = [stack.enter_context(shop()) for _ in range(4)]
        given = "".join(f"{made.program} {made.address}\n" for made in shops)
        done = subprocess.run([SONDE, "symbolize", "--debuginfod", url], input=given, capture_output=True, text=True, timeout=DEADLINE_S)
        assert all(map(shops[0].is_unknown, done.stdout.splitlines())), done
        assert len(asked) == 3 and "3 asked for in vain, 1 not asked for" in done.stderr, (asked, done.stderr)
        assert "500" in done.stderr and "3 times in a row nothing came" in done.stderr, done.stderr


def what_no_server_has_is_not_asked_for_again():
    with shop() as made, odd(gives(b"no", status=404)) as (url, asked), odd(gives(b"no", status=404)) as (other, also):
        for _ in range(2):
            assert made.is_unknown(made.symbolize("--debuginfod", f"{url} {other}/")[0])
            assert asked == also == [f"/buildid/{made.build_id}/debuginfo"], (asked, also)
        name, said = made.symbolize("--debuginfod", other)
        assert len(also) == 2 and "1 that none has" in said, (also, said)  # other servers, another question


def the_first_that_has_it_is_enough():
    with shop() as made, odd(gives(b"no", status=500)) as (broken, _), odd(gives(made.debug.read_bytes())) as (good, asked):
        assert made.symbolize("--debuginfod", f"{broken} {good}")[0] == "hidden" and len(asked) == 1


def what_is_not_the_right_file_is_not_believed():
    with shop() as made, shop() as other:
        right = made.debug.read_bytes()
        for body, why in (
            (b"garbage" * 100, "no debug file of that build"),
            (other.debug.read_bytes(), "no debug file of that build"),
            (right[:1000], "no debug file of that build"),
            (b"", "no debug file of that build"),
        ):
            with odd(gives(body)) as (url, asked):
                name, said = made.symbolize("--debuginfod", url)
                assert made.is_unknown(name) and why in said and "1 asked for in vain" in said, (name, said)
                made.symbolize("--debuginfod", url)
                assert len(asked) == 1, asked
        assert not list(KEPT.glob(f"debug/{made.build_id}.debug"))
        # The notes are right and the rest is not: names are missing, and nothing else.
        half = len(right) // 2
        spoilt = right[:1024] + bytes(half - 1024) + right[half:]
        with odd(gives(spoilt)) as (url, _):
            made.symbolize("--debuginfod", url)


def what_is_too_much_is_not_taken():
    def endless(request):
        request.send_response(200)
        request.end_headers()
        with contextlib.suppress(OSError):
            while not request.server.over.is_set():
                request.wfile.write(bytes(1 << 20))

    with shop() as made:
        for answer in (gives(b"x", length=10 << 30), endless):
            with odd(answer) as (url, _):
                name, said = made.symbolize("--debuginfod", url, "--debuginfod-size=4MiB")
                assert made.is_unknown(name) and "is larger than 4 MiB" in said, (name, said)


def who_is_slow_or_silent_is_waited_for_no_longer_than_that():
    def hang(request):
        request.server.over.wait(DEADLINE_S)

    def drip(request):
        request.send_response(200)
        request.end_headers()
        with contextlib.suppress(OSError):
            while not request.server.over.wait(0.1):
                request.wfile.write(b"x")
                request.wfile.flush()

    with shop() as made, socket.create_server(("127.0.0.1", 0), backlog=0) as deaf:
        for answer in (hang, drip):
            with odd(answer) as (url, _):
                name, said = made.symbolize("--debuginfod", url, "--debuginfod-time=1s")
                assert made.is_unknown(name) and "took too long (1 s)" in said, (name, said)
        nobody = free_port()
        name, said = made.symbolize("--debuginfod", f"http://127.0.0.1:{nobody}")
        assert made.is_unknown(name) and "onnect" in said, (name, said)
        name, said = made.symbolize("--debuginfod", f"http://127.0.0.1:{deaf.getsockname()[1]}", "--debuginfod-time=1s")
        assert made.is_unknown(name) and "in vain" in said, (name, said)


def who_asks_may_do_little():
    """It is nobody, holds no capability, starts no new privileges; and ends with who waits."""
    began = threading.Event()

    def hang(request):
        began.set()
        request.server.over.wait(DEADLINE_S)

    def processes(name):
        found = {}
        for path in pathlib.Path("/proc").glob("[0-9]*/status"):
            with contextlib.suppress(OSError):
                of = dict(line.split(":\t", 1) for line in path.read_text().splitlines() if ":\t" in line)
                if of["Name"] == name:
                    found[int(of["Pid"])] = of
        return found

    def below(pid):
        """What it started, and what that did, by name."""
        every = {}
        for name in ("sonde-tables", "sonde-fetch", "curl"):
            for of in processes(name).values():
                every[int(of["Pid"])] = of
        mine, found = {pid}, {}
        for _ in range(3):
            for of in every.values():
                if int(of["PPid"]) in mine:
                    mine.add(int(of["Pid"]))
                    found[of["Name"]] = of
        return found

    with shop() as made, odd(hang) as (url, _):
        command = [SONDE, "symbolize", "--debuginfod", url, str(made.program), made.address]
        with subprocess.Popen(command, stdout=-3, stderr=-3) as asking:
            assert began.wait(DEADLINE_S)
            found = below(asking.pid)
            assert set(found) == {"sonde-tables", "sonde-fetch", "curl"}, found
            for name, of in found.items():
                assert of["NoNewPrivs"] == "1" and of["Seccomp"] == "2", (name, of)
                assert not int(of["CapEff"], 16) & ~(1 << 2 if name == "sonde-tables" else 0), (name, of["CapEff"])
                assert of["Uid"].split() == ["0" if name == "sonde-tables" else "65534"] * 4, (name, of["Uid"])
            asking.kill()
        for of in found.values():
            path = pathlib.Path(f"/proc/{of['Pid']}")
            wait_until(f"{of['Name']} ended", lambda path=path: not path.exists())


def what_cannot_be_a_server_is_wrong_use():
    for wrong in ("ftp://host", "host", "file:///etc", "https://" + "h" * 10 + "\n", " ".join(["http://h"] * 9)):
        done = subprocess.run([SONDE, "symbolize", "--debuginfod", wrong, "1"], capture_output=True, text=True, timeout=DEADLINE_S)
        assert done.returncode == 2 and "--debuginfod" in done.stderr, (wrong, done)
    bare = {key: value for key, value in os.environ.items() if key != "DEBUGINFOD_URLS"}
    done = subprocess.run([SONDE, "symbolize", "--debuginfod", "env", "1"], capture_output=True, text=True, timeout=DEADLINE_S, env=bare)
    assert done.returncode == 0 and "DEBUGINFOD_URLS names none" in done.stderr, done


if __name__ == "__main__":
    need_programs("cc", "curl", "debuginfod", "nm", "objcopy", "readelf", "strip")
    run_scenarios(
        a_server_is_asked_only_if_a_person_said_so,
        profiles_have_the_names,
        profiles_of_a_confined_sonde_have_them,
        who_fails_three_times_in_a_row_is_left_alone,
        what_no_server_has_is_not_asked_for_again,
        the_first_that_has_it_is_enough,
        what_is_not_the_right_file_is_not_believed,
        what_is_too_much_is_not_taken,
        who_is_slow_or_silent_is_waited_for_no_longer_than_that,
        who_asks_may_do_little,
        what_cannot_be_a_server_is_wrong_use,
    )
