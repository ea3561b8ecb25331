# SPDX-License-Identifier: Apache-2.0
"""What is odd about a message, by name: the shapes that http1_disagreements.txt explains disagreements with. Read from
the bytes alone, by other code than that under test. A message that keeps to the grammar has no shape, so that no
disagreement about it can be explained."""
import re

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
REQUEST_LINE = re.compile(rb"(%s) ([\x21-\x7e]+) HTTP/1\.([0-9])" % TOKEN)
STATUS_LINE = re.compile(rb"HTTP/1\.([0-9]) ([0-9]{3})( [\t\x20-\x7e\x80-\xff]*)?")
FIELD = re.compile(rb"(%s):[ \t]*(.*?)[ \t]*" % TOKEN, re.DOTALL)
SPACED = re.compile(rb"(%s)[ \t]+:(.*)" % TOKEN, re.DOTALL)
CHUNK = re.compile(rb"[0-9A-Fa-f]+([ \t]*;[ \t]*%s([ \t]*=[ \t]*(%s|\"([^\"\\\x00-\x08\x0a-\x1f\x7f]|\\[\t\x20-\x7e])*\"))?)*" % (TOKEN, TOKEN))
KNOWN_METHODS = set(
    b"DELETE GET HEAD POST PUT CONNECT OPTIONS TRACE COPY LOCK MKCOL MOVE PROPFIND PROPPATCH SEARCH UNLOCK BIND REBIND "
    b"UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE M-SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE PATCH PURGE MKCALENDAR LINK "
    b"UNLINK SOURCE QUERY".split()
)  # what llhttp was generated with


def split_lines(data, at):
    """[(line without its end, its end)], and where the empty line ended; -1: it is not there."""
    lines = []
    while True:
        end = data.find(b"\n", at)
        if end < 0:
            lines.append((data[at:], b""))
            return lines, -1
        line = data[at : end + 1]
        at = end + 1
        stop = b"\r\n" if line.endswith(b"\r\n") else b"\n"
        line = line[: -len(stop)]
        if not line and lines:
            lines.append((b"", stop))
            return lines, at
        lines.append((line, stop))


def shapes(letter, data):
    found = set()
    at = 0
    for _ in range(3):  # interim answers, a message, and the one behind it
        at = one_message(letter, data, at, found)
        if at < 0 or at >= len(data):
            break
    return found


def one_message(letter, data, at, found):
    """Adds its shapes; where it ends, as its own words have it; -1: nothing is said of what follows."""
    begin = at
    while data[at : at + 1] in (b"\r", b"\n"):
        at += 1
    if at != begin:
        found.add("empty-lines")
    lines, body = split_lines(data, at)
    if any(stop == b"\n" for _, stop in lines):
        found.add("bare-lf")
    if any(b"\r" in line[:-1] or (line.endswith(b"\r") and stop) for line, stop in lines):
        found.add("bare-cr")
    start, stop = lines[0]
    version = method = status = None
    if letter == "Q":
        match = REQUEST_LINE.fullmatch(start)
        if match:
            method, target, version = match.groups()
            check_target(method, target, found)
            if method not in KNOWN_METHODS:
                found.add("method")
            if len(method) > 64:
                found.add("method-long")
        elif stop:
            found.add("request-line")
    else:
        match = STATUS_LINE.fullmatch(start)
        if match:
            version, status = match.group(1), int(match.group(2))
            if status < 100 or status > 599:
                found.add("status")
            if match.group(3) is None:
                found.add("no-reason")
        elif stop:
            found.add("status-line")
    if not stop:
        found.add("first-line-cut")
    if version is None and (match := re.search(rb"HTTP/1\.([0-9])", start)):
        version = match.group(1)  # malformed, and read all the same
        if letter != "Q" and (match := re.match(rb" ([0-9]{3})", start[match.end() :])):
            status = int(match.group(1))
    if version not in (None, b"0", b"1"):
        found.add("minor-version")
    lengths, codings, hosts, upgrade, closing = check_fields(letter, lines[1:], found)
    if letter == "Q":
        if hosts == 0 and version != b"0":
            found.add("no-host")
        if hosts > 1:
            found.add("hosts")
    if upgrade:
        found.add("upgrade")
    if start.startswith(b"CONNECT"):
        found.add("connect")
    if status == 101:
        found.add("101")
    if closing or version == b"0":
        found.add("closing")
    names = check_framing(letter, version, status, lengths, codings, found)
    if body < 0:
        return -1
    if status and status < 200 and status != 101:
        if lengths or codings:
            found.add("interim-framing")
        return body
    return body_end(letter, data, body, status, lengths, names, found)


def check_target(method, target, found):
    if method == b"CONNECT":
        if not re.fullmatch(rb"[A-Za-z0-9.\-]+:[0-9]+", target):
            found.add("target")
    elif target == b"*":
        if method != b"OPTIONS":
            found.add("target")
    elif target.startswith(b"/"):
        if re.search(rb"[^A-Za-z0-9\-._~%!$&'()*+,;=:@/?]", target):
            found.add("target")
    elif not re.fullmatch(rb"https?://([^/?#@]+@)?[A-Za-z0-9.\-]+(:[0-9]+)?([/?][A-Za-z0-9\-._~%!$&'()*+,;=:@/?]*)?", target):
        found.add("target")


def check_fields(letter, lines, found):
    lengths, codings, hosts, upgrade, closing = [], [], 0, False, False
    for i, (line, stop) in enumerate(lines):
        if not line:
            continue
        if not stop and b":" not in line and line[:1] not in b" \t":
            if not re.fullmatch(TOKEN + rb"|\r", line):
                found.add("space-name" if re.fullmatch(TOKEN + rb"[ \t]+\r?", line) else "field-name")
            continue
        if line[:1] in b" \t":
            found.add("fold" if i else "fold-first")
            continue
        match = FIELD.fullmatch(line)
        if match is None:
            match = SPACED.fullmatch(line)
            found.add("space-name" if match else "field-name")
            if match is None:
                continue
        name, value = match.group(1).lower(), match.group(2).strip(b" \t")
        if name == b"content-length" and line.endswith(b"\t"):
            found.add("length-tab")
        if re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", value):
            found.add("field-value")
        if b"\x80" <= max((value[k : k + 1] for k in range(len(value))), default=b""):
            found.add("obs-text")
        if name == b"content-length":
            lengths.append(value)
        elif name == b"transfer-encoding":
            codings.append(value)
        elif name == b"host":
            hosts += 1
            if not re.fullmatch(rb"[A-Za-z0-9.\-:\[\]_]*", value):
                found.add("host-value")
        elif name == b"upgrade":
            upgrade = True
        elif name == b"connection":
            closing = closing or b"close" in value.lower()
    if letter == "Q" and hosts == 0 and not lines:
        found.add("no-host")
    return lengths, codings, hosts, upgrade, closing


def numbers_of(lengths):
    return {number.strip(b" \t") for value in lengths for number in value.split(b",")}


def check_framing(letter, version, status, lengths, codings, found):
    """The names of the codings."""
    numbers = numbers_of(lengths)
    if len(lengths) > 1 or any(b"," in value for value in lengths):
        found.add("lengths")
    if len({number.lstrip(b"0") or b"0" for number in numbers}) > 1 or any(
        not re.fullmatch(rb"[0-9]{1,18}", number) for number in numbers
    ):
        found.add("length-bad")
    names = [name.strip(b" \t").lower() for value in codings for name in value.split(b",")]
    if codings and lengths:
        found.add("both")
    if codings and version == b"0":
        found.add("coding-1.0")
    if codings and names != [b"chunked"]:
        found.add("coding")
    if (lengths or codings) and is_empty(letter, status):
        found.add("empty-framing")
    return names


def is_empty(letter, status):
    return status is not None and (status in (101, 204, 304) or letter == "H" or (letter == "C" and status // 100 == 2))


def body_end(letter, data, body, status, lengths, names, found):
    numbers = numbers_of(lengths)
    if is_empty(letter, status):
        return -1 if status == 101 or (letter == "C" and status // 100 == 2) else body
    if names and names[-1] == b"chunked":
        return chunks_end(data, body, found)
    if names:
        return -1
    if numbers:
        number = next(iter(numbers))
        return body + int(number) if re.fullmatch(rb"[0-9]{1,18}", number) else -1
    return body if status is None else -1


def chunks_end(data, at, found):
    while True:
        end = data.find(b"\n", at)
        if end < 0:
            if re.search(rb"[ \t]", data[at:]):
                found.add("chunk-space")
            if not re.fullmatch(rb"([0-9A-Fa-f]{1,16}([ \t]*;.*)?\r?)?", data[at:], re.DOTALL) or b"\x00" in data[at:]:
                found.add("chunk-size")
            if re.search(rb"[\x00-\x08\x0a-\x1f\x7f-\xff]", data[at:].rstrip(b"\r")):
                found.add("chunk-size")
            return -1
        line = data[at:end]
        if not line.endswith(b"\r"):
            found.add("chunk-bare-lf")
        line = line[:-1] if line.endswith(b"\r") else line
        if not CHUNK.fullmatch(line):
            found.add("chunk-size")
        if re.search(rb"[ \t]", line):
            found.add("chunk-space")
        digits = re.match(rb"[0-9A-Fa-f]*", line).group()
        if not digits or len(digits.lstrip(b"0")) > 15:
            found.add("chunk-size")
            return -1
        size = int(digits, 16)
        at = end + 1
        if size == 0:
            break
        if data[at + size : at + size + 2] != b"\r\n" and len(data) >= at + size + 1:
            if not (len(data) == at + size + 1 and data.endswith(b"\r")):
                found.add("chunk-end")
        at += size + 2
    # Trailers: lines as those of a head, without their meaning.
    if data[at : at + 2] == b"\r\n":
        return at + 2
    if data[at : at + 1] == b"\n":
        found.add("trailer")
        return at + 1
    lines, end = split_lines(data, at)
    inner = set()
    if any(stop == b"\n" for _, stop in lines) or any(b"\r" in line[:-1] or line.endswith(b"\r") and stop for line, stop in lines):
        inner.add("bare")
    for line, stop in lines:
        if line and not stop and b":" not in line:
            if not re.fullmatch(TOKEN + rb"|\r", line):
                inner.add("line")
        elif line:
            if line[:1] in b" \t" or not FIELD.fullmatch(line) or re.search(rb"[\x00-\x08\x0a-\x1f\x7f-\xff]", line):
                inner.add("line")
    if inner:
        found.add("trailer")
    if any(line.lower().startswith(b"connection") for line, _ in lines):
        found.add("closing")
    if any(line.lower().startswith((b"upgrade", b"content-length", b"transfer-encoding")) for line, _ in lines):
        found.add("trailer")
    return end
