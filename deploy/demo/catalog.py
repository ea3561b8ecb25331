# SPDX-License-Identifier: Apache-2.0
"""The shop's catalog: products by number; some are unknown (404), a few are slow."""

import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PRODUCTS = {number: {"id": number, "name": f"lamp {number}", "price": 10 + number} for number in range(1, 41)}
SLOW = 13  # this one takes its time, to give the latency histogram a tail


class Catalog(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keep-alive

    def do_GET(self):
        path = self.path.split("?")[0].rstrip("/")
        if path == "/healthz":
            return self.answer(200, {"ok": True})
        if path == "/products":
            return self.answer(200, list(PRODUCTS.values()))
        _, _, number = path.rpartition("/products/")
        product = PRODUCTS.get(int(number)) if number.isdigit() else None
        if product is None:
            return self.answer(404, {"error": "no such product"})
        if product["id"] == SLOW:
            time.sleep(0.12)
        return self.answer(200, product)

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(os.environ["CATALOG"])), Catalog).serve_forever()
