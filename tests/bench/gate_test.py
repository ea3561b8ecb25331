#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The overhead gate's judgement, on made-up windows: it lets pass what it should and nothing else."""

import os
import sys
import unittest

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(REPO, "scripts/lib/bench"))

import gate  # noqa: E402
from facts import read_facts  # noqa: E402


def told(collector: str, number: int, requests: int, counted: int = 0, lost: int = 0, idle_s: float = 0) -> str:
    lines = [
        f"window\t{collector}\t{number}\t0",
        'metric\tbefore\thttp_server_request_duration_seconds_count{route="/ a",server_port="8080"} 7',
        'metric\tbefore\tsonde_lost_total{stage="ring"} 0',
        f"requests\t{requests}\t1000000\t0\t900\t1200",
        "cpu\tbefore\t1\t1\tnginx\t1000000\t5",
        f"cpu\tafter\t1\t1\tnginx\t{1000000 + 30000 * requests}\t9",
        "idle\tbefore\t60.00",
        f"idle\tafter\t{60 + idle_s}",
        f'metric\tafter\thttp_server_request_duration_seconds_count{{route="/ a",server_port="8080"}} {7 + counted}',
        f'metric\tafter\thttp_client_request_duration_seconds_count{{server_port="8080"}} {counted}',
        'metric\tafter\thttp_client_request_duration_seconds_count{server_port="9464"} 1',  # the scrape
        f'metric\tafter\tsonde_lost_total{{stage="ring"}} {lost}',
    ]
    return "\n".join(lines) + "\n"


def row(kept: float) -> gate.Row:
    return gate.Row("keepalive", "sonde", 1000 * kept, 1e6 / kept, kept, 0.001)


class Rows(unittest.TestCase):
    def test_one_odd_window_of_three_moves_nothing(self):
        # Without a collector one is faster, with one another is slower.
        rates = {"none": (10000, 10500, 10000), "sonde": (8500, 9000, 9000)}
        text = "".join(told(name, at, rate) for name, own in rates.items() for at, rate in enumerate(own, 1))
        rows = gate.rows_of("keepalive", read_facts(text))
        self.assertEqual([r.collector for r in rows], ["none", "sonde"])
        self.assertAlmostEqual(rows[1].kept, 0.9)
        self.assertAlmostEqual(rows[1].spread, 500 / 9000)

    def test_one_odd_round_of_five_does_not_widen_the_spread(self):
        self.assertAlmostEqual(gate.spread_of([1.0, 1.0, 1.0, 1.0, 1.3]), 0)
        self.assertAlmostEqual(gate.spread_of([1.0, 1.0, 1.3]), 0.3)

    def test_breakdown_adds_up(self):
        parts = gate.breakdown(read_facts(told("none", 1, 10000)), "none")
        self.assertAlmostEqual(parts["nginx"], 30000)
        self.assertAlmostEqual(parts["nginx"] + parts["rest"], 100000)


class Verdicts(unittest.TestCase):
    def test_worse_than_two_percent_fails(self):
        recorded = {"kept": 0.90, "spread": 0.001}
        self.assertTrue(gate.check_row(row(0.883), recorded).passed)
        self.assertFalse(gate.check_row(row(0.881), recorded).passed)

    def test_a_wide_spread_allows_three_times_itself(self):
        recorded = {"kept": 0.90, "spread": 0.01}
        self.assertTrue(gate.check_row(row(0.875), recorded).passed)
        self.assertFalse(gate.check_row(row(0.872), recorded).passed)

    def test_what_is_not_recorded_fails(self):
        self.assertFalse(gate.check_row(row(1.0), None).passed)

    def test_an_idle_cpu_is_no_measure(self):
        self.assertTrue(gate.check_saturated("close", read_facts(told("none", 1, 100, idle_s=0.01))).passed)
        self.assertFalse(gate.check_saturated("close", read_facts(told("none", 1, 100, idle_s=0.05))).passed)


class Counts(unittest.TestCase):
    def passed(self, collector: str, **facts) -> bool:
        (check,) = gate.check_counts("keepalive", read_facts(told(collector, 1, 1000, **facts)), 16, 8080)
        return check.passed

    def test_counted_is_sent_and_what_was_in_flight(self):
        self.assertTrue(self.passed("sonde", counted=1000))
        self.assertTrue(self.passed("sonde", counted=1016))

    def test_one_less_or_too_many_fails(self):
        self.assertFalse(self.passed("sonde", counted=999))
        self.assertFalse(self.passed("sonde", counted=1017))

    def test_a_loss_fails(self):
        self.assertFalse(self.passed("sonde", counted=1000, lost=1))

    def test_a_bystander_is_not_counted(self):
        self.assertTrue(self.passed("bystander"))
        self.assertFalse(self.passed("bystander", counted=1))


class Facts(unittest.TestCase):
    def test_a_failed_job_is_no_result(self):
        with self.assertRaisesRegex(RuntimeError, "waited in vain"):
            read_facts("failed\twaited in vain for: wget\n")


if __name__ == "__main__":
    unittest.main()
