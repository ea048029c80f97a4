"""An application that speaks HTTP/2 frame by frame, as the test tells it to."""

import socket
import ssl
import struct
import threading

from .h2 import (ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PREFACE, RST_STREAM, SETTINGS,
                 WINDOW_UPDATE, Table, block, frame)
from .upstreams import wait_until

WINDOW_AT_FIRST = 65535
FRAME_BYTES = 16384
MAX_CONCURRENT_STREAMS, INITIAL_WINDOW = 3, 4


class Call:
    """One request that came, and the means to answer it. Every field is as it came."""

    def __init__(self, link, number):
        self.link = link
        self.number = number
        self.heads = []      # the head, then the trailers: lists of fields
        self.body = b""
        self.ended = False
        self.reset = None    # error code
        self.sent = 0        # bytes of the answer's body that went out
        self.window = link.initial_window

    @property
    def head(self):
        return dict(self.heads[0])

    @property
    def path(self):
        return self.head[":path"]

    @property
    def trailers(self):
        return self.heads[1] if len(self.heads) > 1 else []

    def begin(self, status="200", fields=(), ended=False):
        head = block([(":status", status), *fields])
        for at in range(0, len(head), FRAME_BYTES):
            flags = (END_HEADERS if at + FRAME_BYTES >= len(head) else 0) | (END_STREAM if ended and at == 0 else 0)
            self.link.send(frame(CONTINUATION if at else HEADERS, flags, self.number, head[at:at + FRAME_BYTES]))

    def data(self, payload, ended=False):
        self.link.send(frame(DATA, END_STREAM if ended else 0, self.number, payload))
        self.sent += len(payload)

    def end(self, trailers):
        self.link.send(frame(HEADERS, END_HEADERS | END_STREAM, self.number, block(trailers)))

    def answer(self, body=b"", status="200", fields=()):
        self.begin(status, fields, ended=not body)
        if body:
            self.data(body, ended=True)

    def refuse(self, code):
        self.link.send(frame(RST_STREAM, 0, self.number, struct.pack(">I", code)))

    def give(self, size):
        """Lets the gateway send so many more bytes of this body, on the connection as well."""
        for stream in (0, self.number):
            self.link.send(frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", size)))

    def room(self):
        """How much the gateway takes now."""
        return min(self.window, self.link.window) - self.sent


class Link:
    """One connection of the gateway."""

    def __init__(self, app, sock):
        self.app = app
        self.sock = sock
        self.calls = {}
        self.initial_window = WINDOW_AT_FIRST
        self.window = WINDOW_AT_FIRST
        self.goaways = 0
        self.ended = False
        self._table = Table()
        self._block = None
        self._send = threading.Lock()

    def send(self, data):
        with self._send:
            self.sock.sendall(data)

    def goaway(self, last, code=0):
        self.send(frame(GOAWAY, 0, 0, struct.pack(">II", last, code)))

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def _exactly(self, count):
        data = b""
        while len(data) < count:
            piece = self.sock.recv(count - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def serve(self):
        try:
            if self._exactly(len(PREFACE)) != PREFACE:
                raise AssertionError("no preface of HTTP/2")
            if self.app.greet:
                settings = b"".join(struct.pack(">HI", *pair) for pair in self.app.settings.items())
                self.send(frame(SETTINGS, 0, 0, settings))
            while True:
                head = self._exactly(9)
                payload = self._exactly(int.from_bytes(head[:3], "big"))
                self._take(head[3], head[4], int.from_bytes(head[5:9], "big"), payload)
        except (OSError, EOFError):
            pass
        finally:
            self.ended = True
            self.sock.close()

    def _take(self, kind, flags, number, payload):
        if kind in (HEADERS, CONTINUATION):
            self._block = (self._block or b"") + payload
            call = self.calls.get(number)
            if call is None:
                call = self.calls[number] = Call(self, number)
            call.ended = call.ended or (kind == HEADERS and bool(flags & END_STREAM))
            if flags & END_HEADERS:
                call.heads.append(self._table.decode(self._block))
                self._block = None
                self._tell(call)
        elif kind == DATA:
            call = self.calls.get(number)
            if call is None:
                return
            call.body += payload
            call.ended = bool(flags & END_STREAM)
            if self.app.auto_give and payload:
                call.give(len(payload))
            self._tell(call)
        elif kind == RST_STREAM:
            if number in self.calls:
                self.calls[number].reset = int.from_bytes(payload, "big")
        elif kind == SETTINGS and not flags & ACK:
            told = dict(struct.unpack_from(">HI", payload, at) for at in range(0, len(payload), 6))
            self.initial_window = told.get(INITIAL_WINDOW, self.initial_window)
            if self.app.greet:
                self.send(frame(SETTINGS, ACK, 0))
        elif kind == PING and not flags & ACK:
            self.send(frame(PING, ACK, 0, payload))
        elif kind == GOAWAY:
            self.goaways += 1
        elif kind == WINDOW_UPDATE:
            size = int.from_bytes(payload, "big")
            if number == 0:
                self.window += size
            elif number in self.calls:
                self.calls[number].window += size

    def _tell(self, call):
        answer = self.app.answers.get(call.path.split("?")[0])
        if answer is not None:
            answer(call)


class Http2App:
    """Listens, and keeps what came: `links`, each with `calls`. `answers`: what to do for a path, each time that
    something of a request came. `context`: TLS. `greet` False: no SETTINGS are sent."""

    def __init__(self, answers=None, settings=None, context=None, greet=True, auto_give=True, link=Link):
        self.answers = answers or {}
        self.settings = settings or {}
        self.context = context
        self.greet = greet
        self.auto_give = auto_give
        self.make_link = link
        self.links = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.context is not None:
            try:
                sock = self.context.wrap_socket(sock, server_side=True)
            except (ssl.SSLError, OSError):
                sock.close()
                return
        link = self.make_link(self, sock)
        self.links.append(link)
        link.serve()

    @property
    def calls(self):
        return [call for link in list(self.links) for call in list(link.calls.values()) if call.heads]

    def call(self, path, count=1):
        """The newest request for a path, once there are so many."""
        def found():
            return [call for call in self.calls if call.path == path]
        wait_until(lambda: len(found()) >= count, what=f"{count} × {path} at the server")
        return found()[-1]

    def clear(self):
        for link in list(self.links):
            link.calls = {number: call for number, call in list(link.calls.items()) if not call.ended}

    def stop(self):
        self._listener.close()
        for link in list(self.links):
            link.close()


def server_context(pki, protocols=("h2",), name="server"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki.path(f"{name}.pem"), pki.path(f"{name}.key"))
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context
