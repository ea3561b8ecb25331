# SPDX-License-Identifier: Apache-2.0
"""What was sent, to compare with what was counted."""
import collections
import dataclasses
import http.client

from processes import DEADLINE_S


@dataclasses.dataclass(frozen=True, order=True)
class Kind:
    """What exchanges have in common: the labels they are counted under."""

    method: str
    status: str
    route: str
    error: str


@dataclasses.dataclass
class Total:
    count: int = 0
    request_bytes: int = 0
    response_bytes: int = 0
    unsized: int = 0  # of these, how many are in no size histogram


class Exchanges(collections.defaultdict):
    """Totals by kind."""

    def __init__(self):
        super().__init__(Total)

    def add(self, method, status, route, request=0, response=0, times=1, error=""):
        total = self[Kind(method, str(status), route, error)]
        total.count += times
        total.request_bytes += times * request
        total.response_bytes += times * response

    def seen_by(self, role):
        """The same with error.type filled in: the caller's mistakes (4xx) are errors to the caller only."""
        seen = Exchanges()
        for kind, total in self.items():
            failed = kind.status >= ("500" if role == "server" else "400")
            seen[dataclasses.replace(kind, error=kind.error or (kind.status if failed else ""))] = total
        return seen

    def count(self):
        return sum(total.count for total in self.values())

    def difference(self, truth):
        """Text; empty if these are the truth."""
        lines = []
        for kind in sorted({*self, *truth}):
            got, want = self.get(kind), truth.get(kind)
            if got != want:
                lines.append(f"  {kind}\n    counted  {got}\n    expected {want}")
        return "\n".join(lines)


class Client:
    """Asks over one connection that it keeps, from this process, and notes what it got."""

    def __init__(self, port, truth):
        self.truth = truth
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)

    def ask(self, method, path, body=None, headers=None, route=None):
        """Gives the answer, its body in .content. A route is given where it is not the path. A body is bytes, or a list
        of them, sent as chunks."""
        self.connection.request(method, path, body, headers or {})
        answer = self.connection.getresponse()
        answer.content = answer.read()
        size = sum(map(len, body)) if isinstance(body, list) else len(body or b"")
        self.truth.add(method, answer.status, route or path.split("?")[0], size, len(answer.content))
        return answer

    def close(self):
        self.connection.close()
