"""A load balancer in front that passes connections on and says whose they are (PROXY protocol, versions 1 and 2)."""

import os
import socket
import struct
import subprocess
import unittest

from support import journal
from support.case import SiteCase
from support.pki import HOST
from support.site import Gateway
from support.upstreams import wait_until
from support.wire import Reader, client_context

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LINE = b"PROXY TCP4 203.0.113.9 10.0.0.1 50000 443\r\n"


def binary(source="203.0.113.9", port=50_000, command=1):
    """Version 2, for TCP over IPv4, with the balancer's own name behind the addresses (PP2_TYPE_AUTHORITY)."""
    told = socket.inet_aton(source) + socket.inet_aton("10.0.0.1") + struct.pack("!HH", port, 443) + b"\x02\0\4wiki"
    return SIGNATURE + bytes([0x20 | command, 0x11]) + struct.pack("!H", len(told)) + told


class ProxyProtocol(SiteCase):
    def setUp(self):
        self.app.clear()

    def balanced_site(self, handshake="10s", **limits):
        site = self.new_site()
        site.settings["listen"]["proxy_protocol"] = ["127.0.0.1"]
        site.settings["trusted_proxies"] = ["127.0.0.1"]
        site.settings["limits"].update(limits)
        site.settings["limits"]["timeouts"]["handshake"] = handshake
        site.write()
        return site

    def raw(self, site, header, source="127.0.0.1", in_pieces=False):
        """A connection on which these bytes were sent; nothing of TLS yet."""
        sock = socket.create_connection(("127.0.0.1", site.port), timeout=30, source_address=(source, 0))
        self.addCleanup(sock.close)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in ([header[at:at + 1] for at in range(len(header))] if in_pieces else [header]):
            sock.sendall(piece)
        return sock

    def ask_through(self, site, header, target="/public/news", **options):
        sock = client_context(self.pki).wrap_socket(self.raw(site, header, **options), server_hostname=HOST)
        self.addCleanup(sock.close)
        sock.sendall(f"GET {target} HTTP/1.1\r\nHost: {HOST}\r\nX-Forwarded-For: 192.0.2.66\r\n\r\n".encode())
        head = Reader(sock).until(b"\r\n\r\n").decode()
        sock.close()
        return int(head.split(" ")[1]), dict(line.split(": ", 1) for line in head.strip().split("\r\n")[1:])

    def assert_closed(self, sock):
        """Nothing comes of the connection: it is closed, or TLS fails on what the gateway says."""
        try:
            wrapped = client_context(self.pki).wrap_socket(sock, server_hostname=HOST)
        except TimeoutError:
            raise
        except OSError:
            return
        finally:
            sock.close()
        wrapped.close()
        self.fail("TLS began")

    def client_of(self, site, headers):
        [entry] = journal.by_request_id(site.journal)[headers["X-Request-Id"]]
        return entry["client"]

    def test_the_client_is_whom_the_balancer_names(self):
        site = self.balanced_site()
        with Gateway(site):
            for header in (LINE, binary()):
                for in_pieces in (False, True):
                    with self.subTest(header[:8], in_pieces=in_pieces):
                        self.app.clear()
                        status, headers = self.ask_through(site, header, in_pieces=in_pieces)
                        self.assertEqual(status, 200)
                        client = self.client_of(site, headers)
                        self.assertEqual((client["address"], client["port"]), ("203.0.113.9", 50_000))
                        [seen] = self.app.requests
                        self.assertEqual(seen.all("X-Forwarded-For"), ["203.0.113.9"], "the client's own is not believed")
            status, headers = self.ask_through(site, b"PROXY TCP6 2001:db8::7 ::1 1 443\r\n")
            self.assertEqual((status, self.client_of(site, headers)["address"]), (200, "2001:db8::7"))
            for header in (b"PROXY UNKNOWN\r\n", binary(command=0)):
                status, headers = self.ask_through(site, header)
                self.assertEqual((status, self.client_of(site, headers)["address"]), (200, "127.0.0.1"),
                                 "the balancer speaks for itself, and what it passes on says nothing of others")
        self.assert_sound(site)

    def test_curl_speaks_it_over_both_versions_of_http(self):
        site = self.balanced_site()
        environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        with Gateway(site):
            for version in ("--http1.1", "--http2"):
                done = subprocess.run(
                    ["curl", "-sS", version, "--haproxy-protocol", "--cacert", self.pki.path("ca.pem"), "--resolve",
                     f"{HOST}:{site.port}:127.0.0.1", "-o", os.devnull, "-w", "%{http_code}",
                     f"https://{HOST}:{site.port}/public/news"],
                    capture_output=True, text=True, timeout=60, check=False, env=environment)
                self.assertEqual((done.stdout, done.stderr), ("200", ""), version)

    def test_a_balancer_must_say_it_and_nobody_else_may(self):
        site = self.balanced_site(handshake="2s")
        with Gateway(site) as gateway:
            self.assert_closed(self.raw(site, b""))
            self.assert_closed(self.raw(site, LINE, source="127.0.0.2"))
            self.assertEqual(self.ask_through(site, b"", source="127.0.0.2")[0], 200, "others come as ever")
            for bad in (LINE.replace(b"\r\n", b"\n"), LINE + LINE, SIGNATURE + b"\x21\x11\xff\xff",
                        binary().replace(b"\x21\x11", b"\x21\x12"), b"GET / HTTP/1.1\r\n\r\n"):
                self.assert_closed(self.raw(site, bad))
            # A header that does not end has as long as a handshake has.
            for begun in (b"PROXY TCP4 203.", SIGNATURE[:5], binary()[:20]):
                self.assertEqual(self.raw(site, begun).recv(1), b"")
            self.assertGreaterEqual(int(float(gateway.metric("tallygate_handshake_failures_total"))), 9)
            wait_until(lambda: not gateway.has_clients(), what="none of them is counted any more")
        self.assertEqual(self.app.requests[0].all("X-Forwarded-For"), ["127.0.0.2"])
        self.assertEqual(len(self.app.requests), 1)

    def test_limits_count_the_client_and_not_the_balancer(self):
        site = self.balanced_site(connections_per_address=2)
        with Gateway(site) as gateway:
            held = [self.ask_and_hold(site, binary(source)) for source in ("203.0.113.1", "203.0.113.1", "203.0.113.2")]
            self.assert_closed(self.raw(site, binary("203.0.113.1")))
            held[0].close()

            def free_again():
                sock = self.raw(site, binary("203.0.113.1"))
                try:
                    client_context(self.pki).wrap_socket(sock, server_hostname=HOST).close()
                except OSError:
                    return False
                return True

            wait_until(free_again, what="what one of its connections left is free again")
            for sock in held:
                sock.close()
            wait_until(lambda: not gateway.has_clients(), what="nobody is left")

    def ask_and_hold(self, site, header):
        sock = client_context(self.pki).wrap_socket(self.raw(site, header), server_hostname=HOST)
        self.addCleanup(sock.close)
        sock.sendall(f"GET /public/news HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        self.assertIn(b" 200 ", Reader(sock).until(b"\r\n\r\n"))
        return sock


if __name__ == "__main__":
    unittest.main()
