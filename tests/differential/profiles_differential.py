#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`sonde profile` against `perf record --call-graph dwarf`, of the same program in the same seconds.

profiles_differential.py [--long] [PROGRAM...]: some programs for two seconds, all of them for ten with --long. Each function's share
of the samples (itself; with what it calls) and each pair of caller and callee must agree within the error of both samplings.
What may differ is named by one of EXPLAINED; anything else fails.
"""
import collections
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
SOURCES = HERE.parent / "e2e/profiled"
SONDE = os.environ.get("SONDE", "build/release/sonde")
FREQUENCY = 997
COPIED = 32768  # bytes of stack, of each of perf's samples; Sonde copies as many at most
LEAST = 200  # samples, of each
PROGRAMS = {
    "exceptions": "c++ -O2 -std=c++20 -IROOT -o OUT SOURCES/exceptions.cc",
    "inlined": "c++ -O2 -std=c++20 -IROOT -o OUT SOURCES/inlined.cc",
    "signals": "cc -O2 -IROOT -o OUT SOURCES/signals.c",
    "threads": "c++ -O2 -std=c++20 -IROOT -o OUT SOURCES/threads.cc",
    "assembly": "cc -O2 -IROOT -o OUT SOURCES/assembly.c SOURCES/assembly.S",
    "python3": None,
    "coroutines": "c++ -O2 -std=c++20 -IROOT -o OUT SOURCES/coroutines.cc",
    "deep": "c++ -O2 -std=c++20 -IROOT -o OUT SOURCES/deep.cc",
    "static": "cc -O2 -static-pie -IROOT -o OUT SOURCES/plain.c",
    "rust": "/usr/bin/rustc -O -o OUT SOURCES/panics.rs",
    "perl": None,
    "openssl": None,
    "node": None,
}
COMMANDS = {
    "python3": ["/usr/bin/python3", "-c", "import json, re\nwhile True: json.loads(json.dumps([{'a': [str(i)] * 9} for i in range(2000)])); "
                "re.sub(r'(a|b)*c', '', 'abab' * 400); sorted(map(str, range(9999)), key=lambda s: s[::-1])"],
    "perl": ["perl", "-e", "while (1) { my %h = map { $_ => [sort { $b <=> $a } map { rand } 1..50] } 1..200; $_ = 'ab' x 500; s/(a|b)*?c//; }"],
    "openssl": ["openssl", "speed", "-seconds", "100", "sha256"],
    "node": ["node", "--perf-basic-prof", "--interpreted-frames-native-stack", str(SOURCES / "shares.js")],
}  # fmt: skip
IN_CI = ("exceptions", "inlined", "signals", "threads", "assembly", "python3")


# Names of one address, of which each takes another one.
ALIASES = {"memmove": "memcpy", "cfree": "free", "wrap_scalbn": "ldexp"}


def plain(name):
    """A function's name without what the two write differently."""
    name = re.sub(r"@.*$", "", name)  # a version; a stub
    name = name.replace("(anonymous namespace)::", "").replace("{lambda()#1}", "lambda")
    name = re.sub(r" \[clone .*$|\.(isra|constprop|part|cold|lto_priv)[.\d]*.*$", "", name)
    name = re.sub(r"<.*>|\(.*\)( const)?|::h[0-9a-f]{16}$", "", name)
    name = re.sub(r"^(std::|_+(GI_+)?)|_impl$", "", name.split(" ")[-1])
    return ALIASES.get(name, name.replace("memmove_", "memcpy_"))


def ours(pid, seconds, folder):
    """Counter of stacks of user code, outermost first."""
    out = pathlib.Path(folder) / "folded"
    done = subprocess.run([SONDE, "profile", "-p", str(pid), "-d", str(seconds), "-F", str(FREQUENCY), "--folded", "--no-lines", "-o", out],
                          capture_output=True, text=True, timeout=600)  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    stacks = collections.Counter()
    for line in out.read_text().splitlines():
        stack, samples = line.rsplit(" ", 1)
        frames = [frame for frame in stack.split(";")[1:] if not frame.endswith("_[k]")]
        stacks[tuple(re.sub(r"^(.*?)(:[0-9a-f]{16})?\+0x[0-9a-f]+$", r"[\1]", frame) if "+0x" in frame else plain(frame) for frame in frames)] += int(samples)
    return stacks


def theirs(data):
    words = ["perf", "script", "-i", data, "--no-inline", "--max-stack", "1024", "-F", "ip,sym,dso"]
    text = subprocess.run(words, capture_output=True, text=True, check=True, timeout=600).stdout
    stacks = collections.Counter()
    for sample in text.split("\n\n"):
        frames = re.findall(r"^\s*[0-9a-f]+ (.*) \((.*)\)$", sample, re.M)
        if frames:
            in_program = [(name, module) for name, module in frames if "kernel.kallsyms" not in module and not re.search(r"\.ko$|^\[(?!vdso)", module)]
            named = [f"[{pathlib.Path(module).name}]" if name == "[unknown]" else plain(name) for name, module in in_program]
            stacks[tuple(reversed(named))] += 1
    return stacks


def facts(stacks):
    """Samples in which a function is the innermost, stands at all, calls another one."""
    found = collections.Counter()
    for stack, count in stacks.items():
        told = {f"itself {stack[-1]}"} | {f"total {name}" for name in stack} | {f"{a} calls {b}" for a, b in zip(stack, stack[1:])}
        for each in told:
            found[each] += count
    return found


def agree(one, of_one, other, of_other):
    """Five deviations of the difference between two samplings, and a hundredth for what began earlier or ended later."""
    share = (one + other) / (of_one + of_other)
    return abs(one / of_one - other / of_other) < 5 * (share * (1 - share) * (1 / of_one + 1 / of_other)) ** 0.5 + 0.01


# What may differ, and why: program, pattern of the fact, reason.
EXPLAINED = (
    # perf copies one stack, and its reader is not told that the trampoline of a handler is one (it has no name for it, either).
    ("signals", r"restore_rt|\[libc.so.6\]|interrupted|main|start|sigsuspend|sigprocmask|setitimer", "perf ends at the handler's trampoline"),
    # V8 describes nothing of the code that it makes; Sonde takes its frame pointers.
    ("node", r"^(?!itself)", "perf ends at code made at run time"),
)


def explanation(program, fact):
    return next((why for which, pattern, why in EXPLAINED if which == program and re.search(pattern, fact)), None)


def compare(program, mine, others):
    """Says what differs; the number of differences that nothing explains."""
    of_mine, of_others = mine.total(), others.total()
    print(f"{program}: {of_mine} samples, perf {of_others}")
    if min(of_mine, of_others) < LEAST:
        print("  too few")
        return 1
    here, there = facts(mine), facts(others)
    bad, explained, equal = 0, collections.Counter(), 0
    for fact in here.keys() | there.keys():
        if agree(here[fact], of_mine, there[fact], of_others):
            equal += 1
        elif why := explanation(program, fact):
            explained[why] += 1
        else:
            bad += 1
            print(f"  FAILED {fact}: {here[fact] / of_mine:.1%}, perf {there[fact] / of_others:.1%}")
    print(f"  {equal} facts agree" + "".join(f", {count}: {why}" for why, count in explained.most_common()))
    return bad


def one(program, command, seconds, folder):
    data = f"{folder}/perf.data"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder) as process:
        try:
            time.sleep(1)
            words = ["perf", "record", "-q", "-F", str(FREQUENCY), "-e", "cpu-clock", "--call-graph", f"dwarf,{COPIED}", "-p", str(process.pid)]
            with subprocess.Popen([*words, "-o", data, "--", "sleep", str(seconds)], stderr=subprocess.DEVNULL) as perf:
                mine = ours(process.pid, seconds, folder)
                perf.wait(timeout=600)
            return compare(program, mine, theirs(data))
        finally:
            process.kill()


def command_of(program, folder):
    """What runs; nothing: it, or its compiler, is not here."""
    build = PROGRAMS[program]
    words = shlex.split(build.replace("SOURCES", str(SOURCES)).replace("ROOT", str(HERE.parents[1])).replace("OUT", f"{folder}/{program}")) if build else COMMANDS[program]
    if not shutil.which(words[0]):
        return None
    if not build:
        return words
    subprocess.run(words, check=True)
    return [f"{folder}/{program}"]


def main():
    long = "--long" in sys.argv[1:]
    chosen = [word for word in sys.argv[1:] if word != "--long"] or (list(PROGRAMS) if long else IN_CI)
    missing = [program for program in (SONDE, "perf") if not shutil.which(program)]
    if missing or os.geteuid() != 0:
        print("skipped: " + (f"no {missing[0]}" if missing else "privilege: sampling other processes needs root"))
        return 77
    bad = 0
    for program in chosen:
        with tempfile.TemporaryDirectory() as folder:
            command = command_of(program, folder)
            if command:
                bad += one(program, command, 10 if long else 2, folder)
            else:
                print(f"{program}: skipped, not installed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
