# SPDX-License-Identifier: Apache-2.0
"""The soak: load of all kinds and profiles of it, for as long as is asked for, while the memory, descriptors, mappings and
threads of Sonde and what its maps hold are looked at. At the end they are what they were when it had settled, and every request is
counted. Called by scripts/soak.

usage: soak.py --minutes N
"""
import argparse
import contextlib
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import time

from harness import OF_A_FULL_RING, Sonde, need_programs, skip
from processes import BPFTOOL, Nginx, Process, descriptors, wait_until

PAGE = b"p" * 612
# What may be more in the last quarter than in the second one: the allocator's moods.
SLACK_KIB = 2048
SLACK_SHARE = 0.03
# Elements of maps may differ by what is open at the moment; of peers, by the processes of one request that came of late.
SLACK_ELEMENTS = {"map tcp_peers": 2048}
SLACK_OF_OTHERS = 256
HASH = 1  # BPF_MAP_TYPE_HASH
LOOKS_PER_PROFILE = 3  # which is of all that runs
CLIENT_EACH = 'while :; do curl -s -o /dev/null "$0"; done'
TELLS = "location = /status { stub_status; } access_log off; keepalive_timeout 5s;"


class Sample(dict):
    """What Sonde holds, by name."""

    def __init__(self, pid, maps):
        super().__init__()
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        for name in ("RssAnon", "RssFile", "RssShmem"):
            self[f"{name} KiB"] = int(re.search(rf"{name}:\s+(\d+)", status)[1])
        self["threads"] = int(re.search(r"Threads:\s+(\d+)", status)[1])
        self["mappings"] = len(pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines())
        self["descriptors"] = len(os.listdir(f"/proc/{pid}/fd"))
        for name, number in maps.items():
            self[f"map {name}"] = elements(number)


def bpftool(*words):
    done = subprocess.run([BPFTOOL, "-j", *words], capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else None


def elements(number):
    return len(bpftool("map", "dump", "id", str(number)) or [])


def maps_of(sonde):
    """The maps that must empty themselves, by name: hashes, but for those that forget by age."""
    found = {}
    for info in descriptors(sonde.process):
        facts = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
        if int(facts.get("map_type", -1)) == HASH:
            number = int(facts["map_id"])
            found[bpftool("map", "show", "id", str(number))["name"]] = number
    return found


def served(nginx):
    """How many requests it has answered, this one among them."""
    text = subprocess.run(["curl", "-s", f"http://127.0.0.1:{nginx.port}/status"], capture_output=True, text=True).stdout
    return int(re.search(r"\n\s*\d+ \d+ (\d+)", text)[1])


def verdicts(samples):
    """What grew, as text."""
    quarter = len(samples) // 4
    for name in samples[0]:
        varies = name.endswith("KiB") or name.startswith("map ")
        # Of what is counted one by one the least: who just asked for metrics may not have gone yet.
        typical = statistics.median if varies else min
        before = typical(sample[name] for sample in samples[quarter : 2 * quarter])
        after = typical(sample[name] for sample in samples[-quarter:])
        if name.endswith("KiB"):
            slack = max(SLACK_KIB, before * SLACK_SHARE)
        else:
            slack = SLACK_ELEMENTS.get(name, SLACK_OF_OTHERS) if varies else 0
        grew = after > before + slack
        print(f"  {name:28} {before:10.0f} {after:10.0f}  {'GREW' if grew else 'flat'}", flush=True)
        if grew:
            yield f"{name} grew from {before:.0f} to {after:.0f}"


def crowded(sample):
    """What is left of a map when nobody asks any more."""
    return {name: value for name, value in sample.items() if name.startswith("map ") and value > SLACK_OF_OTHERS}


def soak(minutes):
    with contextlib.ExitStack() as stack:
        nginx = stack.enter_context(Nginx(rules=TELLS, files={"page.html": PAGE}))
        url = f"http://127.0.0.1:{nginx.port}/page.html"
        flags = ("--include", f"port={nginx.port}")
        sonde = stack.enter_context(Sonde(*flags, losses=OF_A_FULL_RING))
        maps = maps_of(sonde)
        assert maps, "Sonde has no maps"
        samples, profiles = [], 0
        with contextlib.ExitStack() as loads:
            for command in (
                ("wrk", "-t1", "-c8", "-d1000h", url),
                ("wrk", "-t1", "-c8", "-d1000h", "-H", "Connection: close", url),
                ("sh", "-c", CLIENT_EACH, url),
            ):
                load = loads.enter_context(Process(*command, start_new_session=True))
                loads.callback(os.killpg, load.process.pid, signal.SIGTERM)
            end = time.monotonic() + 60 * minutes
            while time.monotonic() < end:
                time.sleep(max(1, 60 * minutes / 200))
                sonde.get("/metrics")
                if len(samples) % LOOKS_PER_PROFILE == 0:
                    profiles += len(sonde.get("/debug/pprof/profile?seconds=1").content) > 0
                samples.append(Sample(sonde.process.pid, maps))
        wrong = list(verdicts(samples))
        wait_until("nobody asks any more", lambda: sonde.value("sonde_connections") < 20, 60)
        total = served(nginx)
        lost = sonde.lost("kernel", "ring_full")
        count = lambda: sonde.counted("server", nginx.port).count()  # noqa: E731
        if lost:
            wrong += [f"{total} served, {count()} counted, only {lost} calls told as lost"] if total - count() > lost else []
        else:
            wait_until(lambda: f"{total} served, {count()} counted", lambda: count() == total)
        print(f"  {total} served, {count()} counted, {lost} calls told as lost, {profiles} profiles, in {minutes:g} minutes", flush=True)
        emptied = lambda: sonde.get("/metrics") and not crowded(Sample(sonde.process.pid, maps))  # noqa: E731
        wait_until(lambda: f"the maps empty themselves: {crowded(Sample(sonde.process.pid, maps))}", emptied, 90)
        return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, required=True)
    options = parser.parse_args()
    if os.geteuid() != 0:
        skip("privilege: watching other processes needs root")
    need_programs("nginx", "wrk", "curl")
    wrong = soak(options.minutes)
    for text in wrong:
        print(f"FAILED {text}")
    print(f"{0 if wrong else 1} passed, {len(wrong)} failed, 0 skipped")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
