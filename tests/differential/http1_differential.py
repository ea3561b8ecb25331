#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Other opinions on HTTP/1.x: our parser, python3-h11 and Node's llhttp read the same generated messages, and each
disagreement must be explained by a line of http1_disagreements.txt.

usage: http1_differential.py [--messages N] [--seed N] [--verdicts PROGRAM]

Ends with "N passed, N failed, N skipped": the messages by whether every opinion agreed or was explained.
"""
import argparse
import collections
import fnmatch
import pathlib
import random
import shutil
import struct
import subprocess
import sys

import http1_h11
from http1_messages import Generator
from http1_shapes import shapes

HERE = pathlib.Path(__file__).resolve().parent
BATCH = 100  # both ways well below what a pipe holds: neither side waits for the other
SHOWN = 40  # unexplained disagreements that are printed
SKIP = 77

Opinion = collections.namedtuple("Opinion", "how start path body next why")


class Reader:
    """A program that reads frames and writes a line for each."""

    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def send(self, frames):
        self.process.stdin.write(frames)
        self.process.stdin.flush()

    def read(self):
        line = self.process.stdout.readline().decode("latin1")
        if not line:
            sys.exit(f"{self.process.args[0]} ended, exit code {self.process.wait()}")
        how, start, path, body, following, why = line.rstrip("\n").split("\t")
        return Opinion(how, start, path, int(body), following, why)


def path_of(target):
    """Of any target what ours calls path and query."""
    if "://" in target and target.split("://")[0].lower() in ("http", "https"):
        rest = target.split("://", 1)[1]
        cut = min((i for i in (rest.find("/"), rest.find("?")) if i >= 0), default=len(rest))
        target = rest[cut:]
        target = target if target.startswith("/") else "/" + target
    return target[:-1] if target.endswith("?") and target.count("?") == 1 else target


def differences(letter, ours, theirs):
    """Words "aspect:ours>theirs"."""
    if ours.how != theirs.how:
        yield f"{ours.how}>{theirs.how}"
    if ours.how in ("part", "bad") or theirs.how in ("part", "bad"):
        return
    if ours.start != theirs.start:
        yield "start"
    if letter == "Q" and ours.start != "CONNECT" and ours.path != path_of(theirs.path):
        yield "path"
    if ours.how == theirs.how:
        # What a broken body held so far depends on how far each looked ahead.
        if ours.body != theirs.body and ours.how != "broken":
            yield "body"
        if ours.next != theirs.next and theirs.next != "?":
            yield "next"


def read_classes():
    """[(peer, differences, shapes, name)] of http1_disagreements.txt."""
    classes = []
    for line in (HERE / "http1_disagreements.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#") and not line.startswith(" "):
            name, peers, what, when, _section = line.split(None, 4)
            for peer in peers.split(","):
                classes.append((peer, what.split(","), set(when.split(",")), name))
    return classes


def explained(classes, peer, difference, found):
    """The first class that explains it; None: none does."""
    for of, what, when, name in classes:
        if of == peer and when & found and any(fnmatch.fnmatchcase(difference, one) for one in what):
            return name
    return None


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--messages", type=int, default=20_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--verdicts", default=str(HERE.parents[1] / "build/release/tests/http1_verdicts"))
    options = options.parse_args()
    node = shutil.which("node")
    if node is None:
        print("skipped: node is not installed")
        sys.exit(SKIP)
    generator = Generator(random.Random(options.seed))
    classes = read_classes()
    ours = Reader(options.verdicts)
    llhttp = Reader(node, "--no-deprecation", str(HERE / "http1_llhttp.js"))
    agreed, by_class, unexplained, hows = 0, collections.Counter(), 0, collections.Counter()
    shown = collections.Counter()
    for first in range(0, options.messages, BATCH):
        batch = [generator.next() for _ in range(min(BATCH, options.messages - first))]
        frames = b"".join(struct.pack("<I", len(data)) + letter.encode() + data for letter, data in batch)
        ours.send(frames)
        opinions = [ours.read() for _ in batch]
        llhttp.send(frames)
        for (letter, data), mine in zip(batch, opinions):
            hows[mine.how] += 1
            peers = {"llhttp": llhttp.read(), "h11": Opinion(*http1_h11.opinion(letter, data))}
            disagreements = [(peer, what) for peer, other in peers.items() for what in differences(letter, mine, other)]
            if not disagreements:
                agreed += 1
                continue
            found = shapes(letter, data)
            open_questions = []
            for peer, what in disagreements:
                name = explained(classes, peer, what, found)
                if name:
                    by_class[name] += 1
                else:
                    open_questions.append((peer, what))
            if open_questions:
                unexplained += 1
                key = tuple(open_questions)
                shown[key] += 1
                if shown[key] <= 2 and len(shown) <= SHOWN:
                    print(f"unexplained: {open_questions} shapes={sorted(found)}\n  {letter} {data!r}\n  ours   {mine}")
                    for peer, other in peers.items():
                        print(f"  {peer:6} {other}")
    print(f"seed {options.seed}: {options.messages} messages; ours: {dict(hows)}")
    print(f"all three agree on {agreed}; explained disagreements, by class:")
    for name in sorted({name for _, _, _, name in classes}):
        print(f"  {by_class[name]:8} {name}")
    if unexplained:
        print(f"unexplained, by kind: {shown.most_common(40)}")
    print(f"{options.messages - unexplained} passed, {unexplained} failed, 0 skipped")
    sys.exit(1 if unexplained else 0)


if __name__ == "__main__":
    main()
