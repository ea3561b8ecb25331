# SPDX-License-Identifier: Apache-2.0
"""Prometheus as the tests ask it: Debian 12's, and the newest Debian build, each scraping one target by one or more jobs."""
import json
import os
import pathlib
import subprocess
import urllib.parse
import urllib.request

from processes import DEADLINE_S, HERE, Server, wait_until

CACHE = pathlib.Path(os.environ.get("SONDE_CACHE") or pathlib.Path.home() / ".cache/sonde")
SKIP = 77


def newest_prometheus():
    """(program, None), or (None, why it cannot be had)."""
    program = CACHE / "unpacked/prometheus-newest/usr/bin/prometheus"
    if not program.exists():
        fetched = subprocess.run(
            [HERE.parents[1] / "scripts/fetch", "unpack", "unpacked/prometheus-newest", "sid", "prometheus"],
            capture_output=True, text=True,
        )  # fmt: skip
        if fetched.returncode == SKIP:
            return None, fetched.stderr.strip().splitlines()[-1]
        assert fetched.returncode == 0, fetched.stderr
    return str(program), None


class Prometheus(Server):
    """jobs: {name: scrape options beside the target}; each series gets the name as label `scrape` unless there is
    only one job. What the target says of `job` and `instance` is honoured."""

    def __init__(self, target, jobs=None, program="prometheus", features=()):
        super().__init__()
        self.target = target
        self.jobs = jobs or {"sonde": {}}
        self.program = program
        self.features = features

    def prepare(self):
        jobs = []
        for name, options in self.jobs.items():
            job = {
                "job_name": name,
                "honor_labels": True,
                "static_configs": [{"targets": [f"127.0.0.1:{self.target}"]}],
                **options,
            }
            if len(self.jobs) > 1:
                job["relabel_configs"] = [{"target_label": "scrape", "replacement": name}]
            jobs.append(job)
        config = self.directory / "prometheus.yml"
        everywhere = {"scrape_interval": "1s", "scrape_timeout": "1s"}
        config.write_text(json.dumps({"global": everywhere, "scrape_configs": jobs}))  # JSON is YAML
        self.command = [
            self.program, f"--config.file={config}", f"--storage.tsdb.path={self.directory}/data",
            f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn",
            *([f"--enable-feature={','.join(self.features)}"] if self.features else []),
        ]  # fmt: skip

    def ready(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=DEADLINE_S):
                return True
        except OSError:
            return False

    def get(self, path, **words):
        query = urllib.parse.urlencode(words)
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}?{query}", timeout=DEADLINE_S) as answer:
            told = json.load(answer)
        assert told["status"] == "success", told
        return told["data"]

    def ask(self, query):
        """The result vector: {labels as a sorted tuple: value}."""
        return {
            tuple(sorted(each["metric"].items())): float(each["value"][1])
            for each in self.get("/api/v1/query", query=query)["result"]
        }

    def by_scrape(self, query):
        """The same by the label `scrape` alone: {its value: value}."""
        return {dict(labels).get("scrape"): value for labels, value in self.ask(query).items()}

    def expect(self, query, result):
        wait_until(
            lambda: f"{query}: {self.ask(query)}, expected {result}\n{self.trouble()}",
            lambda: self.ask(query) == result,
        )

    def trouble(self):
        """What the targets' scrapes failed by, and what Prometheus said."""
        targets = self.get("/api/v1/targets")["activeTargets"]
        return "\n".join([f"{each['scrapePool']}: {each['lastError']}" for each in targets if each["lastError"]] + [self.output()])
