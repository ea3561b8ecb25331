# SPDX-License-Identifier: Apache-2.0
"""Holds files to the size a reader can take in; a function's size is clang-tidy's to judge.

usage: sizes.py FILE...    prints warnings and breaches; exit code 1 if there is a breach
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ALLOW = os.path.join(HERE, "..", "size_allow.txt")
LIMITS = {".bpf.c": (250, 400), "": (400, 800)}  # suffix: (warn, fail), first that fits


def allowed() -> dict[str, str]:
    """size_allow.txt: a path and the reason, per line."""
    lines = (line.strip() for line in open(ALLOW, encoding="utf-8"))
    return dict(line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))


def main() -> int:
    exceptions = allowed()
    failed = False
    for path in sorted(exceptions.keys() - set(sys.argv[1:])):
        print(f"{path}: named in scripts/size_allow.txt, but there is no such file")
        failed = True
    for path in sys.argv[1:]:
        warn, fail = next(limits for suffix, limits in LIMITS.items() if path.endswith(suffix))
        with open(path, encoding="utf-8") as text:
            lines = sum(1 for _ in text)
        if lines > fail and path not in exceptions:
            print(f"{path}: {lines} lines, the limit is {fail}: split it, or give a reason in scripts/size_allow.txt")
            failed = True
        elif lines > warn and path not in exceptions:
            print(f"{path}: warning: {lines} lines; {warn} is plenty")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
