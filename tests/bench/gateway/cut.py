#!/usr/bin/env python3
"""How long open WebSockets outlive the policy that let them in: from a reload to the last of them closed.

  TALLYGATE_BIN=…/tallygate PLUGIN_DIR=…/bin tests/bench/gateway/cut.py [WEBSOCKETS]      default: 5000

Prints the time until the first, half, 99 % and all were closed, and how many said why (close code 1008). Needs as many
descriptors in each process as there are WebSockets, and twice that in the gateway.
"""

import asyncio
import base64
import hashlib
import resource
import ssl
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "e2e"))
from support.pki import HOST, Pki  # noqa: E402
from support.site import Gateway, Site  # noqa: E402

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
AT_ONCE = 64  # handshakes under way


async def application(reader, writer):
    """Opens every WebSocket and says nothing on it."""
    try:
        await reader.readuntil(b"\r\n\r\n")
        accept = base64.b64encode(hashlib.sha1((KEY + GUID).encode()).digest()).decode()
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                     b"Sec-WebSocket-Accept: " + accept.encode() + b"\r\n\r\n")
        await reader.read()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


class WebSocket:
    """One of a client; `closed` is when its end came, and `code` why."""

    async def open(self, site, context):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", site.port, ssl=context, server_hostname=HOST)
        name, value = site.bearer()
        self.writer.write(f"GET /ws HTTP/1.1\r\nHost: {HOST}\r\n{name}: {value}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                          f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n".encode())
        head = await self.reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101 "):
            raise AssertionError(head.decode(errors="replace"))

    async def wait(self):
        try:
            said = await self.reader.read()
        except ConnectionError:
            said = b""
        self.closed = time.monotonic()
        self.code = int.from_bytes(said[2:4], "big") if said[:1] == b"\x88" else None
        self.writer.close()


async def measure(site, gateway, pki, count):
    context = ssl.create_default_context(cafile=pki.path("ca.pem"))
    places = asyncio.Semaphore(AT_ONCE)
    sockets = [WebSocket() for _ in range(count)]

    async def open_one(one):
        async with places:
            await one.open(site, context)

    await asyncio.gather(*map(open_one, sockets))
    waiting = [asyncio.create_task(one.wait()) for one in sockets]
    site.policy["rules"] = [rule for rule in site.policy["rules"] if rule["id"] != "read-pages"]
    site.write()
    start = time.monotonic()
    await asyncio.to_thread(gateway.reload)
    loaded = time.monotonic()
    await asyncio.gather(*waiting)
    closed = sorted(one.closed - start for one in sockets)
    told = sum(one.code == 1008 for one in sockets)
    print(f"{count} WebSockets, reload in {loaded - start:.3f} s; closed: first {closed[0]:.3f} s, half {closed[count // 2]:.3f} s, "
          f"99 % {closed[int(count * 0.99)]:.3f} s, all {closed[-1]:.3f} s; {told} told why")


async def main(count):
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with tempfile.TemporaryDirectory() as folder:
        pki = Pki(Path(folder) / "pki")
        server = await asyncio.start_server(application, "127.0.0.1", 0, backlog=1024)
        site = Site(Path(folder) / "site", pki, server.sockets[0].getsockname()[1])
        site.settings["limits"].update(connections=count + 100, connections_per_address=count + 100)
        site.write()
        gateway = await asyncio.to_thread(Gateway, site)
        try:
            await measure(site, gateway, pki, count)
            await asyncio.to_thread(gateway.stop)
        finally:
            gateway.kill()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5000))
