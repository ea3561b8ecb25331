#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Our stacks against those of elfutils' eu-stack, of the same stopped process, at moments that chance chooses.

stacks_differential.py [--long]: 10 stops of each program, 200 with --long. Ours is what a profile makes of a copied stack
(build/release/tests/stack_frames, or STACK_FRAMES). Frames must be equal up to where either ends; who sees further is counted.
"""
import collections
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

OURS = os.environ.get("STACK_FRAMES", "build/release/tests/stack_frames")
STOPS, STOPS_LONG = 10, 200
MOST_FRAMES = 512  # of ours
# Without frame pointers, recursive, with exceptions on their way, in a signal's handler.
SOURCE = r"""
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <sys/time.h>
#include <vector>
volatile long sink;
__attribute__((noipa)) void spin(int n) { for (int i = 0; i < n; i++) sink += i; }
void on_alarm(int) { spin(300000); }
__attribute__((noipa)) int sum(const std::vector<std::string>& of, int depth) {
  std::string own(depth % 90, 'x');
  if (depth > 60) { spin(2000); if (sink % 3 == 0) throw std::runtime_error(own); return 1; }
  char room[1 + depth * 7]; room[depth] = 1; sink += room[depth];
  try { return sum(of, depth + 1) + 1; } catch (std::logic_error&) { return 0; }
}
int main() {
  std::vector<std::string> of;
  signal(SIGALRM, on_alarm);
  itimerval timer{{0, 5000}, {0, 5000}};
  setitimer(ITIMER_REAL, &timer, nullptr);
  for (;;) { try { sink += sum(of, 0); } catch (std::exception& e) { sink += e.what()[0]; }
    of.push_back(std::to_string(rand())); if (of.size() > 100) of.clear(); qsort(of.data(), 0, 8, nullptr); }
}
"""
# What runs, until it is ended.
PROGRAMS = {
    "c++": None,  # the source above
    "python3": ["python3", "-c", "import json, re\nwhile True: json.loads(json.dumps([{'a': [str(i)] * 9} for i in range(2000)])); "
                "re.sub(r'(a|b)*c', '', 'abab' * 400); sorted(map(str, range(9999)), key=lambda s: s[::-1])"],  # fmt: skip
    "perl": ["perl", "-e", "while (1) { my %h = map { $_ => [sort { $b <=> $a } map { rand } 1..50] } 1..200; $_ = 'ab' x 500; s/(a|b)*?c//; }"],
    "openssl": ["openssl", "speed", "-seconds", "100", "sha256", "rsa2048"],
    "cc1plus": ["sh", "-c", "while :; do echo '#include <regex>' | g++ -x c++ -O2 -c -o /dev/null -; done"],
    "sort": ["sh", "-c", "while :; do seq 400000 | sort --parallel=1 -R | sort --parallel=1 -n >/dev/null; done"],
}


def pids_of(leader):
    """Of those that the command started, who has had most of the CPU in its short life."""
    found = []
    for folder in pathlib.Path("/proc").iterdir():
        try:
            stat = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            if int(stat[2]) == leader and stat[0] == "R":
                found.append(int(folder.name))
        except (OSError, ValueError, IndexError):
            continue
    return found


def is_stopped(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] in "Tt"
    except OSError:
        return False


def theirs(pid):
    text = subprocess.run(["eu-stack", "-1", "-q", "-a", "-n", "0", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return [int(frame[1], 16) - (1 if frame[2] else 0) for frame in re.finditer(r"^#\d+\s+0x([0-9a-f]+)\s*(- 1)?", text, re.M)]


def ours(pid, folder):
    lines = subprocess.run([OURS, str(pid), folder], capture_output=True, text=True, check=False).stdout.split("\n")
    return [int(line, 16) for line in lines if line.startswith("0x")], next((line for line in lines if line and line[0] != "0"), "")


def one_stop(pid, folder):
    """What the two say of it: a kind, and the stacks where they contradict each other. Nothing: it was gone."""
    try:
        os.kill(pid, signal.SIGSTOP)
        deadline = time.monotonic() + 2
        while not is_stopped(pid):
            if time.monotonic() > deadline:
                return None
        mine, end = ours(pid, folder)
        other = theirs(pid)
    except ProcessLookupError:
        return None
    finally:
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            pass
    if not mine or not other:
        return None
    shared = min(len(mine), len(other))
    if mine[:shared] != other[:shared]:
        return "contradiction", mine, other, end
    if len(mine) == len(other) or shared == MOST_FRAMES:
        return ("equal" if end == "outermost" else f"equal, ended by {end}"), mine, other, end
    return ("ours sees further" if len(mine) > len(other) else f"theirs sees further than {end}"), mine, other, end


def stops_of(name, command, wanted, folder):
    found, examples = collections.Counter(), []
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            time.sleep(0.3)
            deadline = time.monotonic() + 20 + wanted
            while found.total() < wanted and time.monotonic() < deadline:
                time.sleep(random.uniform(0.005, 0.05))
                for pid in pids_of(process.pid)[:1]:
                    stop = one_stop(pid, folder)
                    if stop:
                        found[stop[0]] += 1
                        if not stop[0].startswith("equal") and len(examples) < 3:
                            examples.append(stop)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
    print(f"{name}: " + ", ".join(f"{count} {kind}" for kind, count in found.most_common()))
    for kind, mine, other, end in examples:
        print(f"  {kind}\n    ours   ({end}): {' '.join(map(hex, mine))}\n    theirs: {' '.join(map(hex, other))}")
    return found


def main():
    wanted = STOPS_LONG if "--long" in sys.argv[1:] else STOPS
    missing = [program for program in (OURS, "eu-stack") if not shutil.which(program)]
    if missing or os.geteuid() != 0:
        print("skipped: " + (f"no {missing[0]}" if missing else "stopping processes and reading their memory needs root"))
        return 77
    all_found = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        program = f"{folder}/program"
        source = pathlib.Path(f"{folder}/program.cc")
        source.write_text(SOURCE, encoding="utf-8")
        subprocess.run(["c++", "-O2", "-fomit-frame-pointer", "-o", program, source], check=True)
        store = pathlib.Path(folder) / "store"
        for name, command in PROGRAMS.items():
            if command and not shutil.which(command[0]):
                print(f"{name}: skipped, not installed")
                continue
            all_found += stops_of(name, command or [program], wanted, str(store))
    print(f"{all_found.total()} stacks: " + ", ".join(f"{count} {kind}" for kind, count in all_found.most_common()))
    bad = sum(count for kind, count in all_found.items() if kind == "contradiction" or kind.startswith("theirs"))
    return 1 if bad or not all_found["equal"] else 0


if __name__ == "__main__":
    sys.exit(main())
