# SPDX-License-Identifier: Apache-2.0
"""The programs that a benchmark runs: where they are, whether they can do what it needs."""

import os
import shutil
import subprocess


class Unavailable(Exception):
    """What the benchmark needs is not to be had here; the text says what and why."""


def path_of(name: str, remedy: str = "run scripts/setup") -> str:
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if path is None:
        raise Unavailable(f"{name} is not installed: {remedy}")
    return path


def bpftool() -> str:
    """Ours, not the distribution's, whose libbpf is older."""
    cache = os.environ.get("SONDE_CACHE") or os.path.expanduser("~/.cache/sonde")
    path = os.path.join(cache, "root/usr/sbin/bpftool")
    if not os.path.exists(path):
        raise Unavailable("bpftool is not there: run scripts/setup")
    return path


def version_line(name: str, option: str) -> str:
    run = subprocess.run([path_of(name), option], capture_output=True, text=True, check=False)
    return (run.stdout + run.stderr).strip().splitlines()[0]


def stripped(program: str, folder: str, keep_names: bool = False, tool: str = "strip") -> str:
    """A copy without debug information, as a package has it; with the names of functions, for a profile."""
    copy = os.path.join(folder, os.path.basename(program))
    subprocess.run([path_of(tool), "--strip-debug" if keep_names else "--strip-all", "-o", copy, program], check=True)
    return copy


def sonde_or_reason(path: str) -> tuple[str | None, str]:
    """The path if it is a Sonde that can run, else why not."""
    if not os.path.exists(path):
        return None, f"no {os.path.basename(path)} was built"
    run = subprocess.run([path, "run", "--help"], capture_output=True, text=True, check=False)
    if run.returncode != 0 or "--exclude" not in run.stdout:
        return None, "this build has no command 'run'"
    return path, ""
