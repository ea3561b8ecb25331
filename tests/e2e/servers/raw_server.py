# SPDX-License-Identifier: Apache-2.0
"""A server that does with its socket exactly what the query of each request says, and nothing a framework would.

usage: raw_server.py PORT

  n=BYTES      size of the answer's body (default 2)
  each=BYTES   send the answer in pieces of so many bytes
  sendfile     send the body from a file
  wait=MS      answer so much later
  die          close the connection instead of answering
  reset        ... by a reset
  talk         do not wait for a request: greet with a line, then echo lines (any path; first bytes "HELO")
"""
import os
import socket
import struct
import sys
import tempfile
import threading
import time
import urllib.parse

body_file = tempfile.TemporaryFile()
body_file.truncate(64 << 20)
body_file.flush()


def content_length(head):
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0


def answer(connection, target):
    """False: the connection is over."""
    wants = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(target.decode()).query, keep_blank_values=True))
    time.sleep(int(wants.get("wait", 0)) / 1000)
    if "reset" in wants:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if "reset" in wants or "die" in wants:
        return False
    size = int(wants.get("n", 2))
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size
    if "sendfile" in wants:
        connection.sendall(head)
        at = 0
        while at < size:
            at += os.sendfile(connection.fileno(), body_file.fileno(), at, size - at)
        return True
    message = head + b"x" * size
    each = int(wants.get("each", len(message)))
    for at in range(0, len(message), each):
        connection.sendall(message[at : at + each])
    return True


def echo_lines(connection, data):
    while data:
        connection.sendall(data[::-1])
        data = connection.recv(65536)


def serve(connection):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    data = b""
    with connection:
        try:
            while True:
                while b"\r\n\r\n" not in data:
                    more = connection.recv(65536)
                    if not more:
                        return
                    data += more
                    if data.startswith(b"HELO"):
                        return echo_lines(connection, data)
                head, _, data = data.partition(b"\r\n\r\n")
                length = content_length(head)
                while len(data) < length:
                    data += connection.recv(65536)
                data = data[length:]
                if not answer(connection, head.split(b" ", 2)[1]):
                    return
        except OSError:
            return


listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=1024)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
