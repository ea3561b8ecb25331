# SPDX-License-Identifier: Apache-2.0
"""A server that takes the turns that HTTP allows and few servers take: by its socket, whatever a request's path says.

usage: turns_server.py PORT

  /plain         takes the body, answers "ok"
  /big?n=BYTES   so many bytes from a file
  /early         answers 413 before it takes the body, then takes it
  /early-close   answers 413 once a part of the body is there, and takes what comes until the client ends
  /refused       answers 417 and expects no body
  /trailers      chunks with extensions, and trailers behind them
  /until-close   no length: the end of the connection ends the answer
  /upgrade       answers 101, then echoes
  /bad           answers 400 and closes
  CONNECT        answers 200, then echoes
"""
import os
import socket
import sys
import tempfile
import threading

CHUNKS = b"5;name=\"a value\"\r\nhello\r\n6 ; x\r\n world\r\n0\r\nChecksum: 1\r\nContent-Length: 99\r\n\r\n"
BIG = 64 << 20
file = tempfile.TemporaryFile()
file.truncate(BIG)


class Connection:
    def __init__(self, socket):
        self.socket = socket
        self.data = b""

    def more(self):
        piece = self.socket.recv(1 << 20)
        if not piece:
            raise EOFError
        self.data += piece

    def take(self, count):
        while count:
            if not self.data:
                self.more()
            part = min(count, len(self.data))
            self.data, count = self.data[part:], count - part

    def take_until(self, end):
        while end not in self.data:
            self.more()
        part, _, self.data = self.data.partition(end)
        return part

    def take_body(self, fields):
        if b"transfer-encoding" in fields:
            while size := int(self.take_until(b"\r\n").split(b";")[0], 16):
                self.take(size + 2)
            while self.take_until(b"\r\n"):
                pass
        else:
            self.take(int(fields.get(b"content-length", 0)))

    def answer(self, status, body=b"", fields=""):
        self.socket.sendall(f"HTTP/1.1 {status} OK\r\nContent-Length: {len(body)}\r\n{fields}\r\n".encode() + body)

    def echo(self):
        while True:
            self.more()
            self.socket.sendall(self.data)
            self.data = b""

    def send_file(self, size):
        while size:
            size -= os.sendfile(self.socket.fileno(), file.fileno(), 0, min(size, BIG))

    def serve_one(self):
        head = self.take_until(b"\r\n\r\n").split(b"\r\n")
        method, target, _ = head[0].split(b" ")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in head[1:])}
        path, _, query = target.decode().partition("?")
        if method == b"CONNECT":
            self.socket.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self.echo()
        elif path == "/upgrade":
            self.socket.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
            self.echo()
        elif path == "/early":
            self.answer(413, b"too large")
            self.take_body(fields)
        elif path == "/early-close":
            self.take(1)
            self.answer(413, fields="Connection: close\r\n")
            while True:
                self.more()
        elif path == "/refused":
            self.answer(417)
        elif path == "/bad":
            self.answer(400, b"bad", "Connection: close\r\n")
            raise EOFError
        else:
            if fields.get(b"expect") == b"100-continue":
                self.socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.take_body(fields)
            if path == "/trailers":
                self.socket.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS)
            elif path == "/until-close":
                self.socket.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                for _ in range(10):
                    self.socket.sendall(b"x" * 1000)
                raise EOFError
            elif path == "/big":
                size = int(query.removeprefix("n="))
                self.socket.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
                self.send_file(size)
            else:
                self.answer(200, b"ok")


def serve(accepted):
    accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection = Connection(accepted)
    with accepted:
        try:
            while True:
                connection.serve_one()
        except (EOFError, OSError):
            pass


listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=1024)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
