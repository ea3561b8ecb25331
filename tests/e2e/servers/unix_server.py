# SPDX-License-Identifier: Apache-2.0
"""A server at a unix socket, and its client: no framework between them and the socket.

usage: unix_server.py PATH serve    answers every request with 1000 bytes; PATH may be an abstract name, with an @ first
       unix_server.py PATH ask N    N requests over one connection, none of which names a host
"""
import socket
import sys
import threading

from handed_worker import read_head


ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000


def serve(connection):
    while read_head(connection):
        connection.sendall(ANSWER)
    connection.close()


path, what = sys.argv[1], sys.argv[2]
if path.startswith("@"):
    path = "\0" + path[1:]
if what == "serve":
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
connection = socket.socket(socket.AF_UNIX)
connection.connect(path)
for _ in range(int(sys.argv[3])):
    connection.sendall(b"GET /plain HTTP/1.1\r\n\r\n")
    if connection.recv(len(ANSWER), socket.MSG_WAITALL) != ANSWER:
        sys.exit("another answer")
