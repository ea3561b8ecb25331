# SPDX-License-Identifier: Apache-2.0
"""Paths become routes: few, whatever clients ask for, and no request is lost by that."""
from harness import Sonde, need_programs, run_scenarios
from processes import Nginx, wait_until
from truth import Client, Exchanges

# Of one service; see the bounds in docs/limits.md.
MAX_ROUTES = 100
ANSWER = 'location / { return 200 "answer"; }'


def numbers_are_values():
    with Nginx(ANSWER) as nginx, Sonde("--include", f"port={nginx.port}") as sonde:
        truth = Exchanges()
        client = Client(nginx.port, truth)
        for user in range(1, 501):
            client.ask("GET", f"/users/{user}", route="/users/*")
            client.ask("GET", f"/users/{user}/orders?page={user}", route="/users/*/orders")
        sonde.expect_both(nginx.port, truth)


def words_without_end():
    """A thousand different words: series stay few, their sum exact."""
    with Nginx(ANSWER) as nginx, Sonde("--include", f"port={nginx.port}") as sonde:
        asked = Exchanges()
        client = Client(nginx.port, asked)
        letters = "abcdefghij"
        words = [a + b + c + "word" for a in letters for b in letters for c in letters]
        for word in words:
            client.ask("GET", f"/{word}")
            client.ask("GET", f"/{word[::-1]}/{word}/{word}")
        for role in ("server", "client"):
            wait_until(
                lambda: f"{sonde.counted(role, nginx.port).count()} of {asked.count()} are counted",
                lambda: sonde.counted(role, nginx.port).count() == asked.count(),
            )
            counted = sonde.counted(role, nginx.port)
            assert sum(total.response_bytes for total in counted.values()) == asked.count() * len("answer")
            # Which words were first, and stayed, is the learner's affair.
            routes = {kind.route for kind in counted}
            assert 2 < len(routes) <= MAX_ROUTES, sorted(routes)


need_programs("nginx")
run_scenarios(numbers_are_values, words_without_end)
