# SPDX-License-Identifier: Apache-2.0
"""A WSGI application: the query says how long the answer is (n=BYTES, 2 if not given)."""
import urllib.parse


def application(environ, start_response):
    wants = urllib.parse.parse_qs(environ.get("QUERY_STRING", ""))
    environ["wsgi.input"].read()
    body = b"x" * int(wants.get("n", ["2"])[0])
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
