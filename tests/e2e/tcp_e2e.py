# SPDX-License-Identifier: Apache-2.0
"""The health of TCP, from real sockets to the scrape. Packets are lost by a filter on the receiving socket."""
import contextlib
import ctypes
import errno
import socket
import struct
import time

from harness import Sonde, run_scenarios
from processes import DEADLINE_S, free_port, wait_until

SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27
TIMES = 5


@contextlib.contextmanager
def losing(receiver):
    """Whatever arrives at the socket meanwhile is lost."""
    drop = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))  # return 0 bytes
    program = struct.pack("HxxxxxxP", 1, ctypes.addressof(drop))
    receiver.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
    yield
    receiver.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)


@contextlib.contextmanager
def listening():
    with contextlib.closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", free_port()))
        listener.listen(64)
        yield listener


@contextlib.contextmanager
def connected(listener):
    with socket.create_connection(listener.getsockname(), timeout=DEADLINE_S) as client:
        server, _ = listener.accept()
        with server:
            server.settimeout(DEADLINE_S)
            yield client, server


def exchange(client, server):
    for sender, receiver in ((client, server), (server, client)):
        sender.sendall(b"not a word of any protocol")
        assert receiver.recv(100)


def tcp(sonde, port, side="server"):
    """What stands there for one port, by metric without prefix and by reason or direction: a client's own metrics name
    the server's address, a server's name the client's."""
    found = {}
    for name, samples in sonde.samples().items():
        for labels, value in samples:
            if name.startswith("sonde_tcp_") and labels.get("server_port") == str(port):
                if labels.get(f"{side}_address") == "127.0.0.1" and not name.endswith("_bucket"):
                    name_of = labels.get("reason") or labels.get("network_io_direction")
                    key = name.removeprefix("sonde_tcp_")
                    found[f"{key} {name_of}" if name_of else key] = value
    return found


def expect(sonde, port, wanted, side="server"):
    """Waits until the values stand there, and looks that they stay."""
    def there():
        found = tcp(sonde, port, side)
        return all(found.get(key, 0) == value for key, value in wanted.items())

    wait_until(lambda: f"{wanted} of {tcp(sonde, port, side)}", there)
    time.sleep(1)
    assert there(), tcp(sonde, port, side)


def connects():
    port = free_port()
    with listening() as listener, Sonde(
        "--include", f"port={port}", "--include", f"port={listener.getsockname()[1]}"
    ) as sonde:  # fmt: skip
        for _ in range(TIMES):
            with socket.socket() as refused:
                assert refused.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED
        for _ in range(TIMES):
            with connected(listener) as ends:
                exchange(*ends)
        with losing(listener), socket.socket() as unanswered:
            unanswered.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, 1)
            assert unanswered.connect_ex(listener.getsockname()) == errno.ETIMEDOUT
        with losing(listener), socket.socket() as impatient:
            impatient.setblocking(False)
            assert impatient.connect_ex(listener.getsockname()) == errno.EINPROGRESS
        expect(sonde, port, {"failed_connects_total refused": TIMES, "connect_duration_seconds_count": 0})
        expect(sonde, listener.getsockname()[1], {
            "failed_connects_total timeout": 1, "failed_connects_total aborted": 1, "failed_connects_total refused": 0,
            "connect_duration_seconds_count": TIMES, "resets_total receive": 0, "resets_total transmit": 0,
        })  # fmt: skip
        there = listener.getsockname()[1]
        wait_until(
            lambda: f"each has told its round trips: {tcp(sonde, there)}",
            lambda: tcp(sonde, there).get("rtt_seconds_count", 0) >= TIMES,
        )


def retransmits_of_a_living_connection():
    with listening() as listener, Sonde("--include", f"port={listener.getsockname()[1]}") as sonde:
        port = listener.getsockname()[1]
        with connected(listener) as (client, server):
            exchange(client, server)
            wait_until("it is sampled while it lives", lambda: tcp(sonde, port).get("rtt_seconds_count"))
            with losing(server):
                client.sendall(b"lost at first")
                time.sleep(0.5)
            assert server.recv(100) == b"lost at first"
            # tcpi_total_retrans of struct tcp_info
            said = struct.unpack_from("I", client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 100)[0]
            assert said > 0
            expect(sonde, port, {"retransmits_total": said})
            expect(sonde, port, {"retransmits_total": 0}, side="client")
        expect(sonde, port, {"retransmits_total": said})


def resets():
    with listening() as listener, Sonde("--include", f"port={listener.getsockname()[1]}") as sonde:
        port = listener.getsockname()[1]
        for _ in range(TIMES):
            with connected(listener) as (client, server):
                exchange(client, server)
                server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        expect(sonde, port, {"resets_total receive": TIMES, "resets_total transmit": 0})
        expect(sonde, port, {"resets_total receive": 0, "resets_total transmit": TIMES}, side="client")


def what_is_not_watched_and_switched_off():
    port, other = free_port(), free_port()
    for flags in (("--include", f"port={other}"), ("--no-tcp-health",)):
        with Sonde(*flags) as sonde:
            with socket.socket() as refused:
                assert refused.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED
            with socket.socket() as refused:
                assert refused.connect_ex(("127.0.0.1", other)) == errno.ECONNREFUSED
            if flags[0] == "--include":
                expect(sonde, other, {"failed_connects_total refused": 1})
            assert not tcp(sonde, port)
            assert bool(tcp(sonde, other)) == (flags[0] == "--include")


run_scenarios(connects, retransmits_of_a_living_connection, resets, what_is_not_watched_and_switched_off)
