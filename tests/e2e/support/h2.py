"""HTTP/2 over TLS by hand: frames are exactly what the test says, and what comes is read strictly."""

import socket
import ssl
import struct

from .pki import HOST
from .wire import ProtocolError

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 1
END_HEADERS = 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, CANCEL, ENHANCE_YOUR_CALM = 0, 1, 2, 8, 11
LARGE_WINDOW = 2 ** 30

STATIC = [(":authority", ""), (":method", "GET"), (":method", "POST"), (":path", "/"), (":path", "/index.html"),
          (":scheme", "http"), (":scheme", "https"), *[(":status", str(code)) for code in
                                                       (200, 204, 206, 304, 400, 404, 500)],
          *[(name, "gzip, deflate" if name == "accept-encoding" else "") for name in """
          accept-charset accept-encoding accept-language accept-ranges accept access-control-allow-origin age allow
          authorization cache-control content-disposition content-encoding content-language content-length
          content-location content-range content-type cookie date etag expect expires from host if-match
          if-modified-since if-none-match if-range if-unmodified-since last-modified link location max-forwards
          proxy-authenticate proxy-authorization range referer refresh retry-after server set-cookie
          strict-transport-security transfer-encoding user-agent vary via www-authenticate""".split()]]


def _huffman():
    """The code of RFC 7541 by its lengths: within a length codes follow the order of the bytes."""
    lengths = {5: "012aceiost", 6: " %-./3456789=A_bdfghlmnpru", 7: ":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz", 8: "&*,;XZ",
               10: "!\"()?", 11: "'+|", 12: "#>", 13: "\0$@[]~", 14: "^}", 15: "<`{"}
    table, code, before = {}, 0, 0
    for length, symbols in sorted(lengths.items()):
        code <<= length - before
        before = length
        for symbol in sorted(symbols):
            table[(length, code)] = symbol
            code += 1
    return table


HUFFMAN = _huffman()


def _decode_text(data):
    out, length, code = [], 0, 0
    for byte in data:
        for shift in range(7, -1, -1):
            code = code << 1 | (byte >> shift & 1)
            length += 1
            if (length, code) in HUFFMAN:
                out.append(HUFFMAN[(length, code)])
                length, code = 0, 0
            elif length > 15:
                raise ProtocolError("a character that the tests do not know")
    return "".join(out)


class Table:
    """Reads header blocks."""

    def __init__(self):
        self.entries = []

    def decode(self, block):
        fields, at = [], 0
        while at < len(block):
            byte = block[at]
            if byte & 0x80:
                index, at = self._number(block, at, 7)
                fields.append(self._entry(index))
            elif byte & 0xE0 == 0x20:
                _, at = self._number(block, at, 5)
                self.entries.clear()
            else:
                index, at = self._number(block, at, 6 if byte & 0x40 else 4)
                name, at = (self._entry(index)[0], at) if index else self._text(block, at)
                value, at = self._text(block, at)
                fields.append((name, value))
                if byte & 0x40:
                    self.entries.insert(0, (name, value))
        return fields

    def _entry(self, index):
        return STATIC[index - 1] if index <= len(STATIC) else self.entries[index - len(STATIC) - 1]

    @staticmethod
    def _number(block, at, bits):
        most = (1 << bits) - 1
        value, at, shift = block[at] & most, at + 1, 0
        if value < most:
            return value, at
        while True:
            value += (block[at] & 127) << shift
            shift, at = shift + 7, at + 1
            if not block[at - 1] & 128:
                return value, at

    def _text(self, block, at):
        huffman = block[at] & 0x80
        size, at = self._number(block, at, 7)
        data = block[at:at + size]
        return (_decode_text(data) if huffman else data.decode("latin-1")), at + size


def _length(size):
    if size < 127:
        return bytes([size])
    out, size = bytearray([127]), size - 127
    while size >= 128:
        out.append(size % 128 + 128)
        size //= 128
    return bytes(out) + bytes([size])


def block(fields):
    """Fields as literals that no table remembers; text is sent as it is, whatever is in it."""
    out = b""
    for name, value in fields:
        name, value = name.encode("latin-1"), value.encode("latin-1")
        out += b"\0" + _length(len(name)) + name + _length(len(value)) + value
    return out


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


class Answer:
    """What came on one stream."""

    def __init__(self):
        self.heads = []     # interim ones, the final one, trailers: lists of fields
        self.body = b""
        self.pieces = []    # sizes of DATA frames
        self.ended = False
        self.reset = None   # error code

    def _final(self):
        return next((head for head in self.heads if dict(head).get(":status", "").startswith(("2", "3", "4", "5"))), None)

    @property
    def status(self):
        head = self._final()
        return int(dict(head)[":status"]) if head else None

    @property
    def interim(self):
        return [int(dict(head)[":status"]) for head in self.heads if dict(head).get(":status", "").startswith("1")]

    @property
    def trailers(self):
        return [field for head in self.heads if ":status" not in dict(head) for field in head]

    def get(self, name, default=None):
        return dict(self._final() or []).get(name, default)

    @property
    def request_id(self):
        return self.get("x-request-id")


def http2_context(pki):
    context = ssl.create_default_context(cafile=pki.path("ca.pem"))
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


class Http2Client:
    """One HTTP/2 connection. `window`: what each stream may send at first, and the connection, if it is large."""

    def __init__(self, pki, port, host=HOST, window=LARGE_WINDOW, context=None, timeout=30, greet=True):
        plain = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = (context or http2_context(pki)).wrap_socket(plain, server_hostname=host)
        self.host = host
        self.table = Table()
        self.buffer = b""
        self.answers = {}
        self.next_id = 1
        self.settings = {}
        self.windows = {}     # what WINDOW_UPDATE gave, by stream
        self.uploaded = 0     # bytes that upload() sent
        self.goaways = []     # (last stream, code)
        self.pongs = 0
        self.ended = False
        self._block = None
        self.auto_ping = True
        if greet:
            self.send(PREFACE + frame(SETTINGS, 0, 0, struct.pack(">HI", 4, window)))
            if window > 65535:
                self.send(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", LARGE_WINDOW)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def fields(self, method, target, headers=()):
        return [(":method", method), (":scheme", "https"), (":path", target), (":authority", self.host),
                *[(name.lower(), value) for name, value in headers]]

    def open(self, fields, ended=True):
        """Sends a header block as it is; the stream's number."""
        number, self.next_id = self.next_id, self.next_id + 2
        self.answers[number] = Answer()
        self.send(frame(HEADERS, END_HEADERS | (END_STREAM if ended else 0), number, block(fields)))
        return number

    def open_in_pieces(self, fields):
        """Likewise, for a request without a body whose head needs more than one frame."""
        number, self.next_id = self.next_id, self.next_id + 2
        self.answers[number] = Answer()
        head = block(fields)
        for at in range(0, len(head), 16384):
            flags = (END_HEADERS if at + 16384 >= len(head) else 0) | (END_STREAM if at == 0 else 0)
            self.send(frame(CONTINUATION if at else HEADERS, flags, number, head[at:at + 16384]))
        return number

    def start(self, method, target, headers=(), ended=True):
        return self.open(self.fields(method, target, headers), ended)

    def data(self, number, payload, ended=False):
        for at in range(0, max(len(payload), 1), 16384):
            piece = payload[at:at + 16384]
            last = at + 16384 >= len(payload)
            self.send(frame(DATA, END_STREAM if ended and last else 0, number, piece))

    def upload(self, number, body):
        """Sends a whole body as fast as the gateway gives room for it."""
        at = 0
        while at < len(body):
            room = min(self.settings.get(4, 65535) + self.windows.get(number, 0) - at,
                       65535 + self.windows.get(0, 0) - self.uploaded)
            piece = body[at:at + max(0, min(room, 16384))]
            if piece:
                self.data(number, piece)
                at += len(piece)
                self.uploaded += len(piece)
            elif not self.more():
                raise ProtocolError("the connection ended during an upload")
        self.data(number, b"", ended=True)

    def trailers(self, number, fields):
        self.send(frame(HEADERS, END_HEADERS | END_STREAM, number, block(fields)))

    def reset(self, number, code=CANCEL):
        self.send(frame(RST_STREAM, 0, number, struct.pack(">I", code)))

    def give(self, number, size):
        self.send(frame(WINDOW_UPDATE, 0, number, struct.pack(">I", size)))

    def more(self):
        """Reads and takes in one frame; False at the end of the connection."""
        while len(self.buffer) < 9 or len(self.buffer) < 9 + int.from_bytes(self.buffer[:3], "big"):
            try:
                data = self.sock.recv(262144)
            except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError):
                data = b""
            if not data:
                self.ended = True
                return False
            self.buffer += data
        size = int.from_bytes(self.buffer[:3], "big")
        kind, flags, stream = self.buffer[3], self.buffer[4], int.from_bytes(self.buffer[5:9], "big")
        payload, self.buffer = self.buffer[9:9 + size], self.buffer[9 + size:]
        self._take(kind, flags, stream, payload)
        return True

    def _take(self, kind, flags, stream, payload):
        if self._block is not None and kind != CONTINUATION:
            raise ProtocolError("a frame inside a header block")
        if kind in (HEADERS, CONTINUATION):
            self._block = (self._block or b"") + payload
            answer = self.answers[stream]
            answer.ended = answer.ended or (kind == HEADERS and bool(flags & END_STREAM))
            if flags & END_HEADERS:
                answer.heads.append(self.table.decode(self._block))
                self._block = None
        elif kind == DATA:
            answer = self.answers[stream]
            if answer.ended or not answer.heads:
                raise ProtocolError(f"DATA on stream {stream} out of turn")
            answer.body += payload
            answer.pieces.append(len(payload))
            answer.ended = bool(flags & END_STREAM)
        elif kind == RST_STREAM:
            self.answers[stream].reset = int.from_bytes(payload, "big")
        elif kind == SETTINGS and not flags & ACK:
            self.settings.update(struct.unpack_from(">HI", payload, at) for at in range(0, len(payload), 6))
            self.send(frame(SETTINGS, ACK, 0))
        elif kind == PING:
            if flags & ACK:
                self.pongs += 1
            elif self.auto_ping:
                self.send(frame(PING, ACK, 0, payload))
        elif kind == GOAWAY:
            self.goaways.append((int.from_bytes(payload[:4], "big"), int.from_bytes(payload[4:8], "big")))
        elif kind == WINDOW_UPDATE:
            self.windows[stream] = self.windows.get(stream, 0) + int.from_bytes(payload, "big")

    def until(self, condition):
        """Reads until `condition()` is true or the connection ends; whether it is true."""
        while not condition():
            if not self.more():
                return condition()
        return True

    def answer(self, number):
        """The answer of a stream once it is over."""
        answer = self.answers[number]
        self.until(lambda: answer.ended or answer.reset is not None)
        return answer

    def ask(self, method, target, headers=(), body=None):
        number = self.start(method, target, headers, ended=body is None)
        if body is not None:
            self.data(number, body, ended=True)
        return self.answer(number)

    def barrier(self):
        """Returns once everything that was sent before has been read by the gateway; False if it closed."""
        want = self.pongs + 1
        self.send(frame(PING, 0, 0, b"barrier!"))
        return self.until(lambda: self.pongs >= want)

    def at_end(self):
        """True once the gateway has closed the connection."""
        return not self.until(lambda: False) and self.ended
