#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Our OTLP profiles as the OpenTelemetry Collector reads them: one built of Debian's sources (scripts/fetch collector)."""
import pathlib
import re
import tempfile
import urllib.request

from busy import Busy, profile
from consumers import LINES_SOURCE, MUCH, SOME, cached, line_of
from harness import run_scenarios
from processes import DEADLINE_S, Server, wait_until


class Collector(Server):
    """Prints each profile that it receives. Which functions a sample's stack has it does not print."""

    def __init__(self, program):
        super().__init__()
        self.program = program

    def prepare(self):
        (self.directory / "config.yaml").write_text(
            f"""
receivers: {{otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{self.port}"}}}}}}}}
exporters: {{debug: {{verbosity: detailed}}}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines: {{profiles: {{receivers: [otlp], exporters: [debug]}}}}
"""
        )
        self.command = [self.program, "--config", f"file:{self.directory}/config.yaml", "--feature-gates=service.profilesSupport"]


def post(collector, body):
    request = urllib.request.Request(f"http://127.0.0.1:{collector.port}/v1development/profiles", body,
                                     {"Content-Type": "application/x-protobuf"})  # fmt: skip
    with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
        return answer.status, answer.read()


def table(text, what):
    """The entries of one of the dictionary's tables, in their order."""
    return re.findall(rf"^{what} #\d+\n((?:    .*\n)+)", text, re.MULTILINE)


def number(block, name):
    return int(re.search(rf"^ *{name}: (\d+)$", block, re.MULTILINE)[1])


def it_reads_what_was_sampled():
    program = cached("collector/otelcol", "scripts/fetch collector")
    with tempfile.TemporaryDirectory() as directory, Busy("busy_sent", LINES_SOURCE, ("-O2", "-g")) as busy:
        out = pathlib.Path(directory) / "out.otlp"
        said = profile("-d", 1, "-F", 199, "-p", busy.process.pid, "--otlp", "-o", out).stderr
        samples = int(re.search(r"sonde: (\d+) samples", said)[1])
        with Collector(program) as collector:
            # An empty "partial success": nothing of it was refused.
            assert post(collector, out.read_bytes()) == (200, b"\n\0")
            wait_until("it printed all", lambda: "-> service.name: Str(busy_sent)" in collector.output())
            collector.stop()
            text = collector.output()
    strings = re.search(r"^String table:\n((?:    .*\n)+)", text, re.MULTILINE)[1].split("\n")
    strings = [line[4:] for line in strings]
    functions = [(strings[number(block, "Name")], strings[number(block, "Filename")]) for block in table(text, "Function")]
    places = []
    for block in table(text, "Location"):
        lines = re.findall(r"Function index: (\d+)\n +Line: (\d+)\n", block)
        places.append(tuple((*functions[int(function)], int(line)) for function, line in lines))
    for which in (MUCH, SOME):
        wanted = tuple((function, str(busy.directory / "busy.c"), line_of(source)) for function, source in which)
        assert wanted in places, (wanted, places)
    found = [int(value) for value in re.findall(r"^ +Values: \[(\d+)\]$", text, re.MULTILINE)]
    assert sum(found) == samples > 0, (samples, found)
    assert f"process.pid: %!s(int64={busy.process.pid})" in text or f"process.pid: {busy.process.pid}" in text, text[-3000:]


run_scenarios(it_reads_what_was_sampled)
