#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`sonde profile` of programs whose code is made while they run, or is Go's: callers and names are seen."""
import pathlib
import re
import subprocess

from busy import folded
from harness import need_programs, run_scenarios
from processes import DEADLINE_S, Process

NODE = """
function hotLeaf(n) { let s = 0; for (let i = 0; i < n; i++) s = (s * 31 + i) % 1000003; return s }
function hotCaller(n) { return hotLeaf(n) + 1 }
console.log('ready'); let t = 0; for (;;) t += hotCaller(100000)
"""
JAVA = """
public class Hot {
  static int leaf(int n) { int s = 0; for (int i = 0; i < n; i++) s = (s * 31 + i) % 1000003; return s; }
  static int caller(int n) { return leaf(n) + 1; }
  public static void main(String[] a) { System.out.println("ready"); long t = 0; for (;;) t += caller(100000); }
}
"""
GO = """
package main

import "fmt"

//go:noinline
func hotLeaf(n int) int { s := 0; for i := 0; i < n; i++ { s = (s*31 + i) % 1000003 }; return s }

//go:noinline
func hotCaller(n int) int { return hotLeaf(n) + 1 }

func main() { fmt.Println("ready"); t := 0; for { t += hotCaller(100000) } }
"""


class Program(Process):
    """A source file of one name, made ready by prepare_with, then run."""

    def __init__(self, name, source, *command, prepare_with=()):
        super().__init__(*command)
        self.name, self.source, self.prepare_with = name, source, prepare_with

    def prepare(self):
        (self.directory / self.name).write_text(self.source)
        if self.prepare_with:
            subprocess.run(self.prepare_with, cwd=self.directory, check=True, capture_output=True, timeout=DEADLINE_S)
        self.command = [word.replace("HERE", str(self.directory)) for word in self.command]
        self.options["cwd"] = self.directory  # Node leaves files where it runs

    def ready(self):
        return "ready" in self.output()


def share(stacks, *functions):
    """Of the samples whose last frames are these, one calling the next."""
    def ends_so(stack):
        return len(stack) >= len(functions) and all(wanted in frame for wanted, frame in zip(functions, stack[-len(functions):]))
    total = sum(stacks.values())
    return sum(count for stack, count in stacks.items() if ends_so(stack)) / total if total else 0


def most_are(program, *functions):
    stacks, said = folded("-p", program.process.pid, "-d", 2, "-F", 199)
    assert share(stacks, *functions) > 0.8, f"{said}\n{stacks}"
    whole = re.search(r"(\d+) stacks of programs, (\d+) of them whole", said)
    assert int(whole[2]) >= 0.95 * int(whole[1]), said


def node_by_its_perf_map():
    need_programs("node")
    with Program("hot.js", NODE, "node", "--perf-basic-prof", "--interpreted-frames-native-stack", "HERE/hot.js") as program:
        most_are(program, "hotCaller", "hotLeaf")


def node_by_its_jitdump():
    """V8 writes it in pieces of some megabytes: only what it has written has names."""
    need_programs("node")
    with Program("hot.js", NODE, "node", "--perf-prof", "--interpreted-frames-native-stack", "hot.js") as program:
        stacks, said = folded("-p", program.process.pid, "-d", 2, "-F", 199)
        named = sum(count for stack, count in stacks.items() if any("Module._compile" in frame for frame in stack))
        assert named > 0.8 * sum(stacks.values()), f"{said}\n{stacks}"


def java_by_its_perf_map():
    need_programs("javac", "jcmd")
    with Program("Hot.java", JAVA, "java", "-XX:+PreserveFramePointer", "-cp", "HERE", "Hot", prepare_with=("javac", "Hot.java")) as program:
        for _ in range(20):  # until the hot function is compiled
            subprocess.run(["jcmd", str(program.process.pid), "Compiler.perfmap"], check=True, capture_output=True, timeout=DEADLINE_S)
            if "Hot.leaf" in pathlib.Path(f"/tmp/perf-{program.process.pid}.map").read_text(errors="replace"):
                break
        most_are(program, "Hot.leaf")


def go_stripped():
    need_programs("go")
    build = ("sh", "-c", 'HOME=$PWD GOCACHE=$PWD/cache GOFLAGS=-mod=mod go build -ldflags "-s -w" -o hot hot.go')
    with Program("hot.go", GO, "HERE/hot", prepare_with=build) as program:
        most_are(program, "main.main", "main.hotCaller", "main.hotLeaf")


run_scenarios(node_by_its_perf_map, node_by_its_jitdump, java_by_its_perf_map, go_stripped)
