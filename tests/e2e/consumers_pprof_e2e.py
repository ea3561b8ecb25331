#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Our profiles as pprof reads them: Debian 12's Go has one, and the newest Go another (scripts/fetch go)."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from busy import Busy, profile
from consumers import LINES_SOURCE, MUCH, line_of
from harness import run_scenarios, skip
from processes import CACHE, DEADLINE_S


class Pprof:
    """One pprof and the profile that it is asked about."""

    def __init__(self, command, file, home):
        self.command, self.file = command, file
        self.environment = dict(os.environ, HOME=home, PPROF_TMPDIR=home)

    def __call__(self, *flags):
        done = subprocess.run([*self.command, *flags, self.file], capture_output=True, text=True, timeout=DEADLINE_S,
                              env=self.environment)  # fmt: skip
        assert done.returncode == 0, f"{self.command} {flags}: {done.stderr}"
        return done.stdout


def shows_all(pprof, busy, samples):
    top = pprof("-top", "-sample_index=samples")
    assert re.search(rf"Showing nodes accounting for \d+, \S+ of {samples} total", top), top
    assert re.search(r"%  leaf_much(?: \(inline\))?$", top, re.MULTILINE), top
    source = busy.directory / "busy.c"
    lines = [rf"{function} {source}:{line_of(text)}(?: \(inline\))?" for function, text in MUCH]
    traces = pprof("-traces", "-lines")
    assert re.search(r"\n +".join(lines), traces), traces
    by_line = pprof("-top", "-lines")
    assert re.search(rf"%  leaf_much {source}:{line_of('INTO leaf_much')}(?: \(inline\))?$", by_line, re.MULTILINE), by_line
    listed = pprof("-list", "leaf_much")
    assert f"leaf_much in {source}" in listed, listed
    assert re.search(rf" {line_of('INTO leaf_much')}:INTO leaf_much\(long turns\)", listed), listed
    tags = pprof("-tags", "-sample_index=samples")
    for key, value in (("service", "busy_pprofs"), ("comm", "busy_pprofs"), ("pid", busy.process.pid)):
        assert re.search(rf"^ *{key}: Total {samples}(?:\.0)?\b.*\n +{samples}(?:\.0)? \( *100%\): {value}$", tags, re.MULTILINE), tags


def tools():
    found = [("go", "tool", "pprof")] if shutil.which("go") else []
    newest = CACHE / "go/pprof"
    return found + ([(str(newest),)] if newest.exists() else [])


def all_of_it_is_shown():
    if not tools():
        skip("neither go nor a pprof of scripts/fetch go is there")
    with tempfile.TemporaryDirectory() as directory, Busy("busy_pprofs", LINES_SOURCE, ("-O2", "-g")) as busy:
        out = pathlib.Path(directory) / "out.pb.gz"
        said = profile("-d", 2, "-F", 199, "-p", busy.process.pid, "-o", out).stderr
        samples = int(re.search(r"sonde: (\d+) samples", said)[1])
        for command in tools():
            shows_all(Pprof(command, out, directory), busy, samples)
            print(f"      {' '.join(command)}", flush=True)


run_scenarios(all_of_it_is_shown)
