#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Our unwinding rows against those of binutils' readelf, at every address where either has a row.

rows_differential.py [--long] [FILE...]: a fixed sample of this host's files, all with --long. Of x86-64, .eh_frame alone.
UNWIND_ROWS is our side (build/release/tests/unwind_rows). Expressions are counted, not compared: readelf does not
say what they are.
"""
import bisect
import os
import re
import subprocess
import sys

OURS = os.environ.get("UNWIND_ROWS", "build/release/tests/unwind_rows")
FOLDERS = ["/usr/bin", "/usr/sbin", "/usr/lib/x86_64-linux-gnu"]
SAMPLE = 40
LARGEST = 4 << 20  # of a sampled file
INVALID, STOP, SIGNAL, SP, FP, REGISTER = 0, 1, 2, 4, 5, 0x80
REGISTERS = "rax rdx rcx rbx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15".split()


def theirs(path):
    """Functions (begin, end, rows), a row (address, cfa, rbp, ra), of .eh_frame as readelf interprets it."""
    env = dict(os.environ, LC_ALL="C")
    text = subprocess.run(["readelf", "-wFN", path], capture_output=True, env=env, check=False).stdout.decode("latin-1")
    functions, common, rows, columns, here = [], {}, None, [], False
    for line in text.splitlines():
        if line.startswith("Contents of the"):
            here = ".eh_frame " in line
        elif not here:
            continue
        elif m := re.match(r"([0-9a-f]+) [0-9a-f]+ [0-9a-f]+ CIE", line):
            rows = common[int(m[1], 16)] = []
        elif m := re.match(r"[0-9a-f]+ [0-9a-f]+ [0-9a-f]+ FDE cie=([0-9a-f]+) pc=([0-9a-f]+)\.\.([0-9a-f]+)", line):
            rows = []
            functions.append((int(m[2], 16), int(m[3], 16), rows, common.get(int(m[1], 16), [])))
        elif line.startswith("   LOC"):
            columns = line.split()[1:]
        elif rows is not None and (m := re.match(r"([0-9a-f]{16}) (.*)", line)):
            # A register in a register is told twice: "r10 (r10)".
            cells = dict(zip(columns, re.sub(r" \(\w+\)", "", m[2]).split()))
            rows.append((int(m[1], 16), cells.get("CFA"), cells.get("rbp", "u"), cells.get("ra", "u")))
    return [(b, e, r or [(b, *c[-1][1:])]) for b, e, r, c in functions if (r or c) and b < e]


def ours(path):
    run = subprocess.run([OURS, path], capture_output=True, text=True, check=False)
    if run.returncode == 3:
        return None
    if run.returncode != 0:
        raise RuntimeError(f"{path}: {OURS} ended with {run.returncode}")
    return [(int(f[0], 16), *map(int, f[1:])) for f in map(str.split, run.stdout.splitlines())]


def agree(row, cfa, rbp, ra):
    """True, False; None: not comparable."""
    _, kind, offset, fp_kind, ra_kind, saved, _ = row
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


def compare(path, say):
    mine = ours(path)
    if mine is None:
        return 0, 0, 0
    starts = [row[0] for row in mine]
    compared = skipped = wrong = covered = 0
    for begin, end, rows in sorted(theirs(path)):
        at = [row[0] for row in rows]
        first, last = bisect.bisect_left(starts, begin), bisect.bisect_left(starts, end)
        for address in sorted(set(at + starts[first:last])):
            if address < covered or not begin <= address < end:
                continue
            i = bisect.bisect_right(starts, address) - 1
            row = mine[i] if i >= 0 else (0, INVALID, 0, 0, 0, 0, 0)
            other = rows[bisect.bisect_right(at, address) - 1]
            verdict = agree(row, *other[1:])
            compared += verdict is not None
            skipped += verdict is None
            if verdict is False:
                wrong += 1
                if wrong <= 5:
                    say(f"{path}: {address:#x}: ours {row[1:]}, theirs {other[1:]}")
        covered = max(covered, end)
    return compared, skipped, wrong


def elf_files():
    for folder in FOLDERS:
        for name in sorted(os.listdir(folder)):
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not os.path.islink(path) and os.access(path, os.R_OK):
                with open(path, "rb") as file:
                    if file.read(4) == b"\x7fELF":
                        yield path


def main():
    args = [a for a in sys.argv[1:] if a != "--long"]
    files = args or list(elf_files())
    if not args and "--long" not in sys.argv:
        files = [f for f in files if os.path.getsize(f) <= LARGEST]
        files = files[:: max(1, len(files) // SAMPLE)]
    total = [0, 0, 0]
    for path in files:
        total = [a + b for a, b in zip(total, compare(path, print))]
    print(f"{len(files)} files: {total[0]} addresses compared, {total[1]} with expressions, {total[2]} differ")
    return 1 if total[2] or not total[0] else 0


if __name__ == "__main__":
    sys.exit(main())
