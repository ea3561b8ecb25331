# SPDX-License-Identifier: Apache-2.0
"""The usual site (see ../usual.py) as a WSGI application: for gunicorn."""
import tempfile

CHUNKS = (1, 3, 17, 255, 4096, 60001)
large = tempfile.NamedTemporaryFile()
large.write(b"l" * 1_000_000)
large.flush()


def size_of_body(environ):
    size = 0
    while piece := environ["wsgi.input"].read(65536):
        size += len(piece)
    return size


def application(environ, start_response):
    def whole(status, body):
        start_response(status, [("Content-Length", str(len(body)))])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def chunks(sizes):  # without a length gunicorn sends each piece as a chunk
        start_response("200 OK", [])
        return (b"c" * size for size in sizes)

    path = environ["PATH_INFO"]
    if path == "/plain":
        return whole("200 OK", b"plain\n")
    if path == "/empty":
        start_response("204 No Content", [])
        return []
    if path == "/large":  # gunicorn does this by sendfile
        start_response("200 OK", [("Content-Length", "1000000")])
        return environ["wsgi.file_wrapper"](open(large.name, "rb"))
    if path == "/chunks":
        return chunks(CHUNKS)
    if path == "/few-chunks":
        return chunks(CHUNKS[:3])
    if path == "/upload":
        return whole("201 Created", b"%d" % size_of_body(environ))
    if path == "/broken":
        return whole("500 Broken", b"broken\n")
    return whole("404 Not Found", b"nothing here\n")
