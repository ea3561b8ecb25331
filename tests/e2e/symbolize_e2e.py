#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`sonde symbolize` of a program whose symbols lie in each place where symbols can lie, of a process, of the kernel, in a pipe."""
import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from harness import SONDE, need_programs, run_scenarios
from processes import DEADLINE_S

SOURCE = r"""
#include <stdio.h>
#include <stdlib.h>
__attribute__((noinline, noclone, used)) static int hidden(int x) { __asm__ volatile(""); return x + 1; }
#ifndef SHOWN
#define SHOWN __attribute__((noinline, noclone))
#endif
SHOWN int shown(int x) { __asm__ volatile(""); return hidden(x) + 1; }
int main(void) { printf("%p %d\n", (void *)&shown, shown(atoi("1"))); fflush(stdout); getchar(); return 0; }
"""


def run(*command, **more):
    return subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True, timeout=DEADLINE_S, **more).stdout


def symbolize(*arguments, given=None, code=0):
    done = subprocess.run(
        [SONDE, "symbolize", *map(str, arguments)], input=given, capture_output=True, text=True, timeout=DEADLINE_S
    )
    assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stderr}"
    return done.stdout.splitlines()


@contextlib.contextmanager
def built(*flags, name="shop"):
    """The program, {function: address} by nm, and its build-id."""
    with tempfile.TemporaryDirectory(prefix="sonde-symbolize-") as folder:
        source = pathlib.Path(folder) / "shop.c"
        # No two tests have one build: what was learned of one must not name another.
        source.write_text(SOURCE + f'const char which[] = "{folder}";\n')
        program = pathlib.Path(folder) / name
        run("cc", "-O1", "-Wl,--build-id", *flags, "-o", program, source)
        at = {words[2]: int(words[0], 16) for words in map(str.split, run("nm", program).splitlines()) if len(words) == 3}
        build_id = re.search(r"Build ID: (\w+)", run("readelf", "-n", program))[1]
        yield program, at, build_id


def file_offset(program, address):
    for line in run("readelf", "-lW", program).splitlines():
        words = line.split()
        if words[:1] == ["LOAD"]:
            offset, start, size = int(words[1], 16), int(words[2], 16), int(words[4], 16)
            if start <= address < start + size:
                return offset + address - start
    raise AssertionError(f"{address:#x} is not loaded")


def stripped(program, *flags):
    out = program.parent / f"stripped-{program.name}"
    run("strip", *flags, "-o", out, program)
    return out


def of_a_file():
    with built() as (program, at, _):
        both = [f"{at[name]:x}" for name in ("hidden", "shown")]
        assert symbolize(program, *both) == ["hidden", "shown"]
        assert symbolize("-e", program, *both) == ["hidden", "shown"]
        assert symbolize("--file", program, f"{at['hidden'] + 1:#x}") == ["hidden"]
        # Nothing is lost of what has no name.
        assert symbolize(program, "0", "7fffffff") == [f"{program.name}+0x0", "7fffffff"]
        offset = file_offset(program, at["shown"])
        assert symbolize(f"{program}+{offset:#x}") == ["shown"]


def calls_of_others_by_their_stubs():
    for flags in ((), ("-fcf-protection=full", "-Wl,-z,ibtplt"), ("-Wl,-z,now",), ("-no-pie",)):
        with built(*flags) as (program, _, _):
            stubs = re.findall(r"^([0-9a-f]+) <(\w+@plt)>:$", run("objdump", "-d", program), re.M)
            assert {name for _, name in stubs} >= {"printf@plt", "fflush@plt"}, stubs
            assert symbolize(program, *(address for address, _ in stubs)) == [name for _, name in stubs], flags


def of_a_separate_file():
    with built() as (program, at, build_id):
        address = f"{at['hidden']:x}"
        debug = program.parent / "shop.debug"
        run("objcopy", "--only-keep-debug", program, debug)
        bare = stripped(program)
        assert symbolize(bare, address) == [f"{bare.name}+{file_offset(program, at['hidden']):#x}"]
        run("objcopy", f"--add-gnu-debuglink={debug}", bare)
        assert symbolize(bare, address) == ["hidden"]
        # Beside it lies a file of that name, but of another build.
        with built() as (other, _, _):
            run("objcopy", "--only-keep-debug", other, debug)
        assert symbolize(bare, address) != ["hidden"]


def of_symbols_packed_within():
    with built() as (program, at, _):
        symbols = program.parent / "symbols"
        run("objcopy", "-S", "--keep-symbol=hidden", program, symbols)
        run("xz", "--keep", symbols)
        bare = stripped(program)
        assert symbolize(bare, f"{at['hidden']:x}") != ["hidden"]
        run("objcopy", f"--add-section=.gnu_debugdata={symbols}.xz", bare)
        assert symbolize(bare, f"{at['hidden']:x}") == ["hidden"]


def of_a_build_that_was_seen():
    with built() as (program, at, build_id):
        place = f"{build_id}+{file_offset(program, at['hidden']):#x}"
        assert symbolize(place) == [place]
        offset = place.split("+")[1]
        shorter = [f"shop:{build_id[:16]}+{offset}", f"{build_id[:8]}+{offset}"]
        assert symbolize("-e", program, place, *shorter) == ["hidden"] * 3
        assert symbolize("-e", SONDE, shorter[0]) == ["hidden"]  # not that file's: the table is kept
        program.unlink()
        assert symbolize(place, *shorter) == ["hidden"] * 3
        assert symbolize(f"shop:{build_id[:7]}+{offset}") == [f"shop:{build_id[:7]}+{offset}"]



def of_a_process():
    with built() as (program, at, _), subprocess.Popen([program], stdin=-1, stdout=-1, text=True) as process:
        address = int(process.stdout.readline().split()[0], 16)
        distance = at["hidden"] - at["shown"]
        assert symbolize("-p", process.pid, f"{address:x}", f"{address + distance:x}", "1") == ["shown", "hidden", "1"]
        process.stdin.close()
    assert symbolize("-p", process.pid, f"{address:x}", code=1) == [f"{address:x}"]


def of_the_kernel():
    lines = pathlib.Path("/proc/kallsyms").read_text().splitlines()
    functions = [line.split() for line in lines if line.split()[1:] in (["T", "vfs_read"], ["T", "schedule"])]
    if any(int(words[0], 16) for words in functions):
        addresses = [words[0] for words in functions]
        assert symbolize("--kernel", *addresses) == [words[2] for words in functions]
        assert symbolize(f"[kernel]+0x{addresses[0]}") == [functions[0][2]]


def with_lines():
    with built("-g", "-O2") as (program, at, _):
        source = program.parent / "shop.c"
        line = {m[1]: n for n, text in enumerate(source.read_text().splitlines(), 1) if (m := re.search(r"int (\w+)\(int", text))}
        found = symbolize("--lines", "-e", program, f"{at['hidden']:x}", "0", "nonsense")
        assert found == [f"hidden at {source}:{line['hidden']}", "", f"{program.name}+0x0", "", "nonsense", ""], found
        debug = program.parent / "shop.debug"
        run("objcopy", "--only-keep-debug", program, debug)
        bare = stripped(program)
        run("objcopy", f"--add-gnu-debuglink={debug}", bare)
        assert symbolize("--lines", bare, f"{at['shown']:x}")[0] == f"shown at {source}:{line['shown']}"
    with built("-g", "-O2", "-DSHOWN=static inline __attribute__((always_inline))") as (program, at, _):
        found = symbolize("-l", program, f"{at['main']:x}")
        assert re.fullmatch(r"main at \S+/shop.c:\d+", found[-2]) and found[-1] == "", found
        inner = [symbolize("-l", program, f"{at['main'] + n:x}") for n in range(60)]
        assert any([line.split()[0] for line in each[-3:-1]] == ["shown", "main"] for each in inner), inner


def of_a_stripped_go_program():
    if shutil.which("go") is None:
        return
    with tempfile.TemporaryDirectory(prefix="sonde-symbolize-") as folder:
        source = pathlib.Path(folder) / "shop.go"
        source.write_text("package main\n\n//go:noinline\nfunc sell(x int) int { return x + 1 }\nfunc main() { println(sell(1)) }\n")
        program = source.with_suffix("")
        environment = {**os.environ, "GOCACHE": f"{folder}/cache", "GOFLAGS": "-mod=mod", "GO111MODULE": "off"}
        run("go", "build", "-o", program, source, env=environment)
        address = next(line.split()[0] for line in run("nm", program).splitlines() if line.endswith(" main.sell"))
        run("strip", program)
        assert symbolize(program, address) == ["main.sell"]
        assert symbolize("--lines", program, address) == [f"main.sell at {source}:4", ""]


def each_line_is_answered_before_the_next_is_asked():
    with built() as (program, at, _):
        command = [SONDE, "symbolize", "-e", program]
        with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as pipe:
            for name in ("shown", "hidden", "main", "shown"):
                pipe.stdin.write(f"{at[name]:x}\n")
                pipe.stdin.flush()
                assert pipe.stdout.readline() == f"{name}\n"
            pipe.stdin.close()
        assert pipe.returncode == 0


def as_many_answers_as_addresses():
    with built() as (program, at, _):
        given = f"{program} {at['shown']:x} {at['hidden']:x}\n\nnonsense\nlibc.so.6+0x12\n{program}\n{program} {at['main']:#x}"
        assert symbolize(given=given) == ["shown", "hidden", "", "nonsense", "libc.so.6+0x12", str(program), "main"]
        thousands = "".join(f"{at[name]:x}\n" for name in ("main", "shown") * 20_000)
        assert symbolize("-e", program, given=thousands) == ["main", "shown"] * 20_000


def what_cannot_be_read_is_told():
    assert symbolize("/no/such/file", "1", "2", code=1) == ["1", "2"]
    assert symbolize("/etc/passwd", "1", code=1) == ["1"]
    symbolize("-e", code=2)
    symbolize("-p", "none", code=2)
    symbolize("-e", SONDE, "--kernel", "1", code=2)
    symbolize("--nothing", "1", code=2)


if __name__ == "__main__":
    need_programs("cc", "nm", "objcopy", "objdump", "readelf", "strip", "xz")
    run_scenarios(
        of_a_file,
        calls_of_others_by_their_stubs,
        of_a_separate_file,
        of_symbols_packed_within,
        of_a_build_that_was_seen,
        of_a_process,
        of_the_kernel,
        with_lines,
        of_a_stripped_go_program,
        each_line_is_answered_before_the_next_is_asked,
        as_many_answers_as_addresses,
        what_cannot_be_read_is_told,
    )
