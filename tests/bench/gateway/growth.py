#!/usr/bin/env python3
"""What a request costs a gateway that has more to choose from: processor time by routes, rules and sessions.

    tests/bench/gateway/growth.py [routes] [rules] [sessions] [--rounds 5] [--seconds 4] [--folder /var/tmp]
                                  [--most 100000]

All gateways of a kind run at once, and one after the other is asked, forwards and backwards, so that what else the machine
does meets each of them alike. The requests go to all routes, rules or sessions in turn. A figure is the median of the
rounds; what is large may cost 5 % more than what is small. Sessions are begun by logging in, some 200 a second, and the
application is told of them without a signed assertion: one is made once a minute for each person, however many there are.
Needs nginx, wrk, openssl and a release build (or TALLYGATE_BIN).
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import resource
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time

from scale import free_port, make_keys, mint, run, start_gateway, start_origin

SIZES = {"routes": (1, 100, 1_000), "rules": (10, 100, 1_000, 10_000), "sessions": (100, 1_000, 10_000, 100_000)}
MUST = 1.05
PER_USER = 50       # sessions of one account, as the gateway has it
PER_ADDRESS = 25    # logins from one address before it has to wait
LOGINS_AT_ONCE = 8  # they share commits, and wait for the one thread that computes
PATHS = 1_000       # in the requests of one run at most


def cpu_seconds(process):
    """Processor time of another process, in nanoseconds' resolution: its CPU clock, as clock_getcpuclockid() makes it."""
    return time.clock_gettime(~process.pid << 3 | 2)


def log_in(port, count, first):
    """Cookies of so many sessions, begun over one connection from an address of its own."""
    address = f"127.{1 + (first >> 14) % 200}.{(first >> 7) & 127}.{1 + (first // PER_ADDRESS) % 250}"
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    plain = socket.create_connection(("127.0.0.1", port), timeout=60, source_address=(address, 0))
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    cookies = []
    with context.wrap_socket(plain, server_hostname="localhost") as sock:
        reader = sock.makefile("rb")

        def ask(method, headers="", body=""):
            sock.sendall(f"{method} /.tallygate/login HTTP/1.1\r\nHost: localhost:{port}\r\n{headers}"
                         f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += reader.readline()
            length = re.search(rb"(?i)^content-length: (\d+)", head, re.MULTILINE)
            return head.decode(), reader.read(int(length[1])).decode() if length else ""

        head, page = ask("GET")
        form = re.search(r"(?i)^set-cookie: ([^;]+)", head, re.MULTILINE)[1]
        token = re.search(r'name="token" value="([^"]+)"', page)[1]
        for number in range(first, first + count):
            body = f"token={token}&return=%2F&user=user-{number // PER_USER}&password=benchmark"
            head, page = ask("POST", f"Origin: https://localhost:{port}\r\nCookie: {form}\r\n"
                             "Content-Type: application/x-www-form-urlencoded\r\n", body)
            found = re.search(r"(?im)^set-cookie: (__Host-tallygate=[^;]+)", head)
            if not found:
                sys.exit(f"login {number}: {head}{page[-500:]}")
            cookies.append(found[1])
    return cookies


def sessions(port, count):
    cookies = []
    with concurrent.futures.ThreadPoolExecutor(LOGINS_AT_ONCE) as pool:
        starts = range(0, count, PER_ADDRESS)
        for some in pool.map(lambda first: log_in(port, min(PER_ADDRESS, count - first), first), starts):
            cookies += some
            if len(cookies) % 5_000 == 0:
                print(f"  {len(cookies):,} sessions", file=sys.stderr, flush=True)
    return cookies


def requests_of(kind, size, port, tokens):
    """What wrk asks for in turn: (path, header name, header value)."""
    bearer = [("Authorization", f"Bearer {token}") for token in tokens]
    if kind == "routes":
        return [(f"/app-{i % size}/page", *bearer[0]) for i in range(PATHS)]
    if kind == "rules":
        return [(f"/teams/{i * max(1, size // PATHS) % max(1, size - 3)}/page", *bearer[i % len(bearer)]) for i in range(PATHS)]
    return [("/page", "Cookie", cookie) for cookie in sessions(port, size)]


class Peer:
    """One gateway and what is asked of it."""

    def __init__(self, kind, size, folder, upstream, tokens):
        self.size = size
        self.folder = folder
        self.port = free_port()
        environment = {"routes": {"TALLYGATE_ROUTES": size}, "rules": {"TALLYGATE_RULES": size},
                       "sessions": {"TALLYGATE_USERS": -(-size // PER_USER), "TALLYGATE_ASSERTION": "false"}}[kind]
        changed = {"TALLYGATE_RULES": "3", **{name: str(value) for name, value in environment.items()}}
        self.process = start_gateway(folder, self.port, upstream, free_port(), changed)
        asked = requests_of(kind, size, self.port, tokens)
        (folder / "asked").write_text("".join("\t".join(one) + "\n" for one in asked))
        (folder / "ask.lua").write_text(f"""
local asked, at = {{}}, 0
for line in io.lines("{folder}/asked") do
  local path, name, value = line:match("([^\\t]+)\\t([^\\t]+)\\t([^\\t]+)")
  asked[#asked + 1] = wrk.format("GET", path, {{["Host"] = "localhost", [name] = value}})
end
request = function() at = at % #asked + 1; return asked[at] end
done = function(summary)
  local e = summary.errors
  io.write(string.format("%d %d\\n", summary.requests, e.connect + e.read + e.write + e.status + e.timeout))
end
""")
        self.costs = []

    def measure(self, seconds):
        before = cpu_seconds(self.process)
        said = run("wrk", "-t1", "-c32", f"-d{seconds}s", "-s", self.folder / "ask.lua", f"https://localhost:{self.port}/")
        spent = cpu_seconds(self.process) - before
        count, wrong = map(int, said.split()[-2:])
        if wrong:
            sys.exit(f"{wrong} of {count} answers were none")
        self.costs.append(spent / count * 1e6)
        print(f"  {self.size:>7,}: {self.costs[-1]:.2f} µs, {count / seconds:,.0f} requests/s", file=sys.stderr, flush=True)

    def stop(self):
        self.process.terminate()
        self.process.wait(60)


def compare(kind, options, folder, upstream, tokens):
    peers = []
    try:
        for size in SIZES[kind]:
            if size <= options.most:
                own = folder / f"{kind}-{size}"
                own.mkdir()
                for file in ("tls.crt", "tls.key", "jwt.key", "jwt.pub"):
                    shutil.copy(folder / file, own)
                peers.append(Peer(kind, size, own, upstream, tokens))
        for peer in peers:
            peer.measure(1)
            peer.costs.clear()
        for turn in range(options.rounds):
            for peer in peers if turn % 2 == 0 else reversed(peers):
                peer.measure(options.seconds)
    finally:
        for peer in peers:
            peer.stop()
    least = statistics.median(peers[0].costs)
    print(f"\n| {kind} | CPU µs a request | least and most | × {peers[0].size:,} |\n|---|---|---|---|")
    for peer in peers:
        cost = statistics.median(peer.costs)
        print(f"| {peer.size:,} | {cost:.2f} | {min(peer.costs):.2f} to {max(peer.costs):.2f} | {cost / least:.3f} (must: {MUST}) |")
    print(flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", metavar="KIND", help="routes, rules, sessions; all of them without it")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4, help="of one measurement")
    parser.add_argument("--most", type=int, default=max(max(sizes) for sizes in SIZES.values()), help="leaves larger sizes out")
    parser.add_argument("--folder", default="/var/tmp", help="on the disk under test")
    options = parser.parse_args()
    if unknown := set(options.kinds) - set(SIZES):
        parser.error(f"no such kind: {', '.join(sorted(unknown))}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tallygate-growth-", dir=options.folder))
    folder.chmod(0o755)
    upstream = free_port()
    make_keys(folder)
    origin = start_origin(folder, upstream)
    try:
        tokens = [mint(folder / "jwt.key", person) for person in range(8)]
        for kind in options.kinds or SIZES:
            compare(kind, options, folder, upstream, tokens)
    finally:
        origin.terminate()
        origin.wait(60)
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
