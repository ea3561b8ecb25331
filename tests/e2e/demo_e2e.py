# SPDX-License-Identifier: Apache-2.0
"""The demonstration's shop ends whenever it is asked to, and leaves nobody behind."""
import os
import pathlib
import signal
import subprocess
import tempfile
import time

from harness import need_programs, run_scenarios, skip
from processes import DEADLINE_S, HERE, listens, wait_until

SCRIPT = HERE.parents[1] / "scripts/demo"
PORTS = (18080, 18081, 18082, 18083)


def of_session(leader):
    """Commands of the processes of a session that live."""
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            _, _, rest = stat.read_text().rpartition(")")
            state, _, _, session = rest.split()[:4]
            if int(session) == leader and state not in "ZX":
                found.append((stat.parent / "cmdline").read_text().replace("\0", " "))
        except (FileNotFoundError, ProcessLookupError):
            pass  # it ended meanwhile
    return found


def ends_at_any_time():
    if any(map(listens, PORTS)):
        skip("another shop is open")
    with tempfile.TemporaryDirectory(prefix="sonde-e2e-") as directory:
        for after_s in (0, 0.02, 0.05, 0.1, 0.3, 1, None):  # None: when it is open
            said = pathlib.Path(directory) / "said"
            with open(said, "wb") as output:
                shop = subprocess.Popen(
                    [SCRIPT], stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
                    env={**os.environ, "TMPDIR": directory},
                )  # fmt: skip
            try:
                if after_s is None:
                    wait_until(lambda: f"it is open: {said.read_text()}", lambda: "the shop is open" in said.read_text())
                else:
                    time.sleep(after_s)
                shop.send_signal(signal.SIGTERM)
                shop.wait(timeout=DEADLINE_S)
                wait_until(lambda: f"all are gone: {of_session(shop.pid)}", lambda: not of_session(shop.pid))
                assert "killing" not in said.read_text(), said.read_text()
            finally:
                for number in (signal.SIGTERM, signal.SIGKILL):
                    if of_session(shop.pid):
                        os.killpg(shop.pid, number)
        left = [each.name for each in pathlib.Path(directory).iterdir() if each.name != "said"]
        assert not left, left


need_programs("nginx", "curl")
run_scenarios(ends_at_any_time)
