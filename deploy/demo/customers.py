# SPDX-License-Identifier: Apache-2.0
"""The shop's customers: a few at a time, each looks around, buys and leaves; some fifty requests a second."""

import http.client
import os
import random
import threading
import time

CUSTOMERS = 5
PAUSE_S = 0.1


def visit(door: http.client.HTTPConnection, name: int) -> None:
    product = random.randint(1, 44)  # four of these do not exist
    for method, path in (
        ("GET", "/"),
        ("GET", "/products"),
        ("GET", f"/products/{product}?from=list"),
        ("GET", f"/reviews/{product}"),
        ("POST", f"/cart/{name}/items?product={product}"),
        ("GET", f"/cart/{name}"),
        ("POST", f"/cart/{name}/order"),
        ("DELETE", f"/cart/{name}"),
    ):
        door.request(method, path)
        door.getresponse().read()
        time.sleep(random.uniform(0, 2 * PAUSE_S))


def customer() -> None:
    while True:
        door = http.client.HTTPConnection("127.0.0.1", int(os.environ["FRONT"]), timeout=5)
        try:
            visit(door, random.randint(1000, 9999))
        except (OSError, http.client.HTTPException):
            time.sleep(1)  # the shop is closing, or not yet open
        finally:
            door.close()


for _ in range(CUSTOMERS - 1):
    threading.Thread(target=customer, daemon=True).start()
customer()
