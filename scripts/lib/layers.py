# SPDX-License-Identifier: Apache-2.0
"""Holds the rooms to their permission list (layers.txt): includes, private headers, forbidden words.

usage: layers.py FILE...    prints one line per breach; exit code 1 if there is any
"""

import fnmatch
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')
LINK = re.compile(r"https?://\S+")


class Permissions:
    def __init__(self, path: str):
        self.rooms: dict[str, list[str]] = {}
        self.headers: dict[str, list[str]] = {}
        self.words: dict[str, re.Pattern[str]] = {}
        for line in open(path, encoding="utf-8"):
            if not line.strip() or line.startswith("#"):
                continue
            left, right = line.split("=")
            kind, name = left.split()
            if kind == "words":
                self.words[name] = re.compile("|".join(right.split()), re.IGNORECASE)
            else:
                {"room": self.rooms, "header": self.headers}[kind][name] = right.split()

    def room_of(self, path: str) -> tuple[str, str] | None:
        """The room's pattern and the folder that it matched: exporters/* and exporters/otlp."""
        folder = os.path.dirname(path)
        while folder:
            for pattern in self.rooms:
                if fnmatch.fnmatchcase(folder, pattern) and folder.count("/") == pattern.count("/"):
                    return pattern, folder
            folder = os.path.dirname(folder)
        return None


def breaches(path: str, permissions: Permissions):
    place = permissions.room_of(path)
    words = [(room, rule) for room, rule in permissions.words.items() if path.startswith(room + "/")]
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        at = f"{path}:{number}"
        for room, rule in words:
            if found := rule.search(LINK.sub("", line)):
                yield f"{at}: the word '{found.group(0)}' may not occur in {room}"
        include = INCLUDE.match(line)
        if not include or not place:
            continue
        quote, target = include.groups()
        room, folder = place
        if quote == "<":
            for prefix, rooms in permissions.headers.items():
                if target.startswith(prefix) and room not in rooms:
                    yield f"{at}: <{target}>: only {' '.join(rooms)} may include it"
            continue
        other = permissions.room_of(target)
        if other is None:
            # A generated header has no folder; one of the tree is named from the root.
            if os.path.exists(os.path.join(os.path.dirname(path), target)):
                yield f'{at}: "{target}": write the path from the root of the tree'
            continue
        allowed = permissions.rooms[room]
        if other[1] != folder and other[0] not in allowed and "all" not in allowed:
            yield f"{at}: {room} may not include {other[1]} (scripts/lib/layers.txt)"


def main() -> int:
    permissions = Permissions(os.path.join(HERE, "layers.txt"))
    found = [breach for path in sys.argv[1:] for breach in breaches(path, permissions)]
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
