# SPDX-License-Identifier: Apache-2.0
"""Measures what `sonde profile` holds while 200 processes of many programs run, and writes docs/benchmarks/profiles-memory.md.
Called by scripts/bench.

usage: profiles_memory.py --programs DIR [--seconds N] [--processes N] [--out DIR]
"""

import argparse
import contextlib
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass

import peers
from host import MIB, REPO, SKIP, machine, progress
from programs import Unavailable
from tables import table

HZ = 49
AIM = 56 * MIB  # of anonymous memory and maps
PAUSE_S = 0.25
AT_ONCE, TURN_S = 8, 0.2  # so many run, for so long: as on a host whose processes mostly wait
# Programs that read bytes, and lines, for ever.
OF_BYTES = ("gzip", "bzip2", "xz", "zstd", "lz4", "md5sum", "sha1sum", "sha224sum", "sha256sum", "sha384sum", "sha512sum", "b2sum",
            "cksum", "sum", "base64", "base32", "xxd", "hexdump", "od", "tr a b", "wc", "cat", "dd", "openssl enc -aes-256-cbc -k x")  # fmt: skip
OF_LINES = ("sed s/y/n/", "grep -c n", "mawk {n++}", "cut -c1", "fold", "nl", "expand", "uniq", "paste", "rev", "fmt")
MODULES = ("json", "sqlite3", "ssl", "xml.etree.ElementTree", "email.message", "decimal", "ctypes", "asyncio", "http.server", "lzma",
           "hashlib", "difflib", "csv", "unittest", "logging.config", "multiprocessing")  # fmt: skip
PERL_MODULES = ("POSIX", "List::Util", "Digest::MD5", "Storable", "Encode", "Data::Dumper", "Socket", "Time::HiRes", "IO::File", "Math::BigInt")
LOOPS = {
    "bash": ["bash", "-c", "while :; do ((i++)); done"],
    "dash": ["dash", "-c", "while :; do i=$((i+1)); done"],
    "mawk": ["mawk", "BEGIN { while (1) n += length(n) }"],
    "luajit": ["luajit", "-e", "local t = 0 while true do t = (t * 31 + 7) % 1000003 end"],
    "sqlite3": ["sqlite3", ":memory:", "with recursive n(i) as (select 1 union all select i+1 from n) select sum(i) from n"],
    "openssl rsa": ["openssl", "speed", "-seconds", "600", "rsa2048"],
    "openssl hash": ["openssl", "speed", "-seconds", "600", "sha512"],
    "node": ["node", "-e", "for (let i = 0, t = {};; i++) t['k' + i % 1000] = JSON.stringify([i])"],
    "gdb": ["gdb", "-nx", "-batch", "-ex", "python\nwhile True: len(str(gdb.VERSION))"],
}
JAVA = "public class Busy { public static void main(String[] a) { for (int i = 0;; i++) if (Integer.toString(i).hashCode() == 42) a = new String[i & 7]; } }"


def one_of_each(folder: str) -> list[list[str]]:
    """Commands, all of them different; what is not installed is left out."""
    found = [["python3", "-c", f"import {module}, re\nwhile True: re.sub('(a|b)*c', '', 'abab' * 40); str({i})"]
             for i, module in enumerate(MODULES)]  # fmt: skip
    found += [["perl", f"-M{module}", "-e", "while (1) { my %h = map { $_ => rand } 1..99; join ',', sort keys %h }"] for module in PERL_MODULES]
    found += LOOPS.values()
    if shutil.which("javac"):
        with open(f"{folder}/Busy.java", "w", encoding="utf-8") as file:
            file.write(JAVA)
        subprocess.run(["javac", "-d", folder, f"{folder}/Busy.java"], check=True)
        found += [["java", "-Xmx64m", "-cp", folder, "Busy"], ["java", "-Xmx64m", "-XX:+UseSerialGC", "-cp", folder, "Busy"]]
    found = [["sh", "-c", f"exec {words} </dev/zero"] for words in OF_BYTES if shutil.which(words.split()[0])] + found
    found = [["sh", "-c", f"yes | {words}"] for words in OF_LINES if shutil.which(words.split()[0])] + found
    return [words for words in found if shutil.which(words[0])]


def send(number: int, processes: list[subprocess.Popen]) -> None:
    for each in processes:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(each.pid, number)


def take_turns(processes: list[subprocess.Popen], done: threading.Event) -> None:
    """Some run, then the next ones, all others being stopped; until all are done with."""
    send(signal.SIGSTOP, processes)
    for at in itertools.cycle(range(0, len(processes), AT_ONCE)):
        now = processes[at:at + AT_ONCE]
        send(signal.SIGCONT, now)
        if done.wait(TURN_S):
            return
        send(signal.SIGSTOP, now)


@contextlib.contextmanager
def many(count: int, folder: str):
    """So many processes; those of `yes`, and of shells between, are not counted."""
    commands = one_of_each(folder)
    running, done = [], threading.Event()
    turns = threading.Thread(target=take_turns, args=(running, done))
    try:
        for i in range(count):
            running.append(subprocess.Popen(["nice", "-n", "10", *commands[i % len(commands)]], stdin=subprocess.DEVNULL,
                                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True))  # fmt: skip
            time.sleep(0.05)
        time.sleep(2)
        alive = sum(each.poll() is None for each in running)
        if alive < count * 0.95:
            raise Unavailable(f"only {alive} of {count} processes go on")
        turns.start()
        yield alive, len(commands)
    finally:
        done.set()
        if turns.ident:
            turns.join()
        send(signal.SIGKILL, running)
        for each in running:
            each.wait()


@dataclass
class Held:
    """Bytes, of Sonde's processes together: a page that two of them share counts once."""

    anonymous: int = 0
    maps: int = 0
    rings: int = 0  # perf's, of samples of the clock and of what processes map
    files: int = 0  # of mapped files: in the kernel's cache, given back when others want it

    def counted(self) -> int:
        return self.anonymous + self.maps


def family(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        children = open(f"/proc/{pid}/task/{pid}/children", encoding="ascii").read().split()
        return [pid, *(each for child in children for each in family(int(child)))]
    return []


def held_by(pid: int) -> Held:
    held = Held()
    for each in family(pid):
        with contextlib.suppress(OSError):
            rollup = open(f"/proc/{each}/smaps_rollup", encoding="ascii").read()
            kib = {key: int(value) for key, value in re.findall(r"^(\w+):\s+(\d+) kB", rollup, re.M)}
            held.anonymous += kib["Pss_Anon"] * 1024
            held.files += (kib["Pss_File"] + kib["Pss_Shmem"]) * 1024
    with contextlib.suppress(OSError):
        text = open(f"/proc/{pid}/maps", encoding="ascii").read()
        for begin, end in re.findall(r"^(\w+)-(\w+) .*anon_inode:\[perf_event\]", text, re.M):
            held.rings += int(end, 16) - int(begin, 16)
    with contextlib.suppress(OSError, FileNotFoundError):
        folder = f"/proc/{pid}/fdinfo"
        for number in os.listdir(folder):
            with contextlib.suppress(OSError):
                info = open(f"{folder}/{number}", encoding="ascii").read()
                if "map_id:" in info:
                    held.maps += int(re.search(r"memlock:\s+(\d+)", info)[1])
    return held


def measure(command: list[str], folder: str) -> tuple[list[Held], str]:
    """What it holds, from its beginning to its end, and what it says."""
    found = []
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            found.append(held_by(process.pid))
            time.sleep(PAUSE_S)
        said = process.stderr.read()
    if process.returncode != 0:
        raise RuntimeError(f"{command}: {said}")
    return [held for held in found if held.anonymous], said


def mib(size: float) -> str:
    return f"{size / MIB:.1f}"


def page(rows: list[tuple[str, Held]], said: str, processes: int, programs: int, seconds: int) -> str:
    cells = [[name, mib(held.anonymous), mib(held.maps), mib(held.counted()), mib(held.rings), mib(held.files)] for name, held in rows]
    most = max(held.counted() for _, held in rows)
    verdict = f"{mib(most)} MiB at most, {'within' if most <= AIM else 'over'} the {AIM // MIB} MiB that are aimed at"
    head = ["moment", ">anonymous", ">BPF maps", ">both, MiB", ">perf's rings", ">mapped files"]
    told = "\n".join(line.removeprefix("sonde: ") for line in said.splitlines() if "samples on" in line or "stacks of" in line)
    return f"""# What profiling holds

{machine().partition(";")[0]}. Written by `scripts/bench --profiles-memory`. {processes} processes of {programs} different commands (interpreters with other
modules each, compressors, hashes, filters, Node, Java) take turns, {AT_ONCE} at a time, while `sonde profile -F {HZ} -d {seconds}` looks at the whole host.
In MiB, of all of Sonde's processes together; a page that two of them share counts once. {verdict}.

{table(head, cells)}

*Anonymous*: heaps and stacks. *BPF maps*: what the kernel says of those that Sonde holds. *Perf's rings*: of events of what processes map. *Mapped files*: its
own program, tables of symbols, rows; in the kernel's cache, which gives them back when others want memory.

    {told.replace(chr(10), chr(10) + "    ")}
"""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", required=True)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--processes", type=int, default=200)
    parser.add_argument("--out", default=os.path.join(REPO, "docs/benchmarks"))
    options = parser.parse_args()
    if os.geteuid() != 0:
        raise Unavailable("privilege: BPF programs need root: run 'sudo scripts/bench --profiles-memory'")
    with tempfile.TemporaryDirectory() as folder, many(options.processes, folder) as (processes, programs):
        progress(f"{processes} processes of {programs} commands, {options.seconds} s")
        command = [f"{options.programs}/sonde", "profile", "-d", str(options.seconds), "-F", str(HZ), "-o", "out.pb.gz"]
        found, said = measure(command, folder)
    sampling = found[: int(options.seconds / PAUSE_S * 0.9)]
    rows = [
        ("a second after its start", found[min(int(1 / PAUSE_S), len(found) - 1)]),
        ("the end of sampling", sampling[-1]),
        ("most, in all", max(found, key=Held.counted)),
    ]
    text = page(rows, said, processes, programs, options.seconds)
    with open(os.path.join(options.out, "profiles-memory.md"), "w", encoding="utf-8") as file:
        file.write(text)
    print(text)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Unavailable as reason:
        print(f"not available: {reason}", file=sys.stderr)
        sys.exit(SKIP)
