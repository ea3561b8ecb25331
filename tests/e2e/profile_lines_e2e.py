#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Lines and inlined functions in profiles, of programs whose functions take known shares of CPU time."""
import gzip
import os
import pathlib
import re
import subprocess
import tempfile
import urllib.request

from busy import Busy, profile, settled
from consumers import LINES_SOURCE, MUCH, SOME, line_of
from harness import SONDE, Sonde, need_programs, run_scenarios
from processes import DEADLINE_S, HERE, Process, wait_until

PROTO = HERE.parents[1] / "exporters/pprof/profile.proto"
OTLP = HERE.parents[1] / "exporters/otlp/profiles.proto"
WITH_LINES = ("-O2", "-g")
GO = """
package main

import "fmt"

func leaf(n int) int { s := 0; for i := 0; i < n; i++ { s = (s*31 + i) % 1000003 }; return s }

//go:noinline
func outer(n int) int { return leaf(n) + 1 }

func main() { fmt.Println("ready"); t := 0; for { t += outer(100000) } }
"""


def near(found, share, samples):
    """Five deviations of so many draws, and what the loops' own overhead may be."""
    return abs(found - share) < 5 * (share * (1 - share) / samples) ** 0.5 + 0.03


def ending(stacks, *functions):
    return sum(count for stack, count in stacks.items() if stack[-len(functions):] == functions)


def protoc(proto, message, data):
    return subprocess.run(["protoc", f"--proto_path={proto.parent}", f"--decode={message}", proto.name],
                          input=data, capture_output=True, check=True).stdout.decode()  # fmt: skip


def blocks(text, name):
    """The messages of this name at the top of what protoc shows."""
    return re.findall(rf"^{name} {{\n(.*?)^}}", text, re.MULTILINE | re.DOTALL)


def numbers(text, name):
    return [int(found) for found in re.findall(rf"^ *{name}: (\d+)", text, re.MULTILINE)]


def places_of_pprof(data):
    """Of each location its lines as (function, file, line), and the mappings by their file."""
    text = protoc(PROTO, "sonde.pprof.wire.Profile", gzip.decompress(data))
    strings = [found.encode().decode("unicode_escape") for found in re.findall(r'^string_table: "(.*)"$', text, re.MULTILINE)]
    functions = {}
    for block in blocks(text, "function"):
        file = numbers(block, "filename")
        functions[numbers(block, "id")[0]] = (strings[numbers(block, "name")[0]], strings[file[0]] if file else "")
    places = []
    for block in blocks(text, "location"):
        lines = re.findall(r"line {\s+function_id: (\d+)(?:\s+line: (\d+))?", block)
        places.append(tuple((*functions[int(function)], int(line or 0)) for function, line in lines))
    mappings = {strings[numbers(block, "filename")[0]]: set(re.findall(r"has_\w+", block)) for block in blocks(text, "mapping")}
    return places, mappings


def expected(source, which):
    return tuple((function, str(source), line_of(text)) for function, text in which)


def source_of(busy):
    return busy.directory / "busy.c"


def inlined_functions_have_their_shares():
    with Busy("busy_lines", LINES_SOURCE, WITH_LINES) as busy:
        stacks, said = settled("-p", busy.process.pid, "-d", 3, "-F", 299)
        samples = sum(stacks.values())
        assert samples > 20 and "without lines" not in said, said
        shares = {("outer", "middle_[i]", "leaf_much_[i]"): 0.6, ("outer", "leaf_some_[i]"): 0.3, ("main", "apart"): 0.1}
        for functions, share in shares.items():
            found = ending(stacks, *functions) / samples
            assert near(found, share, samples), f"{functions}: {found} of {samples}, not {share}\n{stacks}"
        text = profile("-p", busy.process.pid, "-d", 1, "-F", 299, "--text").stdout
        assert re.search(r"  leaf_much$", text, re.MULTILINE) and "_[i]" not in text, text
        bare, _ = settled("-p", busy.process.pid, "-d", 1, "-F", 299, "--no-lines")
        assert ending(bare, "main", "outer") > 0.7 * sum(bare.values()), bare
        assert not any("_[i]" in frame for stack in bare for frame in stack), bare


def pprof_has_files_and_lines():
    need_programs("protoc")
    with tempfile.TemporaryDirectory() as directory, Busy("busy_lines", LINES_SOURCE, WITH_LINES) as busy:
        out, flame = pathlib.Path(directory) / "out.pb.gz", pathlib.Path(directory) / "out.svg"
        profile("-d", 2, "-F", 199, "-p", busy.process.pid, "-o", out, "--flame", flame)
        places, mappings = places_of_pprof(out.read_bytes())
        for which in (MUCH, SOME):
            assert expected(source_of(busy), which) in places, (expected(source_of(busy), which), places)
        whole = {"has_functions", "has_filenames", "has_line_numbers", "has_inline_frames"}
        assert mappings.pop(busy.command[0]) == whole, mappings
        assert mappings.get("[kernel]", {"has_functions"}) == {"has_functions"}, mappings
        assert "leaf_much [inlined] (" in flame.read_text(), flame.read_text()
        compared = subprocess.run([SONDE, "compare", out, out], capture_output=True, text=True, timeout=DEADLINE_S)
        assert compared.returncode == 0 and re.search(r"  leaf_much$", compared.stdout, re.MULTILINE), compared


def opentelemetry_has_them_too():
    need_programs("protoc")
    with tempfile.TemporaryDirectory() as directory, Busy("busy_lines", LINES_SOURCE, WITH_LINES) as busy:
        out = pathlib.Path(directory) / "out.otlp"
        profile("-d", 1, "-F", 199, "-p", busy.process.pid, "--otlp", "-o", out)
        text = protoc(OTLP, "sonde.otlp.wire.ExportProfilesServiceRequest", out.read_bytes())
        strings = [found.encode().decode("unicode_escape") for found in re.findall(r'^  string_table: "(.*)"$', text, re.MULTILINE)]
        functions = []
        for block in re.findall(r"^  function_table {\n(.*?)^  }", text, re.MULTILINE | re.DOTALL):
            name, file = numbers(block, "name_strindex"), numbers(block, "filename_strindex")
            functions.append((strings[name[0]] if name else "", strings[file[0]] if file else ""))
        places = []
        for block in re.findall(r"^  location_table {\n(.*?)^  }", text, re.MULTILINE | re.DOTALL):
            lines = re.findall(r"lines {\s+function_index: (\d+)(?:\s+line: (\d+))?", block)
            places.append(tuple((*functions[int(function)], int(line or 0)) for function, line in lines))
        assert expected(source_of(busy), MUCH) in places, places


def without_debug_information_nothing_changes():
    need_programs("protoc")
    with tempfile.TemporaryDirectory() as directory, Busy("busy_plain", LINES_SOURCE, ("-O2",)) as busy:
        out = pathlib.Path(directory) / "out.pb.gz"
        said = profile("-d", 1, "-F", 199, "-p", busy.process.pid, "-o", out).stderr
        assert "without lines" not in said, said
        places, mappings = places_of_pprof(out.read_bytes())
        assert (("outer", "", 0),) in places, places
        assert mappings[busy.command[0]] == {"has_functions"}, mappings


class Apart(Busy):
    """Its debug information is a file beside it."""

    def prepare(self):
        super().prepare()
        program, debug = self.command[0], f"{self.command[0]}.debug"
        subprocess.run(["objcopy", "--only-keep-debug", program, debug], check=True)
        subprocess.run(["strip", program], check=True)
        subprocess.run(["objcopy", f"--add-gnu-debuglink={debug}", program], check=True)


def of_a_separate_file():
    need_programs("objcopy", "strip")
    with Apart("busy_apart", LINES_SOURCE, WITH_LINES) as busy:
        stacks, said = settled("-p", busy.process.pid, "-d", 1, "-F", 299)
        assert ending(stacks, "outer", "middle_[i]", "leaf_much_[i]") > 0.3 * sum(stacks.values()), f"{said}\n{stacks}"


class GoProgram(Process):
    def prepare(self):
        (self.directory / "busy.go").write_text(GO)
        environment = dict(os.environ, HOME=str(self.directory), GOFLAGS="-mod=mod", GOCACHE=str(self.directory / "cache"))
        subprocess.run(["go", "build", "-ldflags", "-s -w", "-o", "busy_go", "busy.go"],
                       cwd=self.directory, env=environment, check=True, capture_output=True, timeout=DEADLINE_S)  # fmt: skip
        self.command = [str(self.directory / "busy_go")]

    def ready(self):
        return "ready" in self.output()


def of_a_stripped_go_program():
    need_programs("go")
    with GoProgram() as busy:
        stacks, said = settled("-p", busy.process.pid, "-d", 1, "-F", 299)
        assert ending(stacks, "main.outer", "main.leaf_[i]") > 0.6 * sum(stacks.values()), f"{said}\n{stacks}"


def a_sonde_that_runs_tells_them():
    """Confined. Whoever wants names alone says so; whoever runs it can leave lines out."""
    need_programs("protoc")
    with Busy("busy_served", LINES_SOURCE, WITH_LINES) as busy:
        def served(sonde, query):
            url = f"http://127.0.0.1:{sonde.port}/debug/pprof/profile?seconds=1&pid={busy.process.pid}{query}"
            with urllib.request.urlopen(url, timeout=DEADLINE_S) as answer:
                return places_of_pprof(answer.read())[0]

        def has(sonde, query, place):
            """A second on a machine that does other work may have no sample there."""
            found = []

            def shown():
                found[:] = served(sonde, query)
                return place in found

            wait_until(lambda: f"{place} is told: {found}", shown)

        names_alone = (("outer", "", 0),)
        with Sonde("--frequency", "199") as sonde:
            has(sonde, "", expected(source_of(busy), MUCH))
            has(sonde, "&lines=0", names_alone)
            assert "leaf_much [inlined] (" in sonde.get(f"/debug/pprof/flame?seconds=1&pid={busy.process.pid}").content.decode()
            assert int(sonde.value("sonde_profile_lines_late_total")) == 0
        with Sonde("--frequency", "199", "--no-lines") as sonde:
            has(sonde, "&lines=1", names_alone)


run_scenarios(
    inlined_functions_have_their_shares,
    pprof_has_files_and_lines,
    opentelemetry_has_them_too,
    without_debug_information_nothing_changes,
    of_a_separate_file,
    of_a_stripped_go_program,
    a_sonde_that_runs_tells_them,
)
