"""HTTP/1.1 over TLS by hand: what is sent is exactly what the test says, and what comes is read strictly."""

import socket
import ssl
from dataclasses import dataclass, field

from .pki import HOST

TIMEOUT_S = 30


class ProtocolError(AssertionError):
    """The peer sent something that is no well-formed HTTP/1.1 message."""


@dataclass
class Message:
    """A request or a response as it was read."""

    first_line: str
    headers: list
    body: bytes = b""
    trailers: list = field(default_factory=list)
    interim: list = field(default_factory=list)  # status codes of 1xx answers that came before
    chunks: list = field(default_factory=list)   # sizes, where the body came in chunks
    raw_head: bytes = b""

    @property
    def status(self):
        return int(self.first_line.split(" ")[1])

    @property
    def method(self):
        return self.first_line.split(" ")[0]

    @property
    def target(self):
        return self.first_line.split(" ")[1]

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def get(self, name, default=None):
        values = self.all(name)
        return values[0] if values else default

    @property
    def request_id(self):
        return self.get("X-Request-Id")


class Reader:
    """Reads messages from anything with recv()."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = bytearray()
        self.ended = False

    def more(self):
        """Reads once more; False at the end of the stream."""
        try:
            data = self.sock.recv(262144)
        except (ConnectionResetError, BrokenPipeError, ssl.SSLError) as gone:
            if isinstance(gone, ssl.SSLError) and "timed out" in str(gone):
                raise
            data = b""
        self.ended = not data
        self.buffer += data
        return bool(data)

    def until(self, mark):
        """Bytes up to and including `mark`; None at a clean end before the first byte."""
        while mark not in self.buffer:
            if not self.more():
                if not self.buffer:
                    return None
                raise ProtocolError(f"stream ended inside a message: {bytes(self.buffer[:200])!r}")
        end = self.buffer.index(mark) + len(mark)
        data = bytes(self.buffer[:end])
        del self.buffer[:end]
        return data

    def exactly(self, count, sink=None):
        """`count` bytes, or, with a sink, each piece given to it as it comes."""
        parts = []
        left = count
        while left:
            if not self.buffer and not self.more():
                raise ProtocolError(f"stream ended {left} bytes before the body did")
            piece = bytes(self.buffer[:left])
            del self.buffer[:len(piece)]
            left -= len(piece)
            if sink:
                sink(piece)
            else:
                parts.append(piece)
        return b"".join(parts)

    def to_end(self):
        while self.more():
            pass
        data = bytes(self.buffer)
        self.buffer.clear()
        return data

    def _fields(self, text):
        fields = []
        for line in text.split("\r\n"):
            name, colon, value = line.partition(":")
            if not colon or not name or name != name.strip() or "\n" in line or "\r" in line:
                raise ProtocolError(f"malformed header line {line!r}")
            fields.append((name, value.strip(" \t")))
        return fields

    def _chunked(self, message, sink):
        parts = []
        while True:
            line = self.until(b"\r\n")
            if line is None:
                raise ProtocolError("stream ended before the last chunk")
            size = int(line.split(b";")[0].strip(), 16)
            if size == 0:
                break
            message.chunks.append(size)
            parts.append(self.exactly(size, sink))
            if self.exactly(2) != b"\r\n":
                raise ProtocolError("no line end after a chunk")
        while True:
            line = self.until(b"\r\n")
            if line == b"\r\n":
                break
            message.trailers += self._fields(line[:-2].decode("latin-1"))
        message.body = b"".join(parts)

    def head(self):
        """One head; None at a clean end."""
        raw = self.until(b"\r\n\r\n")
        if raw is None:
            return None
        first, _, rest = raw[:-4].decode("latin-1").partition("\r\n")
        return Message(first, self._fields(rest) if rest else [], raw_head=raw)

    def body(self, message, without=False, until_close=False, sink=None):
        """The body of a head that head() gave, by the rules of RFC 9112 §6.3."""
        codings = message.all("Transfer-Encoding")
        lengths = message.all("Content-Length")
        if codings and lengths:
            raise ProtocolError("both Transfer-Encoding and Content-Length")
        if without:
            return
        if codings:
            if codings != ["chunked"]:
                raise ProtocolError(f"Transfer-Encoding {codings}")
            self._chunked(message, sink)
        elif lengths:
            if len(lengths) != 1 or not lengths[0].isdigit():
                raise ProtocolError(f"Content-Length {lengths}")
            message.body = self.exactly(int(lengths[0]), sink)
        elif until_close:
            message.body = self.to_end()

    def response(self, head=False, sink=None):
        """The final answer, 1xx ones noted in it; None where the stream ends first. 101 has no body."""
        interim = []
        while True:
            message = self.head()
            if message is None:
                return None
            if not message.first_line.startswith("HTTP/1.1 "):
                raise ProtocolError(f"status line {message.first_line!r}")
            if 100 <= message.status < 200 and message.status != 101:
                interim.append(message.status)
                continue
            break
        message.interim = interim
        without = head or message.status in (101, 204, 304)
        self.body(message, without=without, until_close=True, sink=sink)
        return message


def client_context(pki, version=None, certificate=None):
    """A TLS context that trusts the run's authority."""
    context = ssl.create_default_context(cafile=pki.path("ca.pem"))
    context.set_alpn_protocols(["http/1.1"])
    if version:
        context.minimum_version = context.maximum_version = version
    if certificate:
        context.load_cert_chain(pki.path(f"{certificate}.pem"), pki.path(f"{certificate}.key"))
    return context


class Client(Reader):
    """One TLS connection to a gateway."""

    def __init__(self, pki, port, host=HOST, context=None, timeout=TIMEOUT_S, source=None,
                 session=None):
        plain = socket.create_connection(("127.0.0.1", port), timeout=timeout, source_address=source and (source, 0))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            tls = (context or client_context(pki)).wrap_socket(plain, server_hostname=host, session=session)
        except BaseException:
            plain.close()
            raise
        super().__init__(tls)
        self.host = host

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def request_bytes(self, method, target, headers=(), body=None, version="1.1"):
        lines = [f"{method} {target} HTTP/{version}", f"Host: {self.host}"]
        lines += [f"{name}: {value}" for name, value in headers]
        if body is not None and not any(name.lower() == "transfer-encoding" for name, _ in headers):
            lines.append(f"Content-Length: {len(body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body or b"")

    def ask(self, method, target, headers=(), body=None, version="1.1"):
        """Sends one request and reads its answer."""
        self.send(self.request_bytes(method, target, headers, body, version))
        return self.response(head=method == "HEAD")

    def at_end(self):
        """True if the peer has closed and sent nothing more."""
        return not self.buffer and not self.more()


def chunked(*parts, trailers=()):
    """A body in chunks, as bytes."""
    out = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return out + b"0\r\n" + b"".join(f"{name}: {value}\r\n".encode() for name, value in trailers) + b"\r\n"
