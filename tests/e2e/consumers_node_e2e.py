#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Our profiles as Node's profilers read that format: npm's pprof-format."""
import json
import pathlib
import re
import subprocess
import tempfile

from busy import Busy, profile
from consumers import LINES_SOURCE, cached
from harness import need_programs, run_scenarios
from processes import DEADLINE_S

READ = """
const { Profile } = require(process.argv[1]);
const profile = Profile.decode(require('zlib').gunzipSync(require('fs').readFileSync(process.argv[2])));
const text = (place) => profile.stringTable.strings[Number(place)];
const byId = (list) => new Map(list.map((each) => [Number(each.id), each]));
const functions = byId(profile.function), locations = byId(profile.location), mappings = byId(profile.mapping);
const sums = profile.sampleType.map(() => 0), leaves = {}, labels = {};
for (const sample of profile.sample) {
  sample.value.forEach((value, i) => { sums[i] += Number(value); });
  const line = locations.get(Number(sample.locationId[0])).line[0];
  const made = functions.get(Number(line.functionId));
  const name = [text(made.name), text(made.filename), Number(line.line)].join(' ');
  leaves[name] = (leaves[name] || 0) + Number(sample.value[0]);
  for (const label of sample.label) labels[text(label.key) + '=' + text(label.str)] = true;
}
for (const each of locations.values()) if (!mappings.has(Number(each.mappingId))) throw new Error('a mapping is missing');
console.log(JSON.stringify({ sums, leaves, labels, period: Number(profile.period),
  types: profile.sampleType.map((type) => text(type.type) + '/' + text(type.unit)) }));
"""


def sums_match():
    need_programs("node")
    package = cached("npm/pprof-format-*", "scripts/fetch npm pprof-format")
    with tempfile.TemporaryDirectory() as directory, Busy("busy_node", LINES_SOURCE, ("-O2", "-g")) as busy:
        out = pathlib.Path(directory) / "out.pb.gz"
        said = profile("-d", 1, "-F", 199, "-p", busy.process.pid, "-o", out).stderr
        done = subprocess.run(["node", "-e", READ, package, out], capture_output=True, text=True, timeout=DEADLINE_S)
        assert done.returncode == 0, done.stderr
        read = json.loads(done.stdout)
        samples = int(re.search(r"sonde: (\d+) samples", said)[1])
        assert read["types"] == ["samples/count", "cpu/nanoseconds"] and read["period"] == 10**9 // 199, read
        assert read["sums"] == [samples, samples * read["period"]], (said, read)
        assert sum(read["leaves"].values()) == samples, read
        assert {"service=busy_node", f"pid={busy.process.pid}", "comm=busy_node"} <= read["labels"].keys(), read
        much = [count for name, count in read["leaves"].items() if re.fullmatch(r"leaf_much \S+/busy.c \d+", name)]
        assert much and sum(much) > 0.3 * samples, read


run_scenarios(sums_match)
