# SPDX-License-Identifier: Apache-2.0
"""Counts a ctest report: prints 'PASSED FAILED SKIPPED', and on stderr what failed or was skipped and why.

With CI=true a skip for want of privilege is a failure: there the machine has it, so the test is wrong.
"""

import os
import re
import sys
import xml.etree.ElementTree as ElementTree

# What a skip says when root, a capability or a sysctl is missing; tests write "privilege: ...".
PRIVILEGE = re.compile(r"privilege|needs root|CAP_[A-Z]|not permitted|permission denied", re.IGNORECASE)
TAIL_LINES = 60


def skip_reason(output: str) -> str:
    """gtest prints the reason on the line below 'Skipped'; other programs end with it."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for here, below in zip(lines, lines[1:]):
        if here.endswith(": Skipped") and not below.startswith("["):
            return below
    return lines[-1] if lines else "no reason given"


def verdict(case: ElementTree.Element, ci: bool) -> tuple[str, str]:
    output = case.findtext("system-out") or ""
    if case.get("status") == "run":
        return "passed", ""
    if case.get("status") == "fail":
        return "failed", "\n" + "\n".join(output.splitlines()[-TAIL_LINES:])
    skipped = case.find("skipped")
    message = skipped.get("message", "") if skipped is not None else ""
    if case.get("status") == "disabled":
        return "skipped", "disabled in the build"
    if not message.startswith("SKIP_"):  # not run at all: no executable, a failed fixture
        return "failed", message or "not run"
    reason = skip_reason(output)
    if ci and PRIVILEGE.search(reason):
        return "failed", f"skipped where it must run (CI=true): {reason}"
    return "skipped", reason


def main() -> int:
    path = sys.argv[1]
    if not os.path.exists(path):
        print(f"junit: {path} was not written: ctest did not run", file=sys.stderr)
        return 1
    ci = os.environ.get("CI") == "true"
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        kind, why = verdict(case, ci)
        counts[kind] += 1
        if kind != "passed":
            print(f"{kind}: {case.get('name')}: {why}", file=sys.stderr)
    if not any(counts.values()):
        print("no tests with this label", file=sys.stderr)
    print(*counts.values())
    return 0


if __name__ == "__main__":
    sys.exit(main())
