#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The names that `sonde symbolize` gives to addresses against those of llvm-symbolizer and, where it is installed, eu-addr2line.

names_differential.py [--long] [FILE...]: some hundred addresses of each of a few files, with --long 100,000 of each and the
libraries of this host besides. Half of the addresses are anywhere in what is executed, half the first, last and next byte of
functions. The kernel's are held against /proc/kallsyms, where that shows addresses. A difference that has an explanation is counted by
it; any other one fails. SONDE: what is tested.
"""
import bisect
import collections
import glob
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

SONDE = os.environ.get("SONDE", "build/release/sonde")
LLVM = shutil.which("llvm-symbolizer-19") or shutil.which("llvm-symbolizer")
FILES = ["/usr/bin/python3.11", "/lib/x86_64-linux-gnu/libc.so.6", "/lib/x86_64-linux-gnu/libstdc++.so.6", SONDE]
LONG = ["/usr/lib/jvm/java-17-openjdk-amd64/lib/server/libjvm.so", "/usr/bin/node", *sorted(glob.glob("/usr/lib/x86_64-linux-gnu/*.so.[0-9]*"))]
SHORT_SAMPLE, LONG_SAMPLE, LIBRARY_SAMPLE = 400, 100_000, 500
KERNEL = "the kernel"
FURTHEST = 1 << 20  # from its beginning an address may be to be a kernel function's: kallsyms tells no sizes


def debug_file(path):
    build_id = re.search(r"Build ID: (\w+)", read("readelf", "-n", path))
    debug = build_id and f"/usr/lib/debug/.build-id/{build_id[1][:2]}/{build_id[1][2:]}.debug"
    return debug if debug and os.path.exists(debug) else None


def read(*command, given=None):
    return subprocess.run(command, input=given, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True, errors="replace").stdout


def code_sections(path):
    """Of what is executed: {number: (name, begin, end)}."""
    found = {}
    for line in read("readelf", "-SW", path).splitlines():
        m = re.match(r"\s*\[ *(\d+)\] (\S+)\s+\S+\s+([0-9a-f]+) [0-9a-f]+ ([0-9a-f]+) [0-9a-f]+\s+\w*X\w*", line)
        if m:
            begin = int(m[3], 16)
            found[m[1]] = m[2], begin, begin + int(m[4], 16)
    return found


class Symbols:
    """What readelf says of a file and of the separate one that belongs to it."""

    def __init__(self, path):
        self.at = collections.defaultdict(set)  # names by address, of functions and labels
        self.data = collections.defaultdict(list)  # what is no code, {name: [(begin, end)]}
        self.sizes = {}
        for each in filter(None, [path, debug_file(path)]):
            code = code_sections(each)
            for line in read("readelf", "-sW", each).splitlines():
                words = line.split()
                if len(words) >= 8 and words[0][:-1].isdigit() and words[6] != "UND":
                    address, size, kind, name = int(words[1], 16), int(words[2], 0), words[3], words[7].split("@")[0]
                    if kind == "NOTYPE" and words[6] not in code:
                        continue  # of link-time optimisation, in debug information
                    if kind in ("FUNC", "IFUNC", "NOTYPE"):
                        self.at[address].add(name)
                        self.sizes[address] = max(self.sizes.get(address, 0), size)
                    elif kind != "SECTION" and kind != "FILE":
                        self.data[name].append((address, address + size))
        self.starts = sorted(self.at)
        code = code_sections(path).values()
        self.code = [(begin, end) for _, begin, end in code]
        self.stubs = [(begin, end) for name, begin, end in code if name.startswith(".plt")]

    def knows(self, name):
        return any(name in names for names in self.at.values())

    def is_data(self, name, address):
        """Does it stand in data of that name? Without a size it reaches to the next function."""
        for begin, end in self.data.get(name, ()):
            if begin == end:
                i = bisect.bisect_right(self.starts, begin)
                end = self.starts[i] if i < len(self.starts) else begin
            if begin <= address < end:
                return True
        return False

    def before(self, address):
        """Where the function or label at or before this address begins."""
        i = bisect.bisect_right(self.starts, address) - 1
        return self.starts[i] if i >= 0 else None

    def is_stub(self, address):
        return any(start <= address < end for start, end in self.stubs)


def sample(symbols, count):
    draw = random.Random(1)
    code = [(start, end) for start, end in symbols.code if end > start]
    weights = [end - start for start, end in code]
    out = [draw.randrange(*part) for part in draw.choices(code, weights, k=count // 2)]
    functions = [a for a in symbols.starts if any(start <= a < end for start, end in code)]
    for address in draw.choices(functions, k=count // 6) if functions else []:
        out += [address, address + max(symbols.sizes[address] - 1, 0), address + symbols.sizes[address]]
    return [address for address in out if any(start <= address < end for start, end in code)]


def by_us(path, addresses):
    place = ["--kernel"] if path == KERNEL else ["-e", path]
    lines = read(SONDE, "symbolize", "--no-demangle", *place, given="".join(f"{a:x}\n" for a in addresses)).splitlines()
    assert len(lines) == len(addresses), f"{path}: {len(lines)} answers to {len(addresses)} addresses"
    # Some names could be numbers: f32addf128.
    return ["" if re.search(r"\+0x[0-9a-f]+$", line) or line == f"{a:x}" else line for a, line in zip(addresses, lines)]


def by_llvm(path, addresses):
    text = read(LLVM, "--functions=linkage", "--no-demangle", "-e", path, given="".join(f"{a:#x}\n" for a in addresses))
    # Two lines for each function, the innermost inlined one first.
    names = [answer.split("\n")[-2] for answer in text.split("\n\n")[: len(addresses)]]
    assert len(names) == len(addresses), f"{path}: {len(names)} answers of {LLVM} to {len(addresses)} addresses"
    return ["" if name == "??" else name.split("@@")[0] for name in names]


def without_dwarf(path, folder):
    """The file with all its symbols and nothing else: with much DWARF eu-addr2line takes hours, and looks for names in symbols only."""
    whole, copy = os.path.join(folder, "whole"), os.path.join(folder, "copy")
    debug = debug_file(path)
    if debug:
        read("eu-unstrip", "-o", whole, path, debug)
    read("strip", "--strip-debug", "-o", copy, whole if debug else path)
    return copy


def by_elfutils(path, addresses):
    with tempfile.TemporaryDirectory() as folder:
        copy = without_dwarf(path, folder)
        lines = read("eu-addr2line", "-S", "-e", copy, given="".join(f"{a:#x}\n" for a in addresses)).splitlines()[::2]
    assert len(lines) == len(addresses), f"{path}: {len(lines)} answers of eu-addr2line to {len(addresses)} addresses"
    return ["" if line.startswith("(") or line == "??" else re.split(r"[+@ ]", line)[0] for line in lines]


def explained(symbols, address, ours, theirs):
    """Why both may be right; None: nobody knows."""
    start = symbols.before(address)
    names = symbols.at[start] if start is not None else set()
    if symbols.is_stub(address):
        return "stubs are named by us alone, or by other means"
    if ours == "" and symbols.is_data(theirs, address):
        return "data that stands among code has no name for us"
    if ours == "" and theirs and not (names and start <= address < start + symbols.sizes[start]) and symbols.knows(theirs):
        return "code that has DWARF and no symbol of its own"
    if ours in names and theirs in names:
        return "one function of several names"
    if ours in names and theirs and any(re.match(re.escape(theirs) + r"\.(constprop|isra|part|cold|lto_priv)\b", name) for name in names):
        return "a part or clone of a function, which DWARF calls by the function's name"
    if ours in names and theirs == "" and start <= address < start + symbols.sizes[start]:
        return "functions of assembly or without DWARF, in a separate file of which the other takes no symbols"
    if ours in names and theirs == "" and symbols.sizes[start] == 0:
        return "labels without a size reach to the next for us"
    if ours in names and theirs in set().union(*(symbols.at[a] for a in symbols.starts[max(0, bisect.bisect_right(symbols.starts, address) - 8):bisect.bisect_right(symbols.starts, address)])):
        return "of functions within functions the innermost is ours"
    return None


def compare(path, count, counts):
    symbols = Symbols(path)
    addresses = sample(symbols, count)
    if not addresses:
        return
    counts["files"] += 1
    ours = by_us(path, addresses)
    others = {"llvm-symbolizer": by_llvm(path, addresses)}
    if shutil.which("eu-addr2line"):
        others["eu-addr2line"] = by_elfutils(path, addresses)
    for who, theirs in others.items():
        shown = 0
        for address, mine, other in zip(addresses, ours, theirs):
            if mine == other:
                counts["equal"] += 1
                counts["named"] += mine != ""
            elif why := explained(symbols, address, mine, other):
                counts[why] += 1
            else:
                counts["differ"] += 1
                shown += 1
                if shown <= 8:
                    print(f"{path}: {address:#x}: ours {mine!r}, {who}'s {other!r}")


def compare_kernel(count, counts):
    """At each address the name must be one of those that kallsyms has for the symbol before it; none, if that is no function."""
    at = collections.defaultdict(set)
    with open("/proc/kallsyms") as file:
        for address, kind, name in (line.split()[:3] for line in file):
            at[int(address, 16)].add(name if kind in "TtWw" else "")
    starts = sorted(at)
    if not any(starts):
        print(f"{KERNEL}: not compared, it hides its addresses")
        return
    draw = random.Random(1)
    functions = [address for address in starts if at[address] != {""}]
    some = [address + move for address in draw.choices(functions, k=count // 3) for move in (0, 1, -1)]
    first, last = functions[0], functions[-1]
    some += [draw.randrange(first, last) for _ in range(count // 10)]  # mostly where there is nothing
    answers = by_us(KERNEL, some)
    for address, ours in zip(some, answers):
        i = bisect.bisect_right(starts, address) - 1
        names = (at[starts[i]] - {""}) or {""} if i >= 0 and address - starts[i] < FURTHEST else {""}
        counts["equal" if ours in names else "differ"] += 1
        counts["named"] += ours in names and ours != ""
        if ours not in names:
            print(f"{KERNEL}: {address:#x}: ours {ours!r}, kallsyms' {sorted(names)}")
    counts["files"] += 1


def main():
    if LLVM is None:
        print("skipped: llvm-symbolizer is not installed")
        return 77
    long = "--long" in sys.argv
    files = [a for a in sys.argv[1:] if a != "--long"]
    plan = [(path, LONG_SAMPLE if long else SHORT_SAMPLE) for path in files or FILES]
    if long and not files:
        plan += [(path, LONG_SAMPLE if n < 2 else LIBRARY_SAMPLE) for n, path in enumerate(LONG)]
    counts = collections.Counter()
    for path in dict(plan):
        if os.path.exists(path):
            compare(path, dict(plan)[path], counts)
    if not files:
        compare_kernel(LONG_SAMPLE if long else SHORT_SAMPLE, counts)
    equal, differ, files, named = (counts.pop(key, 0) for key in ("equal", "differ", "files", "named"))
    for why, count in counts.most_common():
        print(f"{count:8} {why}")
    print(f"{files} files: {equal} answers equal ({named} of them names), {counts.total()} explained, {differ} differ")
    return 1 if differ or not named else 0


if __name__ == "__main__":
    sys.exit(main())
