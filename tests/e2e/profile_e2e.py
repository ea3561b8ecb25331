#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`sonde profile` of programs whose shares of CPU time are known, read back by other people's readers."""
import collections
import contextlib
import gzip
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import xml.etree.ElementTree

from busy import FLAGS, SHARES, SOURCE, Busy, decoded, folded, profile, samples_of, settled, told_of, within_sampling_error
from harness import SONDE, Recorder, need_programs, run_scenarios
from processes import DEADLINE_S, HERE, Process, wait_until

# As distributions compile.
PLAIN = ("-O2", "-fomit-frame-pointer")
# Runs itself again and again, each time for 20 ms of CPU time, some calls deep.
SHORT = r"""
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include <sys/wait.h>
static long used(void) { struct timespec t; clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); return t.tv_sec * 1000000000L + t.tv_nsec; }
__attribute__((noipa)) void innermost(void) { for (volatile int i = 0; i < 10000; i++) { } }
__attribute__((noipa)) int middle(int n) { innermost(); __asm__ volatile(""); return n + 1; }
__attribute__((noipa)) int outermost(void) { int n = 0; while (used() < 20000000) n = middle(n); return n; }
int main(int argc, char **argv)
{
  if (argc > 1)
    return outermost() < 0;
  for (puts("ready"), fflush(stdout);; wait(NULL))
    if (fork() == 0)
      execl("/proc/self/exe", argv[0], "once", NULL);
}
"""
# Maps code of a file here and there, thousands of times at once, and anew: as fast as it can.
RESTLESS = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#define MOST 4000
int main(void)
{
  static void *at[MOST];
  int file = open("/proc/self/exe", O_RDONLY);
  puts("ready"), fflush(stdout);
  for (unsigned i = 0;; i++) {
    void **place = &at[i * 2654435761u % MOST];
    if (*place) munmap(*place, 8192);
    *place = mmap(NULL, 8192, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0);
  }
}
"""
PROTO = HERE.parents[1] / "exporters/pprof/profile.proto"
OTLP = HERE.parents[1] / "exporters/otlp/profiles.proto"


class Nameless(Busy):
    def prepare(self):
        super().prepare()
        subprocess.run(["strip", *self.command], check=True)


def shares_are_known():
    shares_of(FLAGS)


def shares_are_known_without_frame_pointers():
    said = shares_of(PLAIN)
    whole = re.search(r"(\d+) stacks of programs, (\d+) of them whole", said)
    assert int(whole[2]) >= 0.99 * int(whole[1]), said


def shares_of(flags):
    with Busy("busy_shares", flags=flags) as busy:
        stacks, said = settled("-p", busy.process.pid, "-d", 4, "-F", 499, least=100)
        samples = sum(stacks.values())
        assert samples > 100, said
        assert all(stack[0] == "busy_shares" for stack in stacks), stacks
        by_function = collections.Counter()
        for stack, count in stacks.items():
            for name in SHARES:
                by_function[name] += count if name in stack else 0
        for name, share in SHARES.items():
            found = by_function[name] / samples
            assert within_sampling_error(found, share, samples), f"{name}: {found} of {samples}, not {share}\n{stacks}"
        # And who called them: outer calls two of them, main the third.
        with_callers = sum(count for stack, count in stacks.items() if "main" in stack and stack.index("main") < len(stack) - 1)
        assert with_callers > 0.9 * samples, stacks
        called = {stack[-2] for stack in stacks if stack[-1] == "work_much"}
        assert "outer" in called, stacks
        return said


def cpu_seconds(pid):
    """So far, in user mode and in the kernel."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def a_rate_of_its_own():
    """Of two that run alike one is sampled four times as often: four times the samples, and each has the time that it took.
    On one CPU, so that both meet the same clock. Of one in four rings the deviation is sqrt(3/4 of the samples)."""
    need_programs("protoc")
    period = 10**9 // 796
    with tempfile.TemporaryDirectory() as directory, Busy("busy_often") as often, Busy("busy_usual") as usual, Busy("busy_never") as never:
        programs = {program.name: program.process.pid for program in (often, usual, never)}
        for pid in programs.values():
            os.sched_setaffinity(pid, [min(os.sched_getaffinity(0))])
        before = {name: cpu_seconds(pid) for name, pid in programs.items()}
        out = pathlib.Path(directory) / "out.pb.gz"
        words = [SONDE, "profile", "-d", "300", "-F", "199", "--no-lines", "-o", str(out)]
        words += ["--rate", "service=busy_often,rate=796", "--rate", "exe=busy_never,rate=0"]
        for name in programs:  # others take time to be named
            words += ["--include", f"exe={name}"]
        process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
        try:
            wait_until("they ran", lambda: min(cpu_seconds(pid) - before[name] for name, pid in programs.items()) > 1.5)
        finally:
            process.send_signal(2)
        _, said = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == 0, said
        took = {name: cpu_seconds(pid) - before[name] for name, pid in programs.items()}
        found = samples_of(decoded(out.read_bytes()))
        assert "busy_never" not in found and took["busy_never"] > 0, (dict(found), took)
        (many, many_ns), (few, few_ns) = found["busy_often"], found["busy_usual"]
        assert many > 200 and few > 50, (dict(found), took, said)
        early = many_ns // period - many  # three each of those before its rate was known
        assert 0 <= early < many and many_ns % period == 0 and few_ns == few * 4 * period, dict(found)
        wrong = 5 * (0.75 / few) ** 0.5 + 0.1  # ticks of the kernel's own account
        alike = took["busy_often"] / took["busy_usual"]
        assert abs(many / few / (4 * alike) - 1) < wrong, (dict(found), took)
        assert abs(many_ns / few_ns / alike - 1) < wrong, (dict(found), took)


def one_service_among_others():
    with Busy("busy_asked"), Busy("busy_other"):
        stacks, said = folded("-s", "busy_asked", "-d", 2)
        assert {stack[0] for stack in stacks} == {"busy_asked"}, stacks
        assert re.search(r"[1-9][0-9]* of others", said), said
        stacks, _ = folded("-d", 2)
        assert {"busy_asked", "busy_other"} <= {stack[0] for stack in stacks}, stacks
        stacks, _ = folded("-d", 1, "--exclude", "exe=busy_other")
        assert "busy_other" not in {stack[0] for stack in stacks}, stacks
        stacks, said = folded("-d", 1, "-s", "nobody is called so")
        assert not stacks and "no sample" in said, said


def pprof_is_read_back():
    need_programs("protoc")
    with tempfile.TemporaryDirectory() as directory, Busy("busy_pprof") as busy:
        out, flame = pathlib.Path(directory) / "out.pb.gz", pathlib.Path(directory) / "out.svg"
        profile("-d", 3, "-F", 199, "-p", busy.process.pid, "-o", out, "--flame", flame)
        text = subprocess.run(
            ["protoc", f"--proto_path={PROTO.parent}", "--decode=sonde.pprof.wire.Profile", PROTO.name],
            input=gzip.decompress(out.read_bytes()), capture_output=True, check=True,
        ).stdout.decode()  # fmt: skip
        for word in (*SHARES, "busy_pprof", "nanoseconds", "service", "thread", str(busy.process.pid)):
            assert f'string_table: "{word}"' in text, f"no {word} in\n{text[:4000]}"
        assert text.count("\nsample {") > 0 and text.count("\nlocation {") > 0, text[:4000]
        picture = xml.etree.ElementTree.parse(flame).getroot()
        names = {place.get("data-n") for place in picture.iter() if place.get("data-n")}
        assert {"all", "busy_pprof", "outer", *SHARES} <= names, names
        if shutil.which("go"):
            environment = dict(os.environ, HOME=directory, PPROF_TMPDIR=directory)
            top = subprocess.run(
                ["go", "tool", "pprof", "-top", "-tagfocus", "service=busy_pprof", out], capture_output=True, text=True,
                env=environment, timeout=DEADLINE_S,
            )  # fmt: skip
            assert top.returncode == 0, top.stderr
            first = [line for line in top.stdout.splitlines() if line.endswith("%  work_much")]
            assert first, top.stdout


def opentelemetry_is_read_back():
    need_programs("protoc")
    with tempfile.TemporaryDirectory() as directory, Busy("busy_otlp") as busy:
        out = pathlib.Path(directory) / "out.otlp"
        said = profile("-d", 2, "-F", 199, "-p", busy.process.pid, "--otlp", "-o", out).stderr
        text = subprocess.run(
            ["protoc", f"--proto_path={OTLP.parent}", "--decode=sonde.otlp.wire.ExportProfilesServiceRequest", OTLP.name],
            input=out.read_bytes(), capture_output=True, check=True,
        ).stdout.decode()  # fmt: skip
        for word in (*SHARES, "outer", "samples", "count", "cpu", "nanoseconds", "process.pid", "profile.frame.type"):
            assert f'string_table: "{word}"' in text, f"no {word} in\n{text[:4000]}"
        assert 'string_value: "busy_otlp"' in text and f"int_value: {busy.process.pid}" in text, text[:4000]
        total = sum(int(value) for value in re.findall(r"^ +values: (\d+)", text, re.MULTILINE))
        assert total == int(re.search(r"sonde: (\d+) samples", said)[1]) > 0, said


def a_change_is_found():
    """Of two profiles that nobody else takes part in: what got another function is told as what it is."""
    with tempfile.TemporaryDirectory() as directory:
        before, after, flame = (pathlib.Path(directory) / name for name in ("before.pb.gz", "after.pb.gz", "change.svg"))
        with Busy("busy_change") as busy:
            before_said = profile("-d", 2, "-F", 997, "-p", busy.process.pid, "-o", before).stderr
        with Busy("busy_change", source=SOURCE.replace("units(3)", "units(12)")) as busy:
            after_said = profile("-d", 2, "-F", 997, "-p", busy.process.pid, "-o", after).stderr
        words = [SONDE, "compare", str(before), str(after), "--flame", str(flame)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=DEADLINE_S)
        assert done.returncode == 0, done.stderr
        rows = {line.split()[-1]: float(line.split()[0]) for line in done.stdout.splitlines() if "work_" in line}
        # 6:3:1 became 6:12:1.
        expected = {"work_much": 6 / 19 - 0.6, "work_some": 12 / 19 - 0.3, "work_little": 1 / 19 - 0.1}
        # Five deviations of the difference of two shares of so many samples, at most, and the loops' own overhead.
        wrong = 5 * sum(0.25 / max(told_of(said, "samples"), 1) for said in (before_said, after_said)) ** 0.5 + 0.02
        for name, change in expected.items():
            assert abs(rows[name] / 100 - change) < wrong, (rows, expected, before_said, after_said)
        picture = xml.etree.ElementTree.parse(flame).getroot()
        assert {"busy_change", *SHARES} <= {place.get("data-n") for place in picture.iter()}
        assert compared(before).returncode == 2 and compared(before, __file__).returncode == 1


def compared(*paths):
    return subprocess.run([SONDE, "compare", *map(str, paths)], capture_output=True, text=True, timeout=DEADLINE_S)


def one_after_the_other():
    """Confined; a disk that is full loses profiles, says so once, and is no end; SIGTERM finishes what is begun."""
    with tempfile.TemporaryDirectory() as directory, Busy("busy_series") as busy, contextlib.ExitStack() as stack:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", directory], check=True)
        stack.callback(subprocess.run, ["umount", "-l", directory], check=True)
        folder = pathlib.Path(directory) / "profiles"
        words = [SONDE, "profile", "--every", "1", "-p", str(busy.process.pid), "-o", str(folder), "--keep", "2"]
        process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
        try:
            first = wait_until("there is one", lambda: sorted(folder.glob("profile-*.pb.gz")))[0]
            assert confined(process.pid), "it is not confined"
            wait_until("it gave way", lambda: not first.exists())
            assert 1 <= len(list(folder.iterdir())) <= 3
            fill = pathlib.Path(directory) / "full"
            with contextlib.suppress(OSError), open(fill, "wb", buffering=0) as file:
                while file.write(bytes(4096)) == 4096:
                    pass
            newest = sorted(folder.glob("profile-*.pb.gz"))[-1]
            time.sleep(2.5)  # two that find no room
            fill.unlink()
            wait_until("they are written again", lambda: sorted(folder.glob("profile-*.pb.gz"))[-1] > newest)
        finally:
            process.send_signal(15)
        _, said = process.communicate(timeout=DEADLINE_S)
        assert said.count("profiles are lost: ") == 1 == said.count("profiles are written again"), said
        written, lost = re.search(r"(\d+) profiles written, (\d+) lost", said).groups()
        assert int(written) >= 3 and int(lost) >= 1 and process.returncode == 1, said
        kept = sorted(folder.glob("profile-*.pb.gz"))  # the last may have no sample
        assert any("work_much" in compared(one, one).stdout for one in kept), kept
        assert not list(folder.glob(".*")), list(folder.iterdir())
    assert "--every wants a folder" in profile("--every", 5, code=2).stderr
    assert "/proc/self" in profile("--every", 5, "-o", "/proc/self", code=1).stderr


def confined(pid):
    return "Seccomp:\t2" in pathlib.Path(f"/proc/{pid}/status").read_text()


def a_tape_holds_samples():
    """Confined; replayed by a process of its own that samples nothing. Of stacks that were copied no byte is on it, and where
    the program is not that build any more its places are told."""
    secretive = SOURCE.replace("int main(void) {", 'int main(void) { volatile char secret[] = "hush-on-the-stack";')
    with contextlib.ExitStack() as stack:
        busy = stack.enter_context(Busy("busy_taped", source=secretive, flags=PLAIN))
        stack.enter_context(Busy("busy_untaped"))
        recorder = stack.enter_context(Recorder("--samples", "-F", "199", "--include", "exe=busy_taped"))
        assert confined(recorder.process.pid), "it is not confined"
        began = cpu_seconds(busy.process.pid)
        wait_until("it worked for a while", lambda: cpu_seconds(busy.process.pid) - began > 2)
        assert recorder.stop() == 0, recorder.output()
        told = re.search(r"(\d+) samples on it, \d+ lost", recorder.output())
        tape = recorder.tape.read_bytes()
        assert b"busy_taped" in tape and b"busy_untaped" not in tape and b"hush-on" not in tape
        stacks, said = folded("--replay", recorder.tape)
        assert sum(stacks.values()) == int(told[1]) > 50, (said, recorder.output())
        assert all(frames[0] == "busy_taped" for frames in stacks), stacks
        found = collections.Counter()
        for frames, count in stacks.items():
            found.update({name: count for name in (*SHARES, "outer", "main") if name in frames})
        assert found["work_much"] > found["work_some"] > 0 and found["main"] > 0.8 * sum(stacks.values()), stacks
        program = pathlib.Path(busy.command[0])
        program.rename(program.with_suffix(".elsewhere"))
        stacks, _ = folded("--replay", recorder.tape, "-s", "busy_taped")
        assert any(re.fullmatch(r"busy_taped:[0-9a-f]{16}\+0x[0-9a-f]+", frames[-1]) for frames in stacks) and sum(stacks.values()) == int(told[1]), stacks
        assert "no sample" in profile("--replay", recorder.tape, "-s", "else", "--text").stderr
        assert "no tape" in profile("--replay", __file__, "--text", code=1).stderr


def a_person_ends_it_early():
    with tempfile.TemporaryDirectory() as directory, Busy("busy_early"):
        out = pathlib.Path(directory) / "out"
        process = subprocess.Popen([SONDE, "profile", "-d", "3600", "--text", "-o", out], stderr=subprocess.PIPE)
        try:
            while process.poll() is None and not has_clocks(process.pid):
                pass
        finally:
            process.send_signal(2)
        _, said = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == 0, said
        assert out.read_text().splitlines()[0].endswith("s of CPU time"), out.read_text()


def has_clocks(pid):
    """Whether it has begun: its clocks are open."""
    try:
        return any("perf_event" in os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return False


def without_names_there_are_places():
    with Nameless("busy_nameless") as busy:
        stacks, _ = settled("-p", busy.process.pid, "-d", 2, "-F", 199)
        places = {stack[-1] for stack in stacks}
        assert not places & SHARES.keys() and any(re.fullmatch(r"busy_nameless:[0-9a-f]{16}\+0x[0-9a-f]+", place) for place in places), places


def short_lives_have_their_samples():
    """Processes that may be gone when their first sample is read."""
    with Process("sh", "-c", "while :; do sh -c 'i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done'; done"):
        stacks, said = folded("-d", 3, "-F", 199)
    assert sum(stacks.values()) == int(re.search(r"sonde: (\d+) samples", said)[1]), said
    assert sum(stacks.values()) > 100 and "not understood" not in said, said


def processes_of_20_ms_are_whole():
    """Most of their samples are read when they are gone: their code was told by events, their stack is a copy."""
    with Busy("busy_short", SHORT, PLAIN):
        stacks, said = folded("-d", 4, "-F", 99)
    short = {stack: count for stack, count in stacks.items() if "busy_short" in stack[0] and "outermost" in stack}
    samples, frames, named = sum(short.values()), 0, 0
    assert samples > 50, f"{said}\n{stacks}"
    for stack, count in short.items():
        frames += len(stack[1:]) * count
        named += sum("+0x" not in frame and frame != "[unknown]" for frame in stack[1:]) * count
    whole = sum(count for stack, count in short.items() if stack[1:2] == ("_start",) and "main" in stack)
    parts = [stack for stack in short if stack[1:2] != ("_start",) or "main" not in stack]
    assert whole >= 0.99 * samples, f"{whole} of {samples}: {said}\n{parts}"
    # The one without a name is a function of the C library that it does not tell.
    assert named >= 0.8 * frames, f"{named} of {frames}\n{short}"


def who_maps_as_fast_as_it_can_harms_nobody():
    with Busy("busy_restless", RESTLESS, PLAIN), Busy("busy_calm", flags=PLAIN) as calm:
        for _ in range(5):  # harm would be in each profile; a machine that takes Sonde's CPU away is in some
            stacks, said = folded("-d", 3, "-F", 99)
            assert calm.process.poll() is None
            assert sum(stacks.values()) == int(re.search(r"sonde: (\d+) samples", said)[1]), said
            ours = {stack: count for stack, count in stacks.items() if stack[0] == "busy_calm" and SHARES.keys() & set(stack)}
            samples = sum(ours.values())
            whole = sum(count for stack, count in ours.items() if stack[1:2] == ("_start",) and "main" in stack)
            if samples > 20 and whole >= 0.95 * samples:
                break
    assert samples > 20 and whole >= 0.95 * samples, f"{whole} of {samples}: {said}\n{ours}"
    assert "not understood" not in said and any(stack[0] == "busy_restless" for stack in stacks), said


def who_may_not_is_told_what_is_missing():
    words = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", SONDE, "profile", "--text")
    done = subprocess.run(words, capture_output=True, text=True, timeout=DEADLINE_S)
    assert done.returncode == 3 and "CAP_" in done.stderr, (done.returncode, done.stderr)


def what_is_wrong_is_told():
    assert "choose one" in profile("--folded", "--text", code=2).stderr
    assert "whole number" in profile("-d", "soon", code=2).stderr
    assert "/nowhere/out" in profile("-o", "/nowhere/out", "-d", 1, code=1).stderr


run_scenarios(
    shares_are_known,
    shares_are_known_without_frame_pointers,
    a_rate_of_its_own,
    a_tape_holds_samples,
    one_service_among_others,
    pprof_is_read_back,
    opentelemetry_is_read_back,
    a_change_is_found,
    one_after_the_other,
    a_person_ends_it_early,
    without_names_there_are_places,
    short_lives_have_their_samples,
    processes_of_20_ms_are_whole,
    who_maps_as_fast_as_it_can_harms_nobody,
    who_may_not_is_told_what_is_missing,
    what_is_wrong_is_told,
)
