"""The rows of tests/attack, and what those written as HTTP/1.1 say in HTTP/2."""

import base64
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from .pki import HOST

ROWS = Path(os.environ["SOURCE_DIR"]) / "tests/attack"
HTTP2_ROWS = "http2.jsonl"  # what HTTP/1.1 has no words for
# Fields that speak of a connection: HTTP/2 has other means for that, and a request with one is malformed.
OF_CONNECTION = {"connection", "http2-settings", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}


def files():
    """The files whose rows are HTTP/1.1."""
    return sorted(file.name for file in ROWS.glob("*.jsonl") if file.name != HTTP2_ROWS)


def rows(name):
    """(where, row) for each row of a file."""
    for number, line in enumerate((ROWS / name).read_text().splitlines(), 1):
        if line.strip():
            yield f"{name}:{number}", json.loads(line)


def raw_bytes(row):
    """What a row of HTTP/1.1 sends."""
    if "raw" not in row:
        return base64.b64decode(row["raw_base64"])
    return row["raw"].encode("latin-1" if row["expect"].startswith(("refuse", "forward")) else "utf-8")


@dataclass
class Request:
    """A request of HTTP/2: one character is one byte."""

    fields: list
    data: bytes = None      # None: the head ends the stream, unless trailers follow
    trailers: list = None   # None: the body ends without any
    open: bool = False  # nothing ends the stream

    def values(self, name):
        return [value for key, value in self.fields if key == name]

    @property
    def of_connection(self):
        return any(name in OF_CONNECTION or (name == "te" and value != "trailers") for name, value in self.fields)

    @property
    def websocket(self):
        return bool(self.values(":protocol"))

    @property
    def unlike_its_length(self):
        """Whether the body is longer or shorter than a length that can be read."""
        lengths = self.values("content-length")
        return len(lengths) == 1 and lengths[0].isdigit() and int(lengths[0]) != len(self.data or b"")


def _field_lines(lines):
    """Header lines as fields of HTTP/2; None where one of them is none."""
    fields = []
    for line in lines:
        if line[:1] in (" ", "\t") and fields:
            fields[-1] = (fields[-1][0], fields[-1][1] + "\r\n" + line)  # obs-fold: a value with a line end in it
            continue
        name, colon, value = line.partition(":")
        if not colon:
            return None
        fields.append((re.sub("[A-Z]", lambda upper: upper[0].lower(), name), value.strip(" \t")))
    return fields


def _dechunk(data):
    """(body, trailers) of chunks that are in order; None otherwise: chunks have no counterpart in HTTP/2."""
    parts, at = [], 0
    while True:
        size = re.match(rb"([0-9A-Fa-f]{1,8})(?:;[^\r\n\0]*)?\r\n", data[at:])
        if not size:
            return None
        at += size.end()
        count = int(size[1], 16)
        if count == 0:
            break
        if data[at + count:at + count + 2] != b"\r\n":
            return None
        parts.append(data[at:at + count])
        at += count + 2
    end = data.find(b"\r\n\r\n", at - 2)
    if end < 0:
        return None
    lines = data[at:end].decode("latin-1").split("\r\n") if end > at else []
    trailers = _field_lines(lines)
    return None if trailers is None else (b"".join(parts), trailers or None)


def _pseudo(method, target, hosts):
    """The request line and Host. A target that names an authority is split, as RFC 9113 §8.3.1 does."""
    absolute = re.match(r"(?i)https?://([^/?#]*)(.*)", target, re.DOTALL)
    if method == "CONNECT" and not target.startswith("/"):
        return [(":method", method), (":authority", target)]
    fields = [(":method", method), (":scheme", "https")]
    if absolute:
        rest = absolute[2] if absolute[2].startswith("/") else "/" + absolute[2]
        return fields + [(":path", rest), (":authority", absolute[1])] + [("host", host) for host in hosts]
    fields.append((":path", target))
    if len(hosts) == 1:
        return fields + [(":authority", hosts[0])]
    return fields + [("host", host) for host in hosts]


def as_http2(raw):
    """What the bytes of one request of HTTP/1.1 are in HTTP/2; None where they have no meaning there: lines and
    versions that are malformed as such, and chunks."""
    head, blank, rest = raw.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    asked = re.fullmatch(r"([^ ]*) (.*) HTTP/1\.1", lines[0], re.DOTALL)
    fields = _field_lines(lines[1:])
    if not blank or not asked or fields is None:
        return None
    hosts = [value for name, value in fields if name == "host"]
    others = [(name, value) for name, value in fields if name != "host"]
    request = Request(_pseudo(asked[1], asked[2], hosts) + others)
    if request.values("content-length") or request.values("transfer-encoding"):
        request.data = rest or None
    # Else what follows is another request, which would have a stream of its own.
    codings = [value.lower() for value in request.values("transfer-encoding")]
    if codings == ["chunked"] and not request.values("content-length"):
        body = _dechunk(rest)
        if body is None:
            return None
        request.data, request.trailers = body
        request.fields = [pair for pair in request.fields if pair[0] != "transfer-encoding"]
    asks = [value.lower() for value in request.values("connection")] == ["upgrade"]
    if asks and request.values("upgrade") == ["websocket"] and asked[1] == "GET":
        gone = ("upgrade", "connection", "sec-websocket-key", ":method")
        request.fields = [(":method", "CONNECT"), (":protocol", "websocket"),
                          *[pair for pair in request.fields if pair[0] not in gone]]
        request.open = True
    return request


def written(row):
    """The request of a row of http2.jsonl that says `fields`."""
    return Request(expand(row["fields"]), row["data"].encode("latin-1") if "data" in row else None,
                   [tuple(pair) for pair in row["trailers"]] if "trailers" in row else None, row.get("open", False))


def expand(fields):
    """`GET /x` stands for the usual fields; in a list they come where it says so."""
    if isinstance(fields, str):
        method, _, path = fields.partition(" ")
        return [(":method", method), (":scheme", "https"), (":path", path), (":authority", HOST)]
    return [pair for one in fields for pair in (expand(one) if isinstance(one, str) else [tuple(one)])]
