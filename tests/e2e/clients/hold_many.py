# SPDX-License-Identifier: Apache-2.0
"""Opens so many connections, asks once on each, says "held" and keeps them until it is told to end.
Arguments: port, connections."""
import resource
import socket
import sys
import time

REQUEST = b"GET /held HTTP/1.1\r\nHost: many\r\n\r\n"
AT_ONCE = 500

_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
port, wanted = int(sys.argv[1]), int(sys.argv[2])
held = []
while len(held) < wanted:
    batch = [
        socket.create_connection(("127.0.0.1", port), timeout=60)
        for _ in range(min(AT_ONCE, wanted - len(held)))
    ]
    for connection in batch:
        connection.sendall(REQUEST)
    for connection in batch:
        assert connection.recv(4096).endswith(b"ok")
    held += batch
print("held", flush=True)
time.sleep(3600)
