# SPDX-License-Identifier: Apache-2.0
"""Accepts, and lets others serve.

usage: handing_server.py PORT HOW

  fork     a child of this process serves each connection
  pass     another program (handed_worker.py) gets each connection's descriptor and serves it
  read     ... after this process has read the request's head
"""
import array
import os
import pathlib
import signal
import socket
import subprocess
import sys

from handed_worker import read_head, serve

port, how = int(sys.argv[1]), sys.argv[2]
listener = socket.create_server(("127.0.0.1", port), backlog=128)
if how == "fork":
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
else:
    here, there = socket.socketpair()
    worker = str(pathlib.Path(__file__).with_name("handed_worker.py"))
    subprocess.Popen([sys.executable, worker, str(there.fileno())], pass_fds=[there.fileno()])
    there.close()

while True:
    connection, _ = listener.accept()
    if how == "fork":
        if os.fork() == 0:
            listener.close()
            serve(connection, b"")
            os._exit(0)
    else:
        head = read_head(connection) if how == "read" else b""
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [connection.fileno()]))]
        here.sendmsg([len(head).to_bytes(4, "big")], rights)
        here.sendall(head)
        if here.recv(1) != b"k":  # or both would read the same connection
            sys.exit(1)
    connection.close()
