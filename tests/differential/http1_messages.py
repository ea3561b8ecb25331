# SPDX-License-Identifier: Apache-2.0
"""Messages of HTTP/1.x for the differential test: well-formed ones, ones with something wrong in a way that has a name,
and ones with bytes changed at random. The same seed gives the same messages."""

METHODS = ["GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "PATCH", "TRACE"]
TARGETS = [
    "/", "/a", "/a/b?c=d", "/?x=%20y", "/index.html?a=/b?c", "/a;b=c/d", "*", "/%00", "/~x/!$&'()+,;=:@",
    "http://host/p?q", "http://host", "https://h:81/x", "http://u:p@h/", "/a//b/../c",
]  # fmt: skip
ODD_TARGETS = ["/a b", "/\x01", "/\x7f", "a", "//", "/\t", "/<>\"", "/é", "host:80", "?x", "#", "ftp://x/y", "http://", "/a#b"]
FIELDS = [
    "Host: shop", "User-Agent: x/1 (y; z)", "Accept: */*", "Cookie: a=b; c=d", "X-Empty:", "X:y", "Via: 1.1 a, 1.1 b",
    "Content-Type: text/plain", "Connection: keep-alive", "Connection: close", "Date: Mon, 01 Jan 2024 00:00:00 GMT",
    "X-Tab:\ta\t b", "Trailer: X", "Expect: 100-continue", "TE: trailers", "x!#$%&'*+-.^_`|~9: z", "Server: a/1", "ETag: \"x\"",
]  # fmt: skip
ODD_FIELDS = [
    "Bad Name: x", "NoColon", ": empty", "X(y): z", "X\x00: y", "X: a\x00b", "X: a\x01b", "X: a\rb", "X: \x7f", "X: caf\xe9",
    " folded: first", "\tfold", "X : y", "Host : h", "Host: a\r\nHost: b", "X: y\r\n folded", "Host: a b", "@: x", "X:  y  \r",
    "Content-Length : 5", "Transfer-Encoding : chunked", "Content-Length: 5\r\n 0", "Transfer-Encoding:\r\n chunked",
    "Upgrade: websocket\r\nConnection: Upgrade", "Upgrade: h2c", "content-length\x0b: 5", "Proxy-Connection: keep-alive",
]  # fmt: skip
LENGTHS = [
    "+5", "-5", "5 5", "0x5", "5, 5", "5,5,5", "5, 6", "", "5;", "99999999999999999999", "005", "5.0", "1e1", "\t5", "5\x00",
    "4611686018427387905", ",5", "5,",
]  # fmt: skip
CODINGS = [
    "gzip", "identity", "chunked, gzip", "gzip, chunked", "chunked, chunked", "xchunked", "Chunked", "chunked;q=1", ", chunked",
    "chunked,", "\x0bchunked", "", "chunked identity", "identity, chunked", "\"chunked\"", "CHUNKED", "deflate,chunked",
]  # fmt: skip
EXTENSIONS = [";a=b", ";a", "; a = \"b;c\"", " ;x", ";a=\"x\\\"y\""]
ODD_SIZES = ["0x5", "-5", "+5", " 5", "5 ", "5\t", "", "g", "5g", "5;\x00", "ffffffffffffffff", "fffffffffffffffff", "5 5", "00005", "5;a=\xe9"]
VERSIONS = ["HTTP/1.0", "HTTP/1.2", "HTTP/1.9"]
ODD_VERSIONS = ["HTTP/2.0", "HTTP/0.9", "http/1.1", "HTTP/1.10", "HTTP/11", "HTTP/1,1", "HTTP/1.1 ", "HTTP/1", "", "HTTP/1.1\t", "ICY"]
ODD_BYTES = "\x00\x01\t\n\r :;,/0159aAzZ=-_\x7f\x80\xff\"()"


class Generator:
    def __init__(self, random):
        self.random = random

    def some(self, choices, most, share=0.1):
        """Mostly the usual one."""
        return self.random.choice(choices) if self.random.random() < share else most

    def next(self):
        """(letter, bytes): Q for a request, else G H C: an answer to GET, HEAD, CONNECT."""
        random = self.random
        kind = random.random()
        odd = 0.0 if kind < 0.5 else 0.12
        letter = "Q" if random.random() < 0.55 else random.choice("GGGGGGHC")
        text = self.message(letter, odd)
        if letter != "Q" and random.random() < 0.08:
            text = self.some(["HTTP/1.1 102 P\r\n\r\n"], "HTTP/1.1 100 Continue\r\nX: y\r\n\r\n") + text
        if random.random() < 0.15:
            text += self.message(letter, odd)
        elif random.random() < 0.1:
            text = text[: random.randrange(len(text) + 1)]
        if kind > 0.85:
            for _ in range(random.randint(1, 2)):
                text = self.mutate(text)
        return letter, text.encode("latin1")

    def mutate(self, text):
        random = self.random
        at = random.randrange(len(text) + 1)
        how = random.randrange(4)
        if how == 0:
            return text[:at] + random.choice(ODD_BYTES) + text[at + 1 :]
        if how == 1:
            return text[:at] + text[at + 1 :]
        if how == 2:
            return text[:at] + random.choice(ODD_BYTES) + text[at:]
        end = min(len(text), at + random.randint(1, 12))
        return text[:end] + text[at:end] + text[end:]

    def message(self, letter, odd):
        random = self.random
        first = self.request_line(odd) if letter == "Q" else self.status_line(odd)
        fields = random.sample(FIELDS[1:], random.randrange(5))
        if letter == "Q":
            fields.insert(random.randrange(len(fields) + 1), self.some(["Host: [::1]:80", "host:a.b", "HOST: x:1"], "Host: shop"))
            if random.random() < odd:
                fields = [field for field in fields if not field.lower().startswith("host")]
        framing, body = self.framing(letter, odd)
        fields += framing
        if random.random() < odd * 2:
            fields.insert(random.randrange(len(fields) + 1), random.choice(ODD_FIELDS))
        random.shuffle(fields)
        end = "\n" if random.random() < odd / 2 else "\r\n"
        return self.some(["\r\n", "\n", "\r\n\r\n"], "", odd / 4) + end.join([first, *fields, "", ""]) + body

    def request_line(self, odd):
        random = self.random
        method = random.choice(METHODS)
        target = random.choice(TARGETS)
        version = self.some(VERSIONS[:1], "HTTP/1.1")
        if random.random() < odd / 2:
            method = random.choice(["get", "FROB", "PROPFIND", "G(T", "", "QUERY", "X" * 65, "CONNECT", "PRI"])
        if random.random() < odd / 2:
            target = random.choice(ODD_TARGETS)
        if random.random() < odd / 2:
            version = random.choice(VERSIONS + ODD_VERSIONS)
        if random.random() < 0.02:
            method, target = "CONNECT", "host:443"
        return method + self.some(["  ", "\t"], " ", odd / 6) + target + self.some(["  "], " ", odd / 6) + version

    def status_line(self, odd):
        random = self.random
        status = random.choice(["200", "200", "200", "201", "204", "206", "301", "304", "404", "500", "503"])
        version = self.some(VERSIONS[:1], "HTTP/1.1")
        reason = random.choice([" OK", " ", " Not Found", " a\tb"])
        if random.random() < odd / 2:
            status = random.choice(["099", "20", "2000", "999", "600", "abc", "101", "100", "", "-20"])
        if random.random() < odd / 2:
            version = random.choice(VERSIONS + ODD_VERSIONS)
        if random.random() < odd / 2:
            reason = random.choice(["", " \x00", " caf\xe9", "OK", " \x01"])
        return f"{version} {status}{reason}"

    def framing(self, letter, odd):
        """Header fields and a body for them."""
        random = self.random
        size = random.choice([0, 0, 1, 5, 5, 40, 300])
        body = "".join(random.choice("GET /x HTTP/1.1\r\n0123") for _ in range(size))
        kind = random.random()
        if kind < 0.35:
            return [], "" if letter == "Q" else body
        if kind < 0.65:
            length = f"Content-Length: {size}"
            if random.random() < odd:
                return [f"Content-Length: {random.choice(LENGTHS)}"], body
            if random.random() < odd / 2:
                return [length, f"content-length: {random.choice([size, size + 1])}"], body
            return [length], body
        fields = [f"Transfer-Encoding: {random.choice(CODINGS) if random.random() < odd else 'chunked'}"]
        if random.random() < odd / 2:
            fields.append(random.choice([f"Content-Length: {size}", "Transfer-Encoding: identity", "Transfer-Encoding: chunked"]))
        return fields, self.chunks(body, odd)

    def chunks(self, body, odd):
        random = self.random
        end = "\n" if random.random() < odd / 3 else "\r\n"
        out = ""
        while body:
            size = random.randint(1, len(body))
            digits = f"{size:x}" if random.random() > odd / 2 else random.choice(ODD_SIZES)
            if random.random() < 0.1:
                digits = digits.upper() + random.choice(EXTENSIONS)
            out += digits + end + body[:size] + self.some(["", "\n", "xx", "x\r\n"], end, odd / 4)
            body = body[size:]
        trailers = "".join(self.some(ODD_FIELDS, random.choice(FIELDS[1:]), odd) + end for _ in range(random.choice([0, 0, 0, 1, 2])))
        return out + self.some(["00", "0;x"], "0", 0.05) + end + trailers + self.some([""], end, odd / 3)
