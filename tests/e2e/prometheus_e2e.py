# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus scrapes Sonde and is asked by PromQL; both formats are read by parsers that are not ours."""
import gzip
import json
import subprocess
import urllib.parse
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as text_families

from harness import Sonde, need_programs, run_scenarios
from processes import DEADLINE_S, Nginx, Server, wait_until
from truth import Client, Exchanges

FILES = {"small.txt": b"small\n", "page.html": b"p" * 5000}
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


class Prometheus(Server):
    def __init__(self, target):
        super().__init__()
        self.target = target

    def prepare(self):
        config = self.directory / "prometheus.yml"
        config.write_text(
            f"""
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: sonde
    honor_labels: true
    static_configs: [{{targets: ["127.0.0.1:{self.target}"]}}]
"""
        )
        self.command = [
            "prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.directory}/data",
            f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn",
        ]  # fmt: skip

    def ask(self, query):
        """The result vector: {labels as a sorted tuple: value}."""
        words = urllib.parse.urlencode({"query": query})
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/query?{words}", timeout=DEADLINE_S) as answer:
            told = json.load(answer)
        assert told["status"] == "success", told
        return {
            tuple(sorted(each["metric"].items())): float(each["value"][1]) for each in told["data"]["result"]
        }  # fmt: skip

    def expect(self, query, result):
        wait_until(lambda: f"{query}: {self.ask(query)}, expected {result}", lambda: self.ask(query) == result)


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

        packed = sonde.get("/metrics", {"Accept-Encoding": "gzip"})
        assert packed.headers["Content-Encoding"] == "gzip"
        assert count(text_families(gzip.decompress(packed.content).decode())) == 90


need_programs("nginx", "prometheus", "promtool")
run_scenarios(read_back_by_promql, formats)
