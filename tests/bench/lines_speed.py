#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How fast and how large: lines and inlined functions by our tables, by llvm-symbolizer and by eu-addr2line.

lines_speed.py FILE...: of each file 100,000 addresses that are known, in random order, eu-addr2line 1,000 of them. Warm: what the
same addresses take the second time, in one process. Seconds are of CPU, so that other load counts less; ours are of the library alone,
theirs have the printing in them. Names are demangled, as ours are. LINE_FRAMES as in lines_differential.py.
"""
import os
import random
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../differential"))
import lines_differential as lines  # noqa: E402

COUNT, FEW = 100_000, 1_000


def run(command, text):
    """Seconds of CPU, and KiB at most."""
    done = subprocess.run(["/usr/bin/time", "-f", "%U %S %M", *command], input=text, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, check=False)
    user, system, most = done.stderr.split()[-3:]
    return float(user) + float(system), int(most)


def known(path, folder):
    addresses = lines.some_addresses(path, 5 * COUNT)
    addresses = [a for a, frames in zip(addresses, lines.ours(path, addresses, folder), strict=True) if frames != lines.NOTHING]
    random.Random(1).shuffle(addresses)
    return [f"{a:#x}\n" for a in addresses[:COUNT]]


def main():
    for path in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as folder:
            addresses = known(path, folder)
            said = subprocess.run([lines.OURS, "time", os.path.join(folder, "table")], input="".join(addresses),
                                  capture_output=True, text=True, check=True).stdout
            ours = float(re.search(r"(\d+) addresses a second", said)[1])
            print(f"  ours: {said.strip()}".replace("\n", ", "))
            for name, command, some in (("llvm-symbolizer", ["llvm-symbolizer-19", f"--obj={path}"], addresses),
                                        ("eu-addr2line", [lines.EU, "-C", "-f", "-i", "-e", path], addresses[:FEW])):
                first, _ = run(command, some[0])
                once, _ = run(command, "".join(some))
                twice, most = run(command, "".join(some * 2))
                rate = len(some) / (twice - once)
                print(f"  {name}: {rate:.0f} addresses a second warm, ours is {ours / rate:.0f} times that; first answer after "
                      f"{first:.2f} s, {most} KiB at most")


if __name__ == "__main__":
    main()
