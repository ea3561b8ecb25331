#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Our stacks against those of elfutils' eu-stack, of the same stopped process, at moments that chance chooses.

stacks_differential.py [--long] [PROGRAM...]: 10 stops of each program, 200 with --long. Ours is what a profile makes of a copied stack
(build/release/tests/stack_frames, or STACK_FRAMES). Frames must be equal up to where either ends; who sees further is counted.
"""
import bisect
import collections
import functools
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
MOST_WITHOUT_FRAMES = 3  # functions without a frame of their own, each called by the next
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
GO = """
package main

import ("bytes"; "compress/gzip"; "encoding/json"; "regexp"; "sort"; "strings")

func main() {
	for n := 0; ; n++ {
		words := strings.Fields(strings.Repeat("the quick brown fox ", 500))
		sort.Slice(words, func(i, j int) bool { return words[i]+"x" < words[j]+"y" })
		text, _ := json.Marshal(map[string]any{"words": words, "n": n})
		var out map[string]any
		json.Unmarshal(text, &out)
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed); w.Write(text); w.Close()
		regexp.MustCompile(`(q\\w+|b\\w+)+`).FindAllString(strings.Repeat("quick ", 100), -1)
	}
}
"""
# What runs, until it is ended.
PROGRAMS = {
    "c++": None,  # the source above
    "go": None,
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


@functools.cache
def functions_of(program):
    """(address, name) of a program that is not moved when it is loaded."""
    lines = subprocess.run(["nm", "-n", program], capture_output=True, text=True, check=False).stdout.splitlines()
    return [(int(at, 16), name) for at, kind, name in (line.split(None, 2) for line in lines if line[:1] != " ") if kind in "tT"]


def switches_stacks(pid, address):
    """Go runs some of its own functions on another stack; a copy holds one."""
    try:
        functions = functions_of(os.readlink(f"/proc/{pid}/exe"))
    except OSError:
        return False
    at = bisect.bisect_right(functions, (address, "~")) - 1
    return at >= 0 and re.fullmatch(r"runtime\.(systemstack|mcall|morestack|asmcgocall)(\.abi0)?", functions[at][1]) is not None


def passes_over_interrupted(mine, other):
    """Nothing describes where Go's handlers return to: theirs guesses there, by the frame pointer of whoever
    was interrupted, and passes over all that have no frame of their own."""
    shared = next((i for i, (one, another) in enumerate(zip(mine, other)) if one != another), None)
    if shared is None or other[shared] != mine[shared] - 1:
        return False
    ours_on, theirs_on = mine[shared + 1 :], other[shared + 1 :]
    agree = lambda over: all(one == another for one, another in zip(ours_on[over:], theirs_on))  # noqa: E731
    return any(agree(over) for over in range(1, MOST_WITHOUT_FRAMES + 1))


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
    if passes_over_interrupted(mine, other):
        return "theirs passes over who was interrupted", mine, other, end
    if mine[:shared] != other[:shared]:
        return "contradiction", mine, other, end
    if len(other) > len(mine) and other[shared] >> 47:
        return f"theirs goes on to no address behind {end}", mine, other, end
    if len(other) > len(mine) and switches_stacks(pid, mine[-1]):
        return "at a switch of stacks", mine, other, end
    if len(mine) == len(other) or shared == MOST_FRAMES:
        return ("equal" if end == "outermost" else f"equal, ended by {end}"), mine, other, end
    return ("ours sees further" if len(mine) > len(other) else f"theirs sees further than {end}"), mine, other, end


def stops_of(name, command, wanted, folder):
    found, examples = collections.Counter(), collections.defaultdict(list)
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
                        if not stop[0].startswith("equal"):
                            examples[stop[0]].append(stop)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
    print(f"{name}: " + ", ".join(f"{count} {kind}" for kind, count in found.most_common()))
    for kind, mine, other, end in (stop for stops in examples.values() for stop in stops[:3]):
        print(f"  {kind}\n    ours   ({end}): {' '.join(map(hex, mine))}\n    theirs: {' '.join(map(hex, other))}")
    return found


def compiled(folder):
    """The programs whose source is here, by name; a language that is not installed is left out."""
    out = {}
    source = pathlib.Path(folder) / "program.cc"
    source.write_text(SOURCE, encoding="utf-8")
    subprocess.run(["c++", "-O2", "-fomit-frame-pointer", "-o", f"{folder}/c++", source], check=True)
    out["c++"] = [f"{folder}/c++"]
    if shutil.which("go"):
        source = pathlib.Path(folder) / "program.go"
        source.write_text(GO, encoding="utf-8")
        # What elfutils unwinds by; ours takes Go's own table.
        words = ["go", "build", "-ldflags=-compressdwarf=false", "-o", f"{folder}/go", source]
        subprocess.run(words, check=True, env=dict(os.environ, HOME=folder, GOCACHE=f"{folder}/cache", GOFLAGS="-mod=mod"))
        out["go"] = [f"{folder}/go"]
    return out


def main():
    chosen = [word for word in sys.argv[1:] if word != "--long"]
    wanted = STOPS_LONG if "--long" in sys.argv[1:] else STOPS
    missing = [program for program in (OURS, "eu-stack") if not shutil.which(program)]
    if missing or os.geteuid() != 0:
        print("skipped: " + (f"no {missing[0]}" if missing else "stopping processes and reading their memory needs root"))
        return 77
    all_found = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        here = compiled(folder)
        store = pathlib.Path(folder) / "store"
        for name, command in PROGRAMS.items():
            if chosen and name not in chosen:
                continue
            command = command or here.get(name)
            if not command or not shutil.which(command[0]):
                print(f"{name}: skipped, not installed")
                continue
            all_found += stops_of(name, command, wanted, str(store))
    print(f"{all_found.total()} stacks: " + ", ".join(f"{count} {kind}" for kind, count in all_found.most_common()))
    bad = sum(count for kind, count in all_found.items() if kind == "contradiction" or kind.startswith("theirs sees"))
    return 1 if bad or not all_found["equal"] else 0


if __name__ == "__main__":
    sys.exit(main())
