#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Profiles as a running, confined Sonde serves them: what `go tool pprof`, Parca and Alloy fetch by URL."""
import contextlib
import http.client
import os
import pathlib
import re
import subprocess
import tempfile
import xml.etree.ElementTree

from busy import SHARES, Busy, decoded
from harness import Sonde, need_programs, run_scenarios
from processes import DEADLINE_S, Process, wait_until

PATH = "/debug/pprof/profile"
PLAIN = ("-O2", "-fomit-frame-pointer")  # as distributions compile
HASH = "$2b$10$IoilLyKnQzMIUNmoWn9U8uEaouf4iMKQstpb8XpthTr0f3A44MQSa"  # of "secret", as `htpasswd -nB` makes it


def curl(sonde, query, *flags):
    """The exit code, and what was answered: head and body."""
    done = subprocess.run(["curl", "-si", *flags, f"http://127.0.0.1:{sonde.port}{PATH}{query}"],
                          capture_output=True, timeout=DEADLINE_S)  # fmt: skip
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    return done.returncode, head.decode(), body


def counts(sonde, name, label):
    return {labels[label]: int(value) for labels, value in sonde.samples()[name]}


def expect_balance(sonde):
    taken = int(sonde.value("sonde_profile_samples_taken_total"))
    fates = counts(sonde, "sonde_profile_samples_total", "fate")
    assert taken == sum(fates.values()), (taken, fates)
    assert not fates["misread"] and not fates["without_stack"], fates
    return fates


def confined_sonde_names_others():
    """A process of another user that is younger than Sonde, without frame pointers: its functions to the outermost, the kernel's;
    and no address."""
    with Sonde() as sonde, Busy("busy_nobody", flags=PLAIN, user="nobody") as busy:
        code, head, body = curl(sonde, f"?seconds=2&pid={busy.process.pid}")
        copied, profiled = sonde.value("sonde_profile_stacks_copied_total"), counts(sonde, "sonde_profile_samples_total", "fate")["profiled"]
        assert copied < profiled / 2, f"{copied} of {profiled} stacks were copied: the kernel side walks none by itself"
        assert code == 0 and head.startswith("HTTP/1.1 200 ") and 'filename="profile.pb.gz"' in head, head
        text = decoded(body)
        for word in (*SHARES, "outer", "_start", "busy_nobody", str(busy.process.pid)):
            assert f'string_table: "{word}"' in text, f"no {word} in\n{text[:4000]}"
        with Process("dd", "if=/dev/zero", "of=/dev/null", "bs=1", "status=none"):  # samples in the kernel, for certain
            _, _, body = curl(sonde, "?seconds=1")
        text = decoded(body)
        assert 'string_table: "[kernel]"' in text, text[:4000]
        assert re.search(r'string_table: "(do_|sys_|__x64|__schedule|entry_|asm_|exc_)', text), "the kernel's functions have no names"
        addresses = [int(found) for found in re.findall(r"address: (\d+)", text)]
        assert addresses and max(addresses) < 1 << 40, "addresses of the kernel, or of code in memory"
        # Addresses; an offset in a file is shorter.
        assert not re.search(r"\+0x(7f[0-9a-f]{10}|ffff[0-9a-f]{12})", text), text
        fates = expect_balance(sonde)
        assert fates["profiled"] > 0 and counts(sonde, "sonde_profile_requests_total", "outcome")["made"] == 2, fates
        assert "sonde: warn" not in sonde.output() and "sonde: error" not in sonde.output(), sonde.output()


def pprof_fetches_by_url():
    need_programs("go")
    with Sonde() as sonde, Busy("busy_url"), Busy("busy_else"), tempfile.TemporaryDirectory() as directory:
        top = subprocess.run(
            ["go", "tool", "pprof", "-top", f"http://127.0.0.1:{sonde.port}{PATH}?seconds=2&service=busy_url"],
            capture_output=True, text=True, timeout=DEADLINE_S, env=dict(os.environ, HOME=directory, PPROF_TMPDIR=directory),
        )  # fmt: skip
        assert top.returncode == 0, top.stderr
        assert re.search(r"Duration: [23](\.\d+)?s", top.stdout), top.stdout
        assert [line for line in top.stdout.splitlines() if line.endswith("%  work_much")], top.stdout
        assert expect_balance(sonde)["unwanted"] > 0, "busy_else was not there"


def a_picture_for_a_browser():
    with Sonde() as sonde, Busy("busy_picture"):
        answer = sonde.get("/debug/pprof/flame?seconds=1")
        assert answer.headers["Content-Type"] == "image/svg+xml", answer.headers
        picture = xml.etree.ElementTree.fromstring(answer.content)
        names = {place.get("data-n") for place in picture.iter() if place.get("data-n")}
        assert {"all", "busy_picture", "work_much"} <= names, names
        for page in ("/", "/debug/pprof/"):
            assert PATH in sonde.get(page).content.decode()


def one_at_a_time_and_who_goes_is_not_waited_for():
    with Sonde() as sonde:
        with contextlib.closing(waiting(sonde)):
            _, head, body = curl(sonde, "?seconds=1")
            assert " 503 " in head and b"somebody else" in body, (head, body)
            assert 0 < int(re.search(r"Retry-After: (\d+)", head)[1]) <= 301, head
        wait_until("the next has its turn", lambda: " 200 " in curl(sonde, "?seconds=1")[1])
        assert counts(sonde, "sonde_profile_requests_total", "outcome")["given_up"] == 1
        expect_balance(sonde)
    with Sonde() as sonde, contextlib.closing(waiting(sonde)):
        assert sonde.stop() == 0, "it does not wait for a profile"


def waiting(sonde):
    """A client that has the head of its answer: the profile is being made."""
    client = http.client.HTTPConnection("127.0.0.1", sonde.port, timeout=DEADLINE_S)
    client.request("GET", f"{PATH}?seconds=300")
    answer = client.getresponse()
    assert answer.status == 200, answer.read()
    return client


def what_is_not_watched_is_not_shown():
    with Sonde("--exclude", "exe=busy_hidden") as sonde, Busy("busy_hidden") as hidden, Busy("busy_shown"):
        text = decoded(curl(sonde, "?seconds=1")[2])
        assert "busy_shown" in text and "busy_hidden" not in text
        assert "sample {" not in decoded(curl(sonde, f"?seconds=1&pid={hidden.process.pid}")[2])
        assert expect_balance(sonde)["unwanted"] > 0


def who_may_not_read_gets_none():
    with tempfile.TemporaryDirectory() as directory:
        users = pathlib.Path(directory) / "users"
        users.write_text(f"prometheus:{HASH}\n")
        with Guarded("--web-users", str(users)) as sonde:
            assert " 401 " in curl(sonde, "?seconds=1")[1] and " 401 " in curl(sonde, "?seconds=x")[1]


class Guarded(Sonde):
    def check_end(self):
        """Metrics are not for us either."""
        assert self.stop() == 0, self.output()


def it_can_be_left():
    with Sonde("--no-profiles") as sonde:
        assert " 404 " in curl(sonde, "")[1]
        assert not [name for name in sonde.samples() if name.startswith("sonde_profile")]
        assert not perf_events(sonde)
    with Sonde("--frequency", "99") as sonde, Busy("busy_often"):
        text = decoded(curl(sonde, "?seconds=1&service=busy_often")[2])
        assert perf_events(sonde) and f"period: {10**9 // 99}" in text, text[:2000]


def perf_events(sonde):
    links = []
    for file in pathlib.Path(f"/proc/{sonde.process.pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            links.append(os.readlink(file))
    return [link for link in links if "perf_event" in link]


need_programs("curl", "protoc")
run_scenarios(
    confined_sonde_names_others,
    pprof_fetches_by_url,
    a_picture_for_a_browser,
    one_at_a_time_and_who_goes_is_not_waited_for,
    what_is_not_watched_is_not_shown,
    who_may_not_read_gets_none,
    it_can_be_left,
)
