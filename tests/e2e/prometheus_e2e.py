# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus scrapes Sonde and is asked by PromQL; both formats are read by parsers that are not ours."""
import base64
import gzip
import pathlib
import ssl
import subprocess
import tempfile
import urllib.error
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as text_families

from harness import Sonde, need_programs, run_scenarios
from processes import DEADLINE_S, Nginx, wait_until
from prometheus import Prometheus, newest_prometheus
from truth import Client, Exchanges

FILES = {"small.txt": b"small\n", "page.html": b"p" * 5000}
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
PROTOBUF = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"


class GuardedSonde(Sonde):
    """Serves by TLS, to those who have the password."""

    USER, PASSWORD = "prometheus", "correct horse"
    HASH = "$2b$10$IoilLyKnQzMIUNmoWn9U8uEaouf4iMKQstpb8XpthTr0f3A44MQSa"  # as `htpasswd -nB` makes it

    def __init__(self, *flags):
        super().__init__(*flags)
        self.secrets = tempfile.TemporaryDirectory(prefix="sonde-e2e-")
        directory = pathlib.Path(self.secrets.name)
        self.certificate, self.key, self.users = (directory / name for name in ("certificate", "key", "users"))
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
             "-subj", "/CN=sonde", "-addext", "subjectAltName=IP:127.0.0.1", "-out", self.certificate, "-keyout", self.key],
            check=True, capture_output=True,
        )  # fmt: skip
        self.users.write_text(f"{self.USER}:{self.HASH}\n")
        self.command += ["--tls-certificate", self.certificate, "--tls-key", self.key, "--web-users", self.users]

    def end(self):
        super().end()
        self.secrets.cleanup()

    def get(self, path, headers=None):
        token = base64.b64encode(f"{self.USER}:{self.PASSWORD}".encode()).decode()
        return self.fetch(path, {"Authorization": f"Basic {token}", **(headers or {})})

    def fetch(self, path, headers):
        trusted = ssl.create_default_context(cafile=str(self.certificate))
        request = urllib.request.Request(f"https://127.0.0.1:{self.port}{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=DEADLINE_S, context=trusted) as answer:
            answer.content = answer.read()
            return answer


def traffic(port, truth):
    client = Client(port, truth)
    for _ in range(30):
        client.ask("GET", "/small.txt")
        client.ask("GET", "/page.html")
        client.ask("POST", "/missing", b"x" * 100)


def read_back_by_promql():
    with Nginx(files=FILES) as nginx, Sonde("--include", f"port={nginx.port}") as sonde:
        with Prometheus(sonde.port) as prometheus:
            port = f'server_port="{nginx.port}"'
            # Rates need to have seen the beginning: two rounds, one seen by a scrape before the other.
            truth = Exchanges()
            traffic(nginx.port, truth)
            sonde.expect_both(nginx.port, truth)
            up = (("__name__", "up"), ("instance", f"127.0.0.1:{sonde.port}"), ("job", "sonde"))
            prometheus.expect("up", {up: 1})
            of_route = "sum by (service_name, http_route) (http_server_request_duration_seconds_count{%s})" % port

            def routes(times):
                names = ("/small.txt", "/page.html", "/missing")
                return {(("http_route", name), ("service_name", "nginx")): times for name in names}

            prometheus.expect(of_route, routes(30))
            traffic(nginx.port, truth)
            prometheus.expect(of_route, routes(60))
            prometheus.expect("sum(http_client_request_duration_seconds_count{%s})" % port, {(): 180})
            prometheus.expect(
                'sum(http_server_request_duration_seconds_count{%s,http_response_status_code=~"4.."})' % port, {(): 60}
            )
            prometheus.expect("sum(http_server_request_body_size_bytes_sum{%s})" % port, {(): 6000})
            prometheus.expect("sum(http_server_response_body_size_bytes_sum{%s,http_route='/page.html'})" % port, {(): 300000})
            prometheus.expect("sum(sonde_lost_total)", {(): 0})
            quantile = (
                "histogram_quantile(0.9, sum by (le) (rate(http_server_request_duration_seconds_bucket{%s}[1m])))" % port
            )
            wait_until(
                lambda: f"{quantile}: {prometheus.ask(quantile)}",
                lambda: 0 < prometheus.ask(quantile).get((), 0) <= 10,
            )
            # target_info joins what is known of a service to its metrics.
            joined = (
                "sum by (os_type) (http_server_request_duration_seconds_count{%s}"
                " * on (job, instance) group_left (os_type) target_info)" % port
            )
            prometheus.expect(joined, {(("os_type", "linux"),): 180})


def classic_and_native_agree():
    program, why = newest_prometheus()
    if program is None:
        print(f"skipped: classic_and_native_agree: {why}", flush=True)
        return
    jobs = {"sonde": {"scrape_protocols": ["PrometheusProto"], "always_scrape_classic_histograms": True}}
    features = ["native-histograms", "created-timestamp-zero-ingestion"]
    with Nginx(files=FILES) as nginx, Sonde("--include", f"port={nginx.port}") as sonde:
        with Prometheus(sonde.port, jobs, program, features) as prometheus:
            truth = Exchanges()
            traffic(nginx.port, truth)
            sonde.expect_both(nginx.port, truth)
            metric = "http_server_request_duration_seconds"
            port = '{server_port="%d"}' % nginx.port
            # The first requests rise from 0, for it is told when their series began.
            rises = f"sum(increase({metric}_count{port}[10m])) > 0"
            wait_until(lambda: f"{rises}\n{prometheus.trouble()}", lambda: prometheus.ask(rises))
            traffic(nginx.port, truth)
            prometheus.expect(f"sum({metric}_count{port})", {(): 180})
            prometheus.expect(f"sum(histogram_count({metric}{port}))", {(): 180})
            # At one moment, so that no scrape comes between the two; and in a window without the beginning, which
            # Prometheus reckons with in the one kind only.
            classic, native = f"sum(rate({metric}_count{port}[5s]))", f"sum(histogram_count(rate({metric}{port}[5s])))"
            same = f"abs({classic} - {native}) / {classic} < 0.000001"

            def rates_agree():
                traffic(nginx.port, truth)
                return prometheus.ask(same)

            wait_until(lambda: f"{same}: {prometheus.ask(classic)} {prometheus.ask(native)}", rates_agree)
            # From here on nothing moves between two questions.
            for counted in (f"sum({metric}_count{port})", f"sum(histogram_count({metric}{port}))"):
                prometheus.expect(counted, {(): truth.count()})
            for quantile in (0.5, 0.9, 0.99):
                [native] = prometheus.ask(f"histogram_quantile({quantile}, sum({metric}{port}))").values()
                [classic] = prometheus.ask(f"histogram_quantile({quantile}, sum by (le) ({metric}_bucket{port}))").values()
                bounds = sorted(float(dict(each)["le"]) for each in prometheus.ask(f"sum by (le) ({metric}_bucket{port})"))
                upper = min(bound for bound in bounds if bound >= classic)
                lower = max([bound for bound in bounds if bound < upper])
                step = 1.1  # a native bucket may reach over the bound
                assert lower / step <= native <= upper * step, (quantile, native, classic, lower, upper)


def formats():
    with Nginx(files=FILES) as nginx, Sonde("--include", f"port={nginx.port}") as sonde:
        truth = Exchanges()
        traffic(nginx.port, truth)
        sonde.expect_both(nginx.port, truth)

        def count(families):
            return sum(
                sample.value
                for family in families
                for sample in family.samples
                if sample.name == "http_server_request_duration_seconds_count"
            )

        plain = sonde.get("/metrics")
        assert plain.headers["Content-Type"].startswith("text/plain; version=0.0.4"), plain.headers["Content-Type"]
        assert count(text_families(plain.content.decode())) == 90
        checked = subprocess.run(["promtool", "check", "metrics"], input=plain.content, capture_output=True, timeout=DEADLINE_S)
        assert checked.returncode == 0, checked.stdout + checked.stderr

        open_metrics = sonde.get("/metrics", {"Accept": OPENMETRICS})
        assert open_metrics.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
        assert count(openmetrics_families(open_metrics.content.decode())) == 90

        protobuf = sonde.get("/metrics", {"Accept": PROTOBUF})
        assert protobuf.headers["Content-Type"] == PROTOBUF, protobuf.headers["Content-Type"]
        assert b"http_server_request_duration_seconds" in protobuf.content

        packed = sonde.get("/metrics", {"Accept-Encoding": "gzip"})
        assert packed.headers["Content-Encoding"] == "gzip"
        assert count(text_families(gzip.decompress(packed.content).decode())) == 90


def guarded():
    with Nginx(files=FILES) as nginx, GuardedSonde("--include", f"port={nginx.port}") as sonde:
        truth = Exchanges()
        traffic(nginx.port, truth)
        sonde.expect_both(nginx.port, truth)
        assert sonde.fetch("/healthz", {}).status == 200  # a probe has no password
        for headers in ({}, {"Authorization": "Basic cHJvbWV0aGV1czp3cm9uZw=="}):
            try:
                sonde.fetch("/metrics", headers)
                raise AssertionError(f"let in with {headers}")
            except urllib.error.HTTPError as refused:
                assert refused.code == 401, refused
        way = {
            "scheme": "https",
            "tls_config": {"ca_file": str(sonde.certificate)},
            "basic_auth": {"username": sonde.USER, "password": sonde.PASSWORD},
        }
        jobs = {
            "right": way,
            "wrong": {**way, "basic_auth": {"username": sonde.USER, "password": "wrong"}},
            "unprotected": {"scheme": "http"},
        }
        with Prometheus(sonde.port, jobs) as prometheus:
            wait_until(
                lambda: f"who is let in: {prometheus.by_scrape('up')}\n{prometheus.trouble()}",
                lambda: prometheus.by_scrape("up") == {"right": 1, "wrong": 0, "unprotected": 0},
            )
            prometheus.expect("sum(http_server_request_duration_seconds_count{server_port='%d'})" % nginx.port, {(): 90})


need_programs("nginx", "prometheus", "promtool", "openssl")
run_scenarios(read_back_by_promql, classic_and_native_agree, formats, guarded)
