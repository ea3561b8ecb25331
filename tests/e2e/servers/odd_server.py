# SPDX-License-Identifier: Apache-2.0
"""Python's http.server with a handler that answers in every way the protocol has.

usage: odd_server.py PORT
"""
import http.server
import sys
import time


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def take_body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def whole(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def chunks(self, pieces, extension=b"", trailers=b""):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            self.wfile.write(b"%x%s\r\n%s\r\n" % (len(piece), extension, piece))
        self.wfile.write(b"0\r\n%s\r\n" % trailers)

    def do_GET(self):
        path = self.path.split("?")[0]
        if path == "/plain":
            self.whole(200, b"plain\n")
        elif path == "/empty":
            self.send_response(204)
            self.end_headers()
        elif path == "/chunks":  # odd sizes, one byte first, then more than any policy wants
            self.chunks([b"a" * size for size in (1, 3, 17, 255, 4096, 70001)])
        elif path == "/extensions":
            self.chunks([b"b" * 10, b"c" * 1000], b';name="a value"', b"Checksum: none\r\n")
        elif path == "/slow":
            self.send_response(200)
            self.send_header("Content-Length", "20")
            self.end_headers()
            for _ in range(20):
                self.wfile.write(b"s")
                time.sleep(0.02)
        elif path == "/slow-chunks":
            self.chunks(slowly(b"d" * 5, 10))
        elif path == "/until-close":
            self.send_response(200)
            self.send_header("Connection", "close")
            self.end_headers()
            for _ in range(7):
                self.wfile.write(b"until the end " * 1000)
        elif path == "/hints":
            self.send_response_only(103)
            self.send_header("Link", "</style.css>; rel=preload")
            self.end_headers()
            self.send_response_only(102)
            self.end_headers()
            self.whole(200, b"after two interim answers")
        elif path == "/broken":
            self.whole(500, b"broken\n")
        else:
            self.whole(404, b"nothing here\n")

    do_HEAD = do_GET

    def do_POST(self):
        body = self.take_body()
        self.whole(201, b"%d" % len(body))

    do_PUT = do_POST

    def do_DELETE(self):
        self.take_body()
        self.send_response(204)
        self.end_headers()

    def do_BREW(self):
        self.whole(418, b"short and stout")


def slowly(piece, times):
    for _ in range(times):
        yield piece
        time.sleep(0.02)


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True


Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
