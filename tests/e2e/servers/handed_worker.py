# SPDX-License-Identifier: Apache-2.0
"""Serves the connections that handing_server.py passes to it: GETs, answered by their path.

usage: handed_worker.py DESCRIPTOR     of the socket by which they come
"""
import array
import socket
import sys


def read_head(connection):
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        more = connection.recv(65536)
        if not more:
            return b""
        data += more
    return data


def serve(connection, head):
    """head: what was read of it before."""
    while True:
        head = head or read_head(connection)
        if not head:
            connection.close()
            return
        body = head.split(b" ")[1]
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        head = b""


def main():
    passer = socket.socket(fileno=int(sys.argv[1]))
    while True:
        data, ancillary, _, _ = passer.recvmsg(4, socket.CMSG_SPACE(4))
        if not data:
            return
        descriptors = array.array("i")
        descriptors.frombytes(ancillary[0][2][:4])
        size = int.from_bytes(data, "big")
        head = passer.recv(size, socket.MSG_WAITALL) if size else b""
        passer.sendall(b"k")
        serve(socket.socket(fileno=descriptors[0]), head)


if __name__ == "__main__":
    main()
