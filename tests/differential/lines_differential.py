#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Our functions, inlined functions, files and lines against those of llvm-symbolizer and eu-addr2line.

lines_differential.py [--long] [FILE...]: at 2,000 addresses of each file, at 100,000 with --long. Without FILE: our own binary and
libc's debug file, and a Go program by its own table; with --long also those of libjvm and python3.11, if Debian's packages with
them are installed. GO is another Go than that in the PATH. LINE_FRAMES is
our side (build/release/tests/line_frames). llvm-symbolizer must say the same at every address. Where eu-addr2line does not, the
difference must be of a class below, and llvm-symbolizer must say what we do.
"""
import collections
import json
import os
import posixpath
import random
import re
import struct
import subprocess
import sys
import tempfile

OURS = os.environ.get("LINE_FRAMES", "build/release/tests/line_frames")
OWN = os.environ.get("SONDE", "build/release/sonde")
LLVM = ["llvm-symbolizer-19", "--no-demangle", "--output-style=JSON"]
EU = os.environ.get("EU_ADDR2LINE", "eu-addr2line")
GO = os.environ.get("GO", "go")
PROGRAMS = ["/lib/x86_64-linux-gnu/libc.so.6"]
LONG_PROGRAMS = ["/usr/bin/python3.11", "/usr/lib/jvm/java-17-openjdk-amd64/lib/server/libjvm.so"]
LONGEST_NAME = 4096
NOTHING = [("", "", 0)]


def debug_file(program):
    notes = subprocess.run(["readelf", "-n", program], capture_output=True, text=True, check=False).stdout
    m = re.search(r"Build ID: ([0-9a-f]{2})([0-9a-f]+)", notes)
    path = m and f"/usr/lib/debug/.build-id/{m[1]}/{m[2]}.debug"
    return path if path and os.path.exists(path) else None


def code_sections(path):
    out = subprocess.run(["readelf", "-SW", path], capture_output=True, text=True, check=True).stdout
    for m in re.finditer(r"\] \S+ +\w+ +([0-9a-f]+) [0-9a-f]+ ([0-9a-f]+) \w+ +(\w*X\w*) ", out):
        yield int(m[1], 16), int(m[2], 16)


def some_addresses(path, count):
    sections = list(code_sections(path))
    rng = random.Random(1)
    out = set()
    for start, size in rng.choices(sections, weights=[size for _, size in sections], k=count):
        out.add(rng.randrange(start, start + size))
    return sorted(out)


def without_symbols(path, folder):
    """A copy without its symbol tables: both would name functions by them, DWARF is what is compared."""
    copy = os.path.join(folder, "copy")
    with open(path, "rb") as source:
        image = bytearray(source.read())
    table, = struct.unpack_from("<Q", image, 40)
    size, count = struct.unpack_from("<HH", image, 58)
    for at in range(table + 4, table + 4 + size * count, size):
        if struct.unpack_from("<I", image, at)[0] in (2, 11):  # SHT_SYMTAB, SHT_DYNSYM
            struct.pack_into("<I", image, at, 1)
    with open(copy, "wb") as out:
        out.write(image)
    return copy


def demangled(names):
    names = sorted(names)
    out = subprocess.run(["c++filt", "--no-verbose"], input="\n".join(names), capture_output=True, text=True, check=True).stdout.split("\n")
    # Ours are left as they are where they would be too long, and cut.
    return {name: (text if len(text) <= LONGEST_NAME else name)[:LONGEST_NAME] for name, text in zip(names, out)}


def frame(function, path, line):
    return ("" if function == "??" else function, posixpath.normpath(path) if path not in ("", "??") else "", int(line))


def ask(command, addresses):
    text = "".join(f"{a:#x}\n" for a in addresses)
    # eu-addr2line ends with 1 where an address has no line: who dies early is found by the count of answers.
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False, errors="replace").stdout


def ours(path, addresses, folder, verb="make"):
    table = os.path.join(folder, "table")
    made = subprocess.run([OURS, verb, path, table], capture_output=True, text=True, check=True).stdout
    answers = ask([OURS, "find", table], addresses).split("\n")
    out, frames = [], []
    for line in answers[:-1]:
        if line:
            frames.append(frame(*line.split("\t")))
        else:
            out.append(frames or NOTHING)
            frames = []
    known = sum(frames != NOTHING for frames in out)
    print(f"{path}: {made.strip()}\n  {known} of {len(out)} addresses are known, {sum(map(len, out)) / len(out):.2f} frames each")
    return out


def llvm(path, addresses):
    out = []
    for line in ask([*LLVM, f"--obj={path}"], addresses).splitlines():
        symbols = json.loads(line).get("Symbol", [])
        out.append([frame(s["FunctionName"], s["FileName"], s["Line"]) for s in symbols] or NOTHING)
    return out


def elfutils(path, addresses):
    out = []
    lines = ask([EU, "-a", "-f", "-i", "-A", "-e", path], addresses).splitlines()
    i = 0
    while i < len(lines):
        i += 1  # the address
        frames = []
        while i < len(lines) and not re.fullmatch(r"0x[0-9a-f]{16}", lines[i]):
            function = lines[i].split(" inlined at ")[0]
            m = re.match(r"(.*?):(\d+)(:\d+)?( \(.*\))?$", lines[i + 1])
            frames.append(frame(function, m[1], m[2]))
            i += 2
        out.append(frames or NOTHING)
    return out


def folder_twice(a, b):
    """A unit whose folder is relative itself ("./libio"): eu-addr2line puts it in front twice."""
    twice = b[1].endswith("/" + a[1]) and a[1].startswith(b[1][: -len(a[1])])
    return (a[0], a[2]) == (b[0], b[2]) and (a[1] == b[1] or twice)


def class_of(mine, other):
    """Why eu-addr2line may say something else."""
    if len(mine) == len(other) and all(map(folder_twice, mine, other)):
        return "folder twice"
    same_line = folder_twice(("", *mine[0][1:]), ("", *other[0][1:]))
    if mine == NOTHING and other[0][0] == "":
        return "behind the last line"  # it takes the line of what ends just there
    if len(mine) == 1 and mine[0][0] == "" and same_line:
        return "padding"  # behind a function's end; it takes the function before
    if len(other) == 1 and other[0][0] == "" and same_line:
        return "no function"  # it finds none, with link-time optimisation for half of the addresses
    if same_line:
        return "several entries"  # aliases, overlapping inlined functions: it takes the first one, we the last
    if mine[-1][0] == other[-1][0]:
        return "another unit"  # of several that describe one function: it takes another's lines
    return "differ"


def compare(who, addresses, mine, other, say, agreed=None):
    """How often which verdict; agreed: what another one said, at addresses where `other` may have its own opinion."""
    names = demangled({f[0] for frames in other for f in frames})
    other = [[(names[f], path, line) for f, path, line in frames] for frames in other]
    counts = collections.Counter()
    for i, (address, a, b) in enumerate(zip(addresses, mine, other, strict=True)):
        verdict = "agree" if a == b else class_of(a, b) if agreed and agreed[i] == a else "differ"
        counts[verdict] += 1
        if verdict == "differ" and counts["differ"] <= 5:
            say(f"  {address:#x}: ours {a}\n    {who} {b}")
    print(f"  {who}: " + ", ".join(f"{n} {verdict}" for verdict, n in counts.most_common()))
    return counts, other


def go_verdict(a, b):
    if a == b:
        return "agree"
    if b == NOTHING:
        return "not in DWARF"
    # Types that a function was made for are left out in the table: "f[...]".
    if a == [(re.sub(r"\[.*\]", "[...]", f[0]), *f[1:]) for f in b]:
        return "without types"
    # A method that the compiler made of another one: DWARF has no lines of its own, and not what it calls.
    if a[-1][1] == "<autogenerated>" and b in ([(a[-1][0], "", 0)], [(a[-1][0], *a[0][1:])]):
        return "generated"
    return "differ"


def compare_go(count):
    """A Go program by its own table against its DWARF, by llvm-symbolizer."""
    with tempfile.TemporaryDirectory() as folder:
        source, program = os.path.join(folder, "main.go"), os.path.join(folder, "program")
        with open(source, "w") as file:
            file.write('package main\n\nimport "net/http"\n\nfunc main() { println(http.ListenAndServe("", nil)) }\n')
        env = dict(os.environ, GO111MODULE="off", CGO_ENABLED="0", HOME=os.environ.get("HOME", folder))
        subprocess.run([GO, "build", "-o", program, source], env=env, check=True)
        addresses = some_addresses(program, count)
        mine = ours(program, addresses, folder, "go")
        other = llvm(without_symbols(program, folder), addresses)
        verdicts = [go_verdict(a, b) for a, b in zip(mine, other, strict=True)]
        apart = [i for i, verdict in enumerate(verdicts) if verdict == "differ"]
        # Where the linker's DWARF is not exact, Go's own reader of the same table decides.
        said = ask([GO, "tool", "addr2line", program], [addresses[i] for i in apart]).splitlines()
        for i, function, place in zip(apart, said[::2], said[1::2], strict=True):
            if (function, place) == (mine[i][-1][0], f"{mine[i][0][1]}:{mine[i][0][2]}"):
                verdicts[i] = "as Go has it"
            else:
                print(f"  {addresses[i]:#x}: ours {mine[i]}\n    llvm-symbolizer {other[i]}\n    Go {function} {place}")
        counts = collections.Counter(verdicts)
        print("  llvm-symbolizer: " + ", ".join(f"{n} {verdict}" for verdict, n in counts.most_common()))
        return counts


def main():
    args = [a for a in sys.argv[1:] if a != "--long"]
    long = "--long" in sys.argv
    programs = PROGRAMS + LONG_PROGRAMS if long else PROGRAMS
    files = args or [OWN, *filter(None, map(debug_file, programs))]
    count = 100_000 if long else 2_000
    total = collections.Counter() if args else compare_go(count)
    for path in files:
        with tempfile.TemporaryDirectory() as folder:
            addresses = some_addresses(path, count)
            mine = ours(path, addresses, folder)
            copy = without_symbols(path, folder)
            counts, agreed = compare("llvm-symbolizer", addresses, mine, llvm(copy, addresses), print)
            total += counts
            total += compare("eu-addr2line", addresses, mine, elfutils(copy, addresses), print, agreed)[0]
    print("all: " + ", ".join(f"{n} {verdict}" for verdict, n in total.most_common()))
    return 1 if total["differ"] or not total["agree"] else 0


if __name__ == "__main__":
    sys.exit(main())
