#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Our unwinding rows against those of binutils' readelf, at every address where either has a row.

rows_differential.py [--long] [FILE...]: a fixed sample of this host's files, all with --long. Of x86-64, .eh_frame alone.
UNWIND_ROWS is our side (build/release/tests/unwind_rows); its rows went through a rows file. Expressions are counted by
what ours says of them, not compared: readelf does not say what they are.
"""
import array
import bisect
import collections
import functools
import os
import re
import subprocess
import sys

OURS = os.environ.get("UNWIND_ROWS", "build/release/tests/unwind_rows")
FOLDERS = ["/usr/bin", "/usr/lib/x86_64-linux-gnu"]
ALL_FOLDERS = ["/usr", "/opt"]
SAMPLE = 40
LARGEST = 4 << 20  # of a sampled file
INVALID, STOP, SIGNAL, SP, FP, REGISTER = 0, 1, 2, 4, 5, 0x80
KINDS = {INVALID: "unknown", SIGNAL: "signal", 6: "deref", 7: "deref", 8: "plt"}
REGISTERS = "rax rdx rcx rbx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15".split()


def theirs(path):
    """Functions (begin, end, addresses, cells, cells or None if they are the CIE's), of .eh_frame as readelf interprets it;
    cells are (cfa, rbp, ra)."""
    env = dict(os.environ, LC_ALL="C")
    functions, common, rows, columns, here, known = [], {}, None, [], False, {}
    with subprocess.Popen(["readelf", "-wFN", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env,
                          text=True, encoding="latin-1") as reader:
        for line in reader.stdout:
            if line[16:17] == " " and line[8:9] != " ":
                if here and rows is not None:
                    # A register in a register is told twice: "r10 (r10)".
                    cells = line if "(" not in line else re.sub(r" \(\w+\)", "", line)
                    cells = dict(zip(columns, cells.split()))
                    rows[0].append(int(cells["LOC"], 16))
                    cells = cells.get("CFA"), cells.get("rbp", "u"), cells.get("ra", "u")
                    rows[1].append(known.setdefault(cells, cells))
            elif line.startswith("Contents of the"):
                here = ".eh_frame " in line
            elif not here:
                continue
            elif m := re.match(r"([0-9a-f]+) [0-9a-f]+ [0-9a-f]+ CIE", line):
                rows = common[int(m[1], 16)] = (array.array("Q"), [])
            elif m := re.match(r"[0-9a-f]+ [0-9a-f]+ [0-9a-f]+ FDE cie=([0-9a-f]+) pc=([0-9a-f]+)\.\.([0-9a-f]+)", line):
                rows = (array.array("Q"), [])
                functions.append((int(m[2], 16), int(m[3], 16), *rows, common.get(int(m[1], 16), (None, []))[1]))
            elif line.startswith("   LOC"):
                columns = line.split()
    return [(b, e, a or [b], r or c[-1:], r or None) for b, e, a, r, c in functions if (r or c) and b < e]


def ours(path):
    """Addresses and what holds from each."""
    addresses, rows, known = array.array("Q"), [], {}
    with subprocess.Popen([OURS, path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as reader:
        for line in reader.stdout:
            address, row = line.split(" ", 1)
            if row not in known:
                known[row] = tuple(map(int, row.split()))
            addresses.append(int(address, 16))
            rows.append(known[row])
    if reader.returncode == 3:
        return None
    if reader.returncode != 0:
        raise RuntimeError(f"{path}: {OURS} ended with {reader.returncode}")
    return addresses, rows


@functools.cache
def agree(row, cfa, rbp, ra):
    """True, False; None: not comparable."""
    kind, offset, fp_kind, ra_kind, saved, _ = row
    if ra == "u":
        return kind == STOP
    m = re.fullmatch(r"([a-z0-9]+)([+-]\d+)", cfa)
    if not m or m[1] not in REGISTERS or not re.fullmatch(r"c-8", ra) or "exp" in rbp:
        return None
    register = REGISTERS.index(m[1])
    if (kind, offset) != ({7: SP, 6: FP}.get(register, REGISTER + register), int(m[2])) or ra_kind != 0:
        return False
    if m := re.fullmatch(r"c([+-]\d+)", rbp):
        return (fp_kind, saved) == (1, int(m[1]))
    # readelf writes u for what nobody mentioned, too.
    return fp_kind in (0, 3)


def restored(cfa, rbp, _ra):
    """A CIE whose own instructions save registers and restore them again: for readelf they stay saved, below the stack
    pointer, where nothing can be."""
    below = re.fullmatch(r"rsp\+(\d+)", cfa), re.fullmatch(r"c-(\d+)", rbp)
    return all(below) and int(below[1][1]) > int(below[0][1])


def compare(path, say):
    """How many addresses: agreed, differ, are expressions that ours takes for this or that."""
    counts = collections.Counter()
    mine = ours(path)
    if mine is None:
        return counts
    counts["files"] = 1
    starts, mine = mine
    wrong = covered = 0
    for begin, end, at, rows, own in sorted(theirs(path), key=lambda f: f[:2]):
        first, last = bisect.bisect_left(starts, begin), bisect.bisect_left(starts, end)
        for address in sorted({*at, *starts[first:last]}):
            if address < covered or not begin <= address < end:
                continue
            i = bisect.bisect_right(starts, address) - 1
            row = mine[i] if i >= 0 else (INVALID, 0, 0, 0, 0, 0)
            other = rows[bisect.bisect_right(at, address) - 1]
            verdict = agree(row, *other)
            if verdict is None:
                counts[KINDS.get(row[0], "other")] += 1
                continue
            if verdict is False and own is None and restored(*other):
                counts["restored"] += 1
                continue
            counts["agree" if verdict else "differ"] += 1
            if verdict is False:
                wrong += 1
                if wrong <= 5:
                    say(f"{path}: {address:#x}: ours {row}, theirs {other}")
        covered = max(covered, end)
    return counts


def elf_files(tops):
    """Each file once, though it has several names."""
    seen = set()
    for top in tops:
        for folder, folders, names in os.walk(top):
            folders.sort()
            for path in (os.path.join(folder, name) for name in sorted(names)):
                if os.path.islink(path) or not os.path.isfile(path) or not os.access(path, os.R_OK):
                    continue
                status = os.stat(path)
                if (status.st_dev, status.st_ino) in seen:
                    continue
                seen.add((status.st_dev, status.st_ino))
                with open(path, "rb") as file:
                    head = file.read(20)
                # Programs and libraries of x86-64: a host may have those of other machines, too.
                if head[:4] == b"\x7fELF" and head[16:18] in (b"\2\0", b"\3\0") and head[18:20] == b"\x3e\0":
                    yield path


def main():
    args = [a for a in sys.argv[1:] if a != "--long"]
    long = "--long" in sys.argv
    files = args or list(elf_files(ALL_FOLDERS if long else FOLDERS))
    if not args and not long:
        files = [f for f in files if os.path.getsize(f) <= LARGEST]
        files = files[:: max(1, len(files) // SAMPLE)]
    total = collections.Counter()
    for path in files:
        total += compare(path, print)
    expressions = ", ".join(f"{kind} {total[kind]}" for kind in (*dict.fromkeys(KINDS.values()), "other"))
    print(f"{total['files']} files: {total['agree']} addresses agree, {total['differ']} differ, {total['restored']} restored in a CIE;"
          f" not compared: {expressions}")
    return 1 if total["differ"] or not total["agree"] else 0


if __name__ == "__main__":
    sys.exit(main())
