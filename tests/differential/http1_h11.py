# SPDX-License-Identifier: Apache-2.0
"""What python3-h11 makes of a message, in the words of http1_verdicts.cc."""
import h11

GET = h11.Request(method="GET", target="/", headers=[("Host", "h")])
HEAD = h11.Request(method="HEAD", target="/", headers=[("Host", "h")])
CONNECT = h11.Request(method="CONNECT", target="h:1", headers=[("Host", "h")])
ASKED = {"G": GET, "H": HEAD, "C": CONNECT}


def connection_for(letter):
    if letter == "Q":
        return h11.Connection(h11.SERVER)
    connection = h11.Connection(h11.CLIENT)
    connection.send(ASKED[letter])
    connection.send(h11.EndOfMessage())
    return connection


def opinion(letter, data):
    """(how, start, path, body, next, why); next is "?": not asked."""
    connection = connection_for(letter)
    connection.receive_data(data) if data else None
    start = path = ""
    head, body, at_end = False, 0, False

    def told(how, why=""):
        return how, start, path, body, "?", why

    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError as error:
            if not head:
                return told("bad", str(error))
            # What it lacks at the end of the stream, it lacked before.
            return told("more" if at_end else "broken", str(error))
        if type(event) is h11.Request:
            head, start, path = True, event.method.decode("latin1"), event.target.decode("latin1")
        elif type(event) is h11.Response:
            head, start = True, str(event.status_code)
        elif type(event) is h11.InformationalResponse:
            if event.status_code == 101:
                start = "101"
                return told("tunnel")
        elif type(event) is h11.Data:
            body += len(event.data)
        elif type(event) is h11.EndOfMessage:
            if letter == "C" and start.startswith("2"):
                return told("tunnel")
            return told("close" if at_end else "done")
        elif event is h11.PAUSED:
            return told("tunnel" if head else "part")
        elif event is h11.NEED_DATA:
            if not head:
                return told("part")
            if at_end:
                return told("more")
            at_end = True
            connection.receive_data(b"")
        else:
            return told("part")
