"""The applications behind the gateway: nginx, and one that notes every byte it gets."""

import base64
import fcntl
import hashlib
import json
import os
import random
import select
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from .websocket import frame, read_frame
from .wire import ProtocolError, Reader

WEBSOCKET_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
SYN_SENT = "02"  # as /proc/net/tcp has it
REST_S = 60


_reserved = []  # open files: their locks are held until this process ends


def _reserve(port):
    """Whether the port is this process's alone among the tests that run beside it.

    The gateway listens with SO_REUSEPORT: two that were given one port would share its connections unnoticed.
    """
    folder = Path(tempfile.gettempdir()) / f"tallygate-test-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    lock = open(folder / str(port), "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return False
    _reserved.append(lock)
    return True


def free_port():
    """A port nobody listens on, below the range from which the system gives ports to clients."""
    while True:
        port = random.randrange(20000, 32000)
        if not _reserve(port):
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def wait_until(condition, seconds=20, what="condition"):
    """Polls until `condition()` is true; its value. Fails, naming `what`, when the time is over."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.02)


def on_the_way(port):
    """Whether anything was sent to a port of this machine that has not arrived there yet."""
    lines = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    to_it = [(state, int(queues.split(":")[0], 16)) for _, _, peer, state, queues, *_ in lines
             if peer.endswith(f":{port:04X}")]
    return any(state == SYN_SENT or unacknowledged for state, unacknowledged in to_it)


def readable(sock):
    """Whether a socket has something to read, an end or an error among it, now."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def wait_readable(sock):
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    poll.poll()


def accepts(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Nginx:
    """nginx as an application: files under `files`, and a text that shows what it was told at every other path."""

    def __init__(self, root):
        self.root = Path(root)
        self.files = self.root / "files"
        self.files.mkdir(parents=True)
        self.access_log = self.root / "access.log"
        for _ in range(20):
            self.port = free_port()
            self._configure()
            self.process = subprocess.Popen(
                ["nginx", "-c", str(self.root / "nginx.conf"), "-p", str(self.root), "-e",
                 str(self.root / "error.log")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                wait_until(lambda: self.process.poll() is not None or accepts(self.port), what="nginx")
            except AssertionError:
                self.stop()
                raise
            if self.process.poll() is None:
                return
        raise AssertionError("nginx does not start: " + (self.root / "error.log").read_text()[-2000:])

    def _configure(self):
        user = "user root;\n" if os.geteuid() == 0 else ""
        (self.root / "nginx.conf").write_text(f"""{user}daemon off; worker_processes 1; pid nginx.pid;
events {{ worker_connections 2048; }}
http {{
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;
  scgi_temp_path scgi; client_max_body_size 0; keepalive_requests 1000000; default_type text/plain;
  log_format one '$request_method $request_uri $status $http_x_request_id $http_x_forwarded_user';
  access_log access.log one;
  server {{
    listen 127.0.0.1:{self.port} backlog=4096;
    location / {{
      return 200 "nginx: $request_method $request_uri user=$http_x_forwarded_user groups=$http_x_forwarded_groups\\n";
    }}
    location /files/ {{ alias {self.files}/; }}
    location = /empty {{ return 204; }}
    location = /unchanged {{ return 304; }}
    location = /missing {{ return 404 "no such page\\n"; }}
  }}
}}
""")

    def log_lines(self):
        return self.access_log.read_text().splitlines() if self.access_log.exists() else []

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)


class App:
    """An application that reads strictly, notes each request with every byte, and does what the path asks for.

    /echo body and trailers back, framed as they came · /headers what it got, as JSON · /sha256 of the body, streamed
    · /chunks answer in chunks with a trailer · /bytes/N · /204 · /304 · /ws echoes WebSocket frames · /early
    answers without reading the body · /hold answers when the test lets it · /close without a length, ended by closing
    """

    def __init__(self):
        self.requests = []   # Message, in the order they were complete
        self.garbage = []    # what was no request
        self.cut_short = 0   # requests that ended before they were whole
        self.heads = 0       # heads seen, complete or not
        self.accepted = 0    # connections, ever
        self.holding = 0     # requests that wait for release()
        self._released = 0   # that may go and have not gone yet
        self._permits = 0    # that need not wait: release() came first
        self._stopped = False
        self._lock = threading.Lock()
        self._held = threading.Condition(self._lock)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        self._open = set()
        self._idle = set()   # of these: between two requests, with nothing read of the next
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        with self._lock:
            self._stopped = True
            self._held.notify_all()

    def cut(self):
        """Closes every connection."""
        with self._lock:
            for sock in self._open:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def connections(self):
        with self._lock:
            return len(self._open)

    def clear(self):
        with self._lock:
            self.requests.clear()
            self.garbage.clear()
            self.cut_short = 0
            self.heads = 0

    def at_rest(self):
        """Whether all that was sent to it has been read and noted, and every connection waits for a request."""
        if on_the_way(self.port):
            return False
        with self._lock:
            return not readable(self._listener) and self._open == self._idle and not any(map(readable, self._idle))

    def rest(self):
        """Returns once it is at rest: from then on nothing comes that was sent before."""
        wait_until(self.at_rest, REST_S, "the application has noted all that was sent to it")

    def release(self):
        """Lets one of the held requests go, or else the next one that would be held."""
        with self._lock:
            if self.holding:
                self.holding -= 1
                self._released += 1
                self._held.notify()
            else:
                self._permits += 1

    def _hold(self):
        with self._lock:
            if self._permits:
                self._permits -= 1
                return
            self.holding += 1
            self._held.wait_for(lambda: self._released or self._stopped)
            self._released = max(0, self._released - 1)

    def _accept(self):
        while not self._stopped:
            try:
                wait_readable(self._listener)
                with self._lock:  # at no time is a connection neither in the queue nor among the open ones
                    sock, _ = self._listener.accept()
                    self._open.add(sock)
                    self.accepted += 1
            except BlockingIOError:
                continue
            except (OSError, ValueError):
                return
            sock.setblocking(True)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reader = Reader(sock)
        try:
            self._await_request(sock, reader)
            while self._one(sock, reader):
                self._await_request(sock, reader)
        except ProtocolError as wrong:
            with self._lock:
                if str(wrong).startswith("stream ended"):
                    self.cut_short += 1
                else:
                    self.garbage.append(str(wrong))
        except OSError:
            pass
        finally:
            with self._lock:
                self._open.discard(sock)
            sock.close()

    def _await_request(self, sock, reader):
        """Returns once something of the next request is there, which stays unread until this is no longer idle."""
        if reader.buffer:
            return
        with self._lock:
            self._idle.add(sock)
        wait_readable(sock)
        with self._lock:
            self._idle.discard(sock)

    def _one(self, sock, reader):
        request = reader.head()
        if request is None:
            return False
        with self._lock:
            self.heads += 1
        parts = request.first_line.split(" ")
        if len(parts) != 3 or parts[2] not in ("HTTP/1.1", "HTTP/1.0"):
            raise ProtocolError(f"request line {request.first_line!r}")
        path = request.target.split("?")[0]
        if path == "/early":
            self._note(request)
            sock.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbig\n")
            return False
        if request.get("Expect", "").lower() == "100-continue":
            sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        digest = hashlib.sha256()
        count = [0]

        def sink(piece):
            digest.update(piece)
            count[0] += len(piece)

        reader.body(request, sink=sink if path == "/sha256" else None)
        self._note(request)
        if path == "/ws":
            return self._websocket(sock, reader, request)
        if path == "/sha256":
            return self._answer(sock, request, json.dumps({"bytes": count[0], "sha256": digest.hexdigest()}).encode())
        return self._page(sock, request, path)

    def _note(self, request):
        with self._lock:
            self.requests.append(request)

    def _page(self, sock, request, path):
        if path == "/echo":
            return self._echo(sock, request)
        if path == "/headers":
            return self._answer(sock, request, json.dumps(request.headers).encode(), "application/json")
        if path == "/chunks":
            sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Sum\r\n\r\n")
            if request.method != "HEAD":
                for part in (b"one", b"two", b"three" * 10000):
                    sock.sendall(b"%x\r\n%s\r\n" % (len(part), part))
                sock.sendall(b"0\r\nSum: 3\r\n\r\n")
            return True
        if path.startswith("/bytes/"):
            return self._bytes(sock, int(path.split("/")[2]))
        if path == "/204":
            sock.sendall(b"HTTP/1.1 204 No Content\r\nX-App: yes\r\n\r\n")
            return True
        if path == "/304":
            sock.sendall(b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 77\r\n\r\n')
            return True
        if path == "/close":
            sock.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end")
            return False
        if path == "/drop-next":
            self._answer(sock, request, b"one more, then none\n")
            sock.recv(1)  # of the next request, which gets no answer
            self.cut()
            return False
        if path == "/hold":
            self._hold()
        return self._answer(sock, request, f"app: {request.method} {request.target}\n".encode())

    def _answer(self, sock, request, body, kind="text/plain"):
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        sock.sendall(head if request.method == "HEAD" else head + body)
        return True

    def _echo(self, sock, request):
        if not request.get("Transfer-Encoding"):
            return self._answer(sock, request, request.body)
        out = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        at = 0
        for size in request.chunks:
            out += b"%x\r\n%s\r\n" % (size, request.body[at:at + size])
            at += size
        out += b"0\r\n" + "".join(f"{n}: {v}\r\n" for n, v in request.trailers).encode("latin-1") + b"\r\n"
        sock.sendall(out)
        return True

    def _bytes(self, sock, count):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % count)
        block = bytes(range(256)) * 1024
        while count:
            piece = block[:min(count, len(block))]
            sock.sendall(piece)
            count -= len(piece)
        return True

    def _websocket(self, sock, reader, request):
        key = request.get("Sec-WebSocket-Key", "").encode()
        accept = base64.b64encode(hashlib.sha1(key + WEBSOCKET_GUID).digest()).decode()
        sock.sendall("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode())
        while True:
            opcode, payload = read_frame(reader)
            sock.sendall(frame(opcode, payload))
            if opcode == 8:
                return False
