# SPDX-License-Identifier: Apache-2.0
"""Holds each source file to its licence line: Apache-2.0, and both licences of the kernel side below bpf/.

usage: licences.py FILE...    prints one line per breach; exit code 1 if there is any
"""

import sys

HEAD_LINES = 5
KERNEL_SIDE = "BSD-2-Clause OR GPL-2.0-only"


def main() -> int:
    failed = False
    for path in sys.argv[1:]:
        wanted = KERNEL_SIDE if path.startswith("bpf/") else "Apache-2.0"
        with open(path, encoding="utf-8") as text:
            head = [text.readline() for _ in range(HEAD_LINES)]
        if not any(line.rstrip(" */\n").endswith(f"SPDX-License-Identifier: {wanted}") for line in head):
            print(f"{path}: its first lines need 'SPDX-License-Identifier: {wanted}'")
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
