# SPDX-License-Identifier: Apache-2.0
"""Known values, read by real Prometheus in each format it can ask for, and asked for by PromQL: counts and sums are equal,
quantiles of classic and native buckets hold the true value, exemplars and creation times arrive."""
import os
import socket
import time
import urllib.request

from harness import HERE, need_programs, run_scenarios
from processes import DEADLINE_S, Server, wait_until
from prometheus import Prometheus, newest_prometheus

SERVER = os.environ.get("EXPOSITION_SERVER", str(HERE.parents[1] / "build/release/tests/exposition_server"))

# As tests/e2e/servers/exposition_server.cc makes them.
VALUES = [0.001 * 1.07**i for i in range(100)]
TIMES = 30
COUNT = len(VALUES) * TIMES
BOUNDS = [0, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1]
ROUTE = '/a"b\\c\né'
NATIVE_STEP = 2 ** (2**-3)
CLASSIC = "known_duration_seconds_bucket"
NATIVE = "known_duration_seconds"


class Exposition(Server):
    def __init__(self, series=0):
        super().__init__()
        self.command = [SERVER, str(self.port), str(series)]


def bucket_of(value):
    """The bounds of the classic bucket that holds it."""
    upper = min(b for b in BOUNDS if b >= value)
    return max(b for b in BOUNDS if b < upper), upper


def expect_quantiles(prometheus, scrapes, metric, low_high):
    """Each quantile lies in the bucket of the true one."""
    for quantile in (0.1, 0.5, 0.9, 0.99):
        true = VALUES[round(quantile * len(VALUES)) - 1]
        low, high = low_high(true)
        found = prometheus.by_scrape(f"histogram_quantile({quantile}, {metric})")
        assert set(found) == scrapes, (metric, found, scrapes)
        for scrape, value in found.items():
            assert low * 0.999999 <= value <= high * 1.000001, (metric, scrape, quantile, value, low, high)


def expect_counts(prometheus, scrapes, classic):
    prometheus.expect("count(up == 1)", {(): len(scrapes)})
    wait_until(
        lambda: f"all scraped: {prometheus.by_scrape('known_level')}\n{prometheus.trouble()}",
        lambda: prometheus.by_scrape("known_level") == {scrape: -2.5 for scrape in scrapes},
    )
    assert prometheus.by_scrape("known_events_total") == {scrape: COUNT for scrape in scrapes}
    assert prometheus.by_scrape('target_info{os_type="linux"}') == {scrape: 1 for scrape in scrapes}
    for name, value in (("count", COUNT), ("sum", TIMES * sum(VALUES))):
        found = prometheus.by_scrape(f"known_duration_seconds_{name}")
        assert set(found) == classic, found
        assert all(abs(each - value) < 1e-6 for each in found.values()), found
    if not classic:
        return
    for labels in prometheus.ask(CLASSIC):
        assert dict(labels)["http_route"] == ROUTE, labels
    for upper in BOUNDS[1:]:
        below = TIMES * sum(value <= upper for value in VALUES)
        spellings = {f"{upper:g}", str(float(upper))}  # text 0.0.4's, OpenMetrics's
        selector = f'{CLASSIC}{{le=~"{"|".join(spellings)}"}}'
        assert set(prometheus.by_scrape(selector).values()) == {below}, (upper, below)


def expect_exemplars(prometheus, scrapes, metric):
    def found():
        told = prometheus.get("/api/v1/query_exemplars", query=metric, start=time.time() - 600, end=time.time() + 60)
        return {
            each["seriesLabels"].get("scrape"): {e["labels"]["span_id"] for e in each["exemplars"]} for each in told
        }  # fmt: skip

    wait_until(
        lambda: f"exemplars of {metric}: {found()}",
        lambda: all(found().get(scrape) == {"00000000000000ab"} for scrape in scrapes),
    )


def debian_12():
    with Exposition() as target, Prometheus(target.port, features=["exemplar-storage"]) as prometheus:
        expect_counts(prometheus, {None}, {None})
        expect_quantiles(prometheus, {None}, CLASSIC, bucket_of)
        expect_exemplars(prometheus, {None}, CLASSIC)
        # No series that nobody asked for.
        assert prometheus.ask('count({__name__=~".+_created"})') == {}


def debian_12_native():
    """With this flag it asks for protobuf, and keeps the native histogram of the two."""
    features = ["exemplar-storage", "native-histograms"]
    with Exposition() as target, Prometheus(target.port, features=features) as prometheus:
        expect_counts(prometheus, {None}, set())
        expect_quantiles(prometheus, {None}, NATIVE, lambda true: (true / NATIVE_STEP, true * NATIVE_STEP))
        assert prometheus.by_scrape(f"histogram_count({NATIVE})") == {None: COUNT}
        expect_exemplars(prometheus, {None}, NATIVE)


def newest():
    program, why = newest_prometheus()
    if program is None:
        print(f"skipped: newest: {why}", flush=True)
        return
    jobs = {
        "protobuf": {"scrape_protocols": ["PrometheusProto"], "always_scrape_classic_histograms": True},
        "openmetrics": {"scrape_protocols": ["OpenMetricsText1.0.0"]},
        "text_1": {"scrape_protocols": ["PrometheusText1.0.0"]},
        "text": {"scrape_protocols": ["PrometheusText0.0.4"]},
    }
    features = ["exemplar-storage", "native-histograms", "created-timestamp-zero-ingestion"]
    with Exposition() as target, Prometheus(target.port, jobs, program, features) as prometheus:
        expect_counts(prometheus, set(jobs), set(jobs))
        expect_quantiles(prometheus, set(jobs), CLASSIC, bucket_of)
        expect_quantiles(prometheus, {"protobuf"}, NATIVE, lambda true: (true / NATIVE_STEP, true * NATIVE_STEP))
        assert prometheus.by_scrape(f"histogram_count({NATIVE})") == {"protobuf": COUNT}
        expect_exemplars(prometheus, {"openmetrics"}, CLASSIC)
        expect_exemplars(prometheus, {"protobuf"}, NATIVE)
        # A counter that never moves has risen, if its beginning is known: from 0.
        risen = "increase(known_events_total[10m]) > 0"
        wait_until(lambda: f"{risen}: {prometheus.ask(risen)}", lambda: set(prometheus.by_scrape(risen)) == {"protobuf"})


def a_hundred_thousand_series():
    """One who does not read the answer holds up nobody."""
    series = 100_000
    with Exposition(series) as target, socket.socket() as stuck:
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.connect(("127.0.0.1", target.port))
        stuck.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
        relaxed = {"scrape_interval": "5s", "scrape_timeout": "5s"}
        with Prometheus(target.port, {"large": relaxed}) as prometheus:
            prometheus.expect("count(many)", {(): series})
            prometheus.expect("sum(many)", {(): sum(range(series))})
        with urllib.request.urlopen(f"http://127.0.0.1:{target.port}/metrics", timeout=DEADLINE_S) as answer:
            assert answer.read().count(b"\nmany{") == series


need_programs("prometheus")
run_scenarios(debian_12, debian_12_native, newest, a_hundred_thousand_series)
